"""The command line: `ptrace-net [run] [OPTIONS] -- PROGRAM [ARG…]` and the other commands.

What a command needs is imported when it is asked for.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import ptrace_net
from ptrace_net.failure import OWN_FAILURE, Failure, complain, internal_error
from ptrace_net.lab import options as lab
from ptrace_net.options import Options
from ptrace_net.report.record_options import add_options, check
from ptrace_net.run import run

if TYPE_CHECKING:
    from ptrace_net.device_options import Links
    from ptrace_net.policies.values import Policy
    from ptrace_net.publish_option import Ports

# name -> (module with main(argv) -> int, what it does)
COMMANDS = {
    "attach": ("ptrace_net.attach", "trace or record a running program"),
    "show": ("ptrace_net.record.commands.show", "a recording or log as text, JSON, packets, statistics"),
    "diff": ("ptrace_net.record.commands.diff", "align two recordings or logs; where the flows part"),
    "replay": ("ptrace_net.record.commands.replay", "make recorded calls again; the first divergence"),
    "explain": ("ptrace_net.explain", "a layout, a call, an option, an errno, or bytes in hex"),
    "needs": ("ptrace_net.needs.command", "which socket features a program uses, and cannot do without"),
    "policy": ("ptrace_net.policy_command", "list, show or check policies"),
    "ps": ("ptrace_net.lab.ps", "runs of this user: programs, since when, memory"),
    "ss": ("ptrace_net.lab.ss", "their sockets"),
    "stop": ("ptrace_net.lab.stop", "end the programs of a run"),
    "doctor": ("ptrace_net.doctor", "what this machine allows, and the remedy for what it does not"),
    "demo": ("ptrace_net.demo", "a dual-stack server, its clients, and the decoded trace"),
}

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status."""
    sys.excepthook = internal_error
    _as_given()
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in COMMANDS:
        return _command(*words)
    if words[:1] == ["run"]:
        words = words[1:]
    try:
        return run(parse(words))
    except Failure as failure:
        complain(str(failure))
        return failure.status


def _as_given() -> None:
    """Take back the LC_CTYPE that Python has set where the locale is C (PEP 538): it is not the programs'."""
    if os.environ.get("LC_CTYPE") not in ("C.UTF-8", "C.utf8", "UTF-8"):
        return
    with open("/proc/self/environ", "rb") as given:
        was = [word for word in given.read().split(b"\0") if word.startswith(b"LC_CTYPE=")]
    if was:
        os.environb[b"LC_CTYPE"] = was[0].partition(b"=")[2]
    else:
        del os.environ["LC_CTYPE"]


def _command(name: str, *words: str) -> int:
    """The status of one of ``COMMANDS``; nobody needs to read to the end what it prints."""
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115 (closed: nothing else shall become descriptor 1)
    try:
        status: int = import_module(COMMANDS[name][0]).main([*words])
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, *_FULL):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else the interpreter's exit writes what is left
        if error.errno == errno.EPIPE:  # a pager was closed
            return 0
        complain(f"output: {error.strerror}")
        return OWN_FAILURE
    return status


def parse(words: list[str]) -> Options:
    """The options of a run; status 125 on a usage error. Raises Failure for a policy that is no good."""
    parser = _parser()
    own = _own(words)
    if len(own) < len(words) and own[-2:-1] == ["--trace"] and own[-1][:1] != "-":
        parser.error(f"a file is given with an equals sign: --trace={own[-1]}")
    # An optional value only with `=`, so that `--trace PROGRAM` means the program.
    parsed = parser.parse_args(["--trace=-" if word == "--trace" else word for word in own])
    program = words[len(own) - len(parsed.program) :]
    program = program[1:] if program[:1] == ["--"] else program
    if not program:
        parser.error("a program is wanted: ptrace-net [OPTIONS] -- PROGRAM [ARG...]")
    lab.check(parser, parsed)
    check(parser, parsed)
    trace = "-" if parsed.json and parsed.trace is None else parsed.trace
    policy = policy_of(parsed.policy, parsed.inject, parsed.seed)
    parsed.net = parsed.net or ("host" if policy.wants_host and parsed.name is None else "stack")
    return Options(
        program, policy, parsed.engine, parsed.net, _ports(parser, parsed, policy),
        _links(parser, parsed), trace, parsed.json, parsed.record, parsed.record_payload, parsed.record_io,
        name=parsed.name, join=parsed.join, background=parsed.background, views=parsed.views,
    )  # fmt: skip


