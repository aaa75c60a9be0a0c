"""Telling the demonstration: what came back, what the host has, and the trace with its points explained."""

import os
import re
import shutil
import sys
import textwrap
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from ptrace_net.demo.run import Outcome

WIDTH = 100
ON_HOST = "=> host: "  # how the trace shows what was done on the host for the call above


class Point(NamedTuple):
    """A line of the trace worth a sentence: the first one that matches is shown beneath the text."""

    pattern: str
    text: str


POINTS = (
    Point(r"\bsocket\(AF_INET6, SOCK_STREAM", "The server asks for an IPv6 socket; it gets an IPv4 one:"),
    Point(r"IPV6_V6ONLY", "It clears IPV6_V6ONLY, to serve IPv4 clients too; no IPv4 socket has that:"),
    Point(r"\bbind\(.*AF_INET6", "It binds the address ::, which becomes 0.0.0.0:"),
    Point(r"connect\(.*127\.0\.0\.1", "The first client connects over IPv4:"),
    Point(r"accept4?\b.*::ffff:127\.0\.0\.1", "The server is told an IPv4 peer in IPv6 form, as Linux does:"),
    Point(r'connect\(.*"::1"', "The second client connects over IPv6, to ::1:"),
    Point(r'accept4?\b.*"::1"', "And the server sees that peer as ::1:"),
)


def wrapped(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 8, break_on_hyphens=False
    )


def points(trace: list[str]) -> list[str]:
    """The points that the trace has, in the order of the story: a sentence, the line, what the host did."""
    told = []
    for point in POINTS:
        found = next((index for index, line in enumerate(trace) if re.search(point.pattern, line)), None)
        if found is not None:
            host = takewhile(lambda line: ON_HOST in line, trace[found + 1 :])
            told += [point.text, wrapped(trace[found]), *map(wrapped, host), ""]
    return told


def command() -> str:
    """How a shell here calls ptrace-net: by name where PATH has it, else by its file."""
    if shutil.which("ptrace-net"):
        return "ptrace-net"
    installed = Path(sys.executable).with_name("ptrace-net")
    return os.path.relpath(installed) if installed.exists() else "python3 -m ptrace_net"


def tell(outcome: Outcome) -> str:
    """The whole story; of a run that failed, what it said."""
    if not outcome.worked:
        said = [outcome.messages.strip(), outcome.server_log.strip()]
        return "\n".join(["The run failed:", *filter(None, said), *outcome.trace[-20:]])
    return "\n".join([
        f"The server: python3 -m http.server --bind :: {outcome.port}. It knows nothing of ptrace-net.",
        f"{outcome.client} http://127.0.0.1:{outcome.port}/ got: {outcome.by_ipv4.strip()}",
        f"{outcome.client} http://[::1]:{outcome.port}/ got: {outcome.by_ipv6.strip()}",
        f"Listening on the host meanwhile: {outcome.host_tcp} IPv4 socket, {outcome.host_tcp6} IPv6 sockets.",
        "What the server wrote to its log:",
        *(f"    {line}" for line in outcome.server_log.splitlines()),
        "",
        f"The trace has {len(outcome.trace)} lines. Some of them, with what the host was asked beneath:",
        "",
        *points(outcome.trace),
        f"Try it: {command()} -t -- PROGRAM ARG…",
    ])  # fmt: skip
