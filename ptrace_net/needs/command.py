"""`ptrace-net needs -- PROGRAM`: one run tells what it uses; with a check, more tell what it cannot miss."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from typing import Any

from ptrace_net.failure import OWN_FAILURE, Failure, complain
from ptrace_net.needs import report
from ptrace_net.needs.collect import Collector, row_of
from ptrace_net.policies.values import Policy


def main(argv: list[str]) -> int:
    """The program's exit status; of a search 0, or 1 where the check fails with nothing taken away."""
    words, program = _split(argv)
    try:
        options = _parser().parse_args(words)
    except SystemExit as usage:
        return OWN_FAILURE if usage.code else 0
    if not program:
        complain("a program is wanted: ptrace-net needs [OPTIONS] -- PROGRAM [ARG...]")
        return OWN_FAILURE
    try:
        if options.collect:
            return _collect(options, program)
        against = {name: _load([name]) for name in options.against}
        if options.check is None and not options.check_exit:
            _check_lonely(options)
            return _once(options, program, against)
        from ptrace_net.needs.campaign import campaign

        return campaign(options, program, against)
    except Failure as failure:
        complain(str(failure))
        return failure.status


def _check_lonely(options: argparse.Namespace) -> None:
    """Raise Failure for what a search alone can do."""
    given = [word for word in ("write", "state", "scheduler") if getattr(options, word) is not None]
    if given:
        raise Failure(f"--{given[0]} is about a search: --check COMMAND or --check-exit")


def _split(argv: list[str]) -> tuple[list[str], list[str]]:
    if "--" not in argv:
        return argv, []
    at = argv.index("--")
    return argv[:at], argv[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ptrace-net needs",
        usage="ptrace-net needs [OPTIONS] -- PROGRAM [ARG...]",
        description="Which socket features a program uses, and which it cannot do without.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--net", choices=["host", "stack", "none"], default="host", help="who services its sockets")
    add("--policy", action="append", default=[], metavar="NAME|FILE", help="run it under this policy")
    add("--against", action="append", default=[], metavar="NAME|FILE", help="tell what this kernel lacks")
    add("--json", action="store_true", help="the report as one JSON object")
    add("-o", "--output", metavar="FILE", help="the report to a file (default: standard error)")
    add("--check", metavar="COMMAND", help="a shell command that succeeds when the program does its job")
    add("--check-exit", action="store_true", help="the program does its job when it ends with 0")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="runs side by side")
    add("--seconds", type=float, default=10.0, metavar="S", help="how long a run may take (default: 10)")
    add("--tries", type=int, default=1, metavar="N", help="how often a failing run is tried (default: 1)")
    add("--state", metavar="FILE", help="where results are kept: an interrupted search goes on from there")
    add("--write", metavar="FILE", help="the smallest profile under which the check passes, as a policy")
    add("--scheduler", metavar="ADDRESS", help="spread the runs over the workers of a Dask scheduler")
    add("--collect", metavar="FILE", help=argparse.SUPPRESS)
    return parser


def _load(names: list[str]) -> Policy:
    from ptrace_net.cli import policy_of

    return policy_of(names, [], None)


def _run(options: argparse.Namespace, program: list[str]) -> tuple[int, Collector]:
    from ptrace_net.options import Options
    from ptrace_net.run import run

    collector = Collector()
    return run(Options(program, _load(options.policy), net=options.net, collector=collector)), collector


def _collect(options: argparse.Namespace, program: list[str]) -> int:
    status, collector = _run(options, program)
    collector.write(options.collect)
    return status


def _once(options: argparse.Namespace, program: list[str], against: dict[str, Policy]) -> int:
    status, collector = _run(options, program)
    rows = [row_of(feature, use) for feature, use in collector.uses.items()]
    tell(options, (report.as_json if options.json else report.text)(rows, against))
    return status


def tell(options: argparse.Namespace, text: str) -> None:
    """The report, where it is wanted. Raises Failure."""
    if options.output is None:
        sys.stderr.write(text)
        return
    try:
        with open(options.output, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Failure(f"{options.output}: {error.strerror}") from None


def collected(path: str) -> list[dict[str, Any]]:
    """The rows that a collecting run has written. Raises Failure."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            rows: list[dict[str, Any]] = json.load(file)
    except OSError:
        raise Failure("the first run did not end when it was asked to, and told nothing") from None
    return rows


def temporary() -> str:
    """A name for a file of one run."""
    return os.path.join(tempfile.mkdtemp(prefix="ptrace-net-needs-"), "features.json")