def _parser() -> _Parser:
    parser = _Parser(
        prog="ptrace-net",
        description="Run a program and service its network system calls.",
        usage="ptrace-net [run] [OPTIONS] -- PROGRAM [ARG...]",
        epilog="commands:\n" + "\n".join(f"  {name:10} {text}" for name, (_, text) in COMMANDS.items()),
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "--net", choices=["host", "stack", "none"],
        help="who services inet sockets: the host's, a stack of our own, or that without an outside "
        "(default: stack; host with a policy that maps addresses or ports)",
    )
    add(
        "-p", "--publish", action="append", default=[], metavar="[ADDR:]HOST:PORT[/udp]",
        help="let the host in at a port of the run's (default: at the same one on 127.0.0.1, if it is free)",
    )
    add(
        "--policy", action="append", default=[], metavar="NAME|FILE",
        help="rules and kernel profiles; repeatable, later ones win (see: ptrace-net policy list)",
    )
    add(
        "--inject", action="append", default=[], metavar="RULE",
        help="a fault in strace's grammar: connect:error=ETIMEDOUT:when=3; repeatable",
    )
    add("--seed", type=int, metavar="N", help="what chances of faults and links are drawn from (default: 0)")
    add(
        "--device", action="append", default=[], metavar="NAME=BACKEND",
        help="a link for packets: eth0=tap:INTERFACE, hub:NAME, stream:PATH, none; repeatable",
    )
    add(
        "--capture", action="append", default=[], metavar="[DEV=]FILE",
        help="packets to a pcapng file or a FIFO, of one device (lo, eth0) or all; repeatable",
    )
    add(
        "--frames", action="append", default=[], metavar="[DEV=]FILE",
        help="a line of text for each packet, to a file or - (standard error); repeatable",
    )
    add(
        "--impair", action="append", default=[], metavar="DEV:WHAT",
        help="disturb a device: lo:delay=20ms,loss=1%%; repeatable",
    )
    add(
        "--views", choices=["auto", "on", "off"], default="auto",
        help="whether /proc/net and /sys/class/net show the run's network (default: if PROGRAM names them)",
    )
    add(
        "--engine", choices=["auto", "ptrace", "notify"], default="auto",
        help="how calls are intercepted (default: auto, by what the kernel offers)",
    )
    add("-t", dest="trace", action="store_const", const="-", help="show every socket call, decoded")
    add("--trace", metavar="FILE", help="the same to a file; written with an equals sign, --trace=FILE")
    add("--json", action="store_true", help="the trace as one JSON object per line")
    add_options(parser)
    lab.add_options(parser)
    add("--version", action="version", version=f"ptrace-net {ptrace_net.__version__}")
    add("program", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser  # fmt: skip


def _ports(parser: _Parser, parsed: argparse.Namespace, policy: Policy) -> Ports:
    if not parsed.publish:
        return {}
    from ptrace_net.publish_option import parse_ports

    if parsed.net == "host" and not policy.mixes("host"):
        parser.error("-p: with --net host the program's ports are the host's")
    if parsed.net == "none" or parsed.device:
        parser.error(f"-p: with {'--net none' if parsed.net == 'none' else '--device'} nothing is published")
    try:
        return parse_ports(parsed.publish)
    except ValueError as error:
        parser.error(str(error))


def _links(parser: _Parser, parsed: argparse.Namespace) -> Links | None:
    if not (parsed.device or parsed.capture or parsed.impair or parsed.frames):
        return None
    from ptrace_net.device_options import links

    try:
        return links(parsed.net, parsed.device, parsed.capture, parsed.impair, parsed.frames)
    except ValueError as error:
        parser.error(str(error))


def _own(words: list[str]) -> list[str]:
    """The words before `--`."""
    return words[: words.index("--")] if "--" in words else words


def policy_of(names: list[str], faults: list[str], seed: int | None) -> Policy:
    """The policies of these names over each other, with more faults. Raises Failure."""
    from ptrace_net.policies.values import Policy

    policy = Policy()
    if not names and not faults:
        return policy
    from ptrace_net.policies.policy import PolicyError, load

    for name in names:
        try:
            policy = load(name, policy)
        except PolicyError as error:
            raise Failure(f"policy {error}") from None
        except OSError as error:
            hint = "; `ptrace-net policy list` shows the names"
            raise Failure(f"policy {name}: {error.strerror}{hint}") from None
    return _with_faults(policy, faults, seed)


def _with_faults(policy: Policy, faults: list[str], seed: int | None) -> Policy:
    from ptrace_net.policies.faults import parse_fault
    from ptrace_net.policies.problem import Problem

    try:
        own = tuple(parse_fault(text) for text in faults)
    except Problem as problem:
        raise Failure(f"--inject {problem.text}") from None
    policy = policy._replace(faults=(*policy.faults, *own))
    return policy if seed is None else policy._replace(seed=seed)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        """The parser makes one per option: asked by argparse, the width would take shutil's imports."""
        try:
            columns = int(os.environ.get("COLUMNS", 0)) or os.get_terminal_size().columns
        except (OSError, ValueError):
            columns = 80
        super().__init__(prog, width=columns - 2)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(125, f"ptrace-net: {message}\n")
