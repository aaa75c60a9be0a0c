"""The command line: `ptrace-net [run] [OPTIONS] -- PROGRAM [ARG…]` and the other commands, each imported when asked for."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

import ptrace_net
from ptrace_net.run import Failure, Options, complain, run

# name -> (module with main(argv) -> int, what it does)
COMMANDS = {
    "attach": ("ptrace_net.attach", "trace a running program"),
    "explain": ("ptrace_net.explain", "a layout, a call, an option, an errno, or bytes in hex"),
    "policy": ("ptrace_net.policy_command", "list, show or check policies"),
    "demo": ("ptrace_net.demo", "a dual-stack server, its clients, and the decoded trace"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in COMMANDS:
        status: int = import_module(COMMANDS[words[0]][0]).main(words[1:])
        return status
    if words[:1] == ["run"]:
        words = words[1:]
    try:
        return run(parse(words))
    except Failure as failure:
        complain(str(failure))
        return failure.status


def parse(words: list[str]) -> Options:
    """The options of a run; exits with status 125 on a usage error. Raises Failure for a policy that is no good."""
    from ptrace_net.policies.policy import Policy, PolicyError, load

    parser = _Parser(
        prog="ptrace-net",
        description="Run a program and service its network system calls.",
        usage="ptrace-net [run] [OPTIONS] -- PROGRAM [ARG...]",
        epilog="commands:\n" + "\n".join(f"  {name:10} {text}" for name, (_, text) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--net", choices=["host"], default="host", help="who services inet sockets (default: host)")
    parser.add_argument(
        "--policy", action="append", default=[], metavar="NAME|FILE", help="address mapping; repeatable, later ones win"
    )
    parser.add_argument(
        "--engine", choices=["auto", "ptrace", "notify"], default="auto",
        help="how calls are intercepted (default: auto, which is ptrace)",
    )
    parser.add_argument(
        "-t", "--trace", nargs="?", const="-", metavar="FILE", help="show every socket call, decoded (-t, --trace=FILE)"
    )
    parser.add_argument("--json", action="store_true", help="the trace as one JSON object per line")
    parser.add_argument("--version", action="version", version=f"ptrace-net {ptrace_net.__version__}")
    options, program = _split(words)
    parsed, rest = parser.parse_known_args(options)
    program = rest + program
    if not program or program[0].startswith("-"):
        parser.error("a program is wanted: ptrace-net [OPTIONS] -- PROGRAM [ARG...]" if not program else f"unknown option {program[0]}")
    policy = Policy()
    for name in parsed.policy:
        try:
            policy = load(name, policy)
        except PolicyError as error:
            raise Failure(f"policy {error}") from None
        except OSError as error:
            raise Failure(f"policy {name}: {error.strerror}; `ptrace-net policy list` shows the names") from None
    trace = parsed.trace if parsed.trace is not None else "-" if parsed.json else None
    return Options(program, policy, parsed.engine, trace, parsed.json)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        self.print_usage(sys.stderr)
        self.exit(125, f"ptrace-net: {message}\n")


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    if "--" in words:
        at = words.index("--")
        return words[:at], words[at + 1 :]
    return words, []
