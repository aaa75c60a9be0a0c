"""``ptrace-net replay FILE``: make the socket calls of a log or recording again and compare.

Exit status: 0 when everything went as recorded (or for a known cause only), 1 when something diverged,
125 when the file cannot be read or the replay cannot run.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from ptrace_net.failure import Failure
from ptrace_net.record.commands.common import Parser, guarded, write_file, write_lines
from ptrace_net.record.errors import RecordError
from ptrace_net.record.export import FORMATS, export
from ptrace_net.record.load import load
from ptrace_net.record.model import Log
from ptrace_net.record.replay.plan import Plan, Selection, make_plan

_PROVIDERS = ("host", "stack", "none")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = Parser("ptrace-net replay", description="Re-run a recorded or imported sequence of calls.")
    made.add_argument("file", metavar="FILE", help="recording, strace log or kernel log")
    made.add_argument(
        "--on",
        default="native",
        metavar="native|host|stack|PROFILE",
        help="who services the calls: this kernel (default), a provider, or a policy",
    )
    made.add_argument(
        "--format", metavar="FORMAT", help="what FILE is: strace, arceos, zcore, asterinas, FILE.toml"
    )
    made.add_argument("--from", dest="first", type=int, metavar="LINE", help="begin at this line of the log")
    made.add_argument("--until", type=int, metavar="LINE", help="end with this line of the log")
    made.add_argument("--task", type=int, action="append", metavar="TASK", help="this task only; repeatable")
    made.add_argument("--minimize", action="store_true", help="find the fewest calls that still diverge")
    made.add_argument("--export", choices=FORMATS, metavar="|".join(FORMATS), help="write a program instead")
    made.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="where --export writes (standard output)"
    )
    made.add_argument(
        "--shared-network", action="store_true", help="use this machine's network, not one of its own"
    )
    made.add_argument("--all", action="store_true", help="list every divergence")
    made.add_argument("--prefix", metavar="COMMAND", help=argparse.SUPPRESS)
    return made


def main(argv: list[str]) -> int:
    """Run the command with `argv` (without its name)."""
    options = parser().parse_args(argv)
    return guarded(lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    log = load(options.file, options.format)
    selection = select(log, options.first, options.until, options.task or ())
    prefix, isolated = _prefix(options)
    if options.minimize:
        return _minimize(_selected(log, selection), prefix, isolated, options)
    plan = make_plan(log, selection)
    if options.export:
        write_file(options.output, export(plan, options.export))
        return 0
    return _replay(plan, prefix, isolated, options)


def select(log: Log, first: int | None, last: int | None, tasks: Sequence[int]) -> Selection:
    """The calls that begin between two lines of the log; the records of a recording count as its lines."""
    lines = [record.source.line or place + 1 for place, record in enumerate(log.records)]
    begin, end = first or 0, last if last is not None else max(lines, default=0)
    if not any(begin <= line <= end for line in lines):
        raise RecordError(f"{log.name}: no call between the lines that were asked for")
    return Selection(lambda place: lines[place] <= end, lambda place: lines[place] >= begin, frozenset(tasks))


def _selected(log: Log, selection: Selection) -> Log:
    records = [record for place, record in enumerate(log.records) if selection.holds(place, record)]
    return Log(log.name, log.kind, records, log.lost, log.config)


def _prefix(options: argparse.Namespace) -> tuple[list[str], bool]:
    """The command that runs the workers, and whether they get a network of their own."""
    if options.prefix:
        return options.prefix.split(), False
    if options.on == "native":
        return [], not options.shared_network
    from ptrace_net.cli import policy_of

    run = [sys.executable, "-m", "ptrace_net", "run"]
    if options.on in _PROVIDERS:
        return [*run, "--net", options.on, "--"], not options.shared_network
    named = os.path.abspath(options.on) if os.path.isfile(options.on) else options.on
    try:
        policy_of([named], [], None)
    except Failure as failure:
        raise RecordError(f"--on: {failure}") from None
    return [*run, "--policy", named, "--"], not options.shared_network


def _replay(plan: Plan, prefix: list[str], isolated: bool, options: argparse.Namespace) -> int:
    from ptrace_net.record.replay.run import replay
    from ptrace_net.record.replay.text import LISTED, render

    on_stack = options.on == "stack"
    report = replay(plan, prefix, isolated, _progress("calls"), on_stack=on_stack)
    write_lines(render(report, len(report.outcomes) if options.all else LISTED))
    return 1 if any(not each.cause for each in report.divergences) or report.world_failures else 0


def _minimize(log: Log, prefix: list[str], isolated: bool, options: argparse.Namespace) -> int:
    from ptrace_net.record.replay.minimize import minimize
    from ptrace_net.record.replay.text import render

    tell = _progress("replays")
    minimal = minimize(log, prefix, isolated, (lambda count, calls: tell(count, count)) if tell else None)
    if options.export:
        plan = make_plan(log, Selection(keep=frozenset(minimal.kept).__contains__))
        write_file(options.output, export(plan, options.export))
    else:
        write_lines([f"{len(minimal.kept)} calls are left, after {minimal.replays} replays:"])
        write_lines(render(minimal.report))
        from ptrace_net.record.render import record_text

        write_lines(f"  {record_text(log.records[place])}" for place in minimal.kept)
    return 1


def _progress(what: str) -> Callable[[int, int], None] | None:
    """A line on the terminal that is renewed five times a second; None where there is no terminal."""
    if not sys.stderr.isatty():
        return None
    last = [0.0]

    def show(done: int, total: int) -> None:
        now = time.monotonic()
        if now - last[0] >= 0.2:
            last[0] = now
            print(f"\rptrace-net: {done} of {total} {what}\x1b[K", end="", file=sys.stderr, flush=True)
        if done + 1 >= total:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    return show
