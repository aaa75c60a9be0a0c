"""``ptrace-net explain WHAT [BYTES]``: arguments, errors in one line, and the choice of a renderer."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from typing import NoReturn

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, Arch
from ptrace_net.abi.constants.netlink import NETLINK
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.sockopt import option_named
from ptrace_net.explain import data, html, layouts, lookup, source, streams, subjects, svg, text
from ptrace_net.explain.page import Page

FAILED = 125

_EPILOG = """examples:
  ptrace-net explain sockaddr_in6                     its bytes, field by field
  ptrace-net explain sockaddr_in6 --arch x86_64,s390x two architectures side by side
  ptrace-net explain sendmsg                          arguments, flags, errors
  ptrace-net explain IPV6_V6ONLY                      an option
  ptrace-net explain ECONNREFUSED                     an error, and who gives it
  ptrace-net explain 020000507f0000010000000000000000 bytes: an address, control messages, netlink
  ptrace-net explain cmsghdr dump.bin                 bytes of a file ("-": standard input) as a layout
"""


class Refused(ValueError):
    """The arguments do not go together."""


def main(argv: list[str]) -> int:
    """Explain; 0, or 125 with one line on standard error."""
    parsed = _parser().parse_args(argv)
    try:
        rendered = _rendered(_page(parsed), parsed.format)
    except (AbiError, lookup.Unknown, source.NoBytes, Refused) as error:
        print(f"ptrace-net explain: {error}", file=sys.stderr)
        return FAILED
    return _printed(rendered)


def page(words: list[str]) -> Page:
    """The page that these arguments ask for; raises what ``main`` turns into its one line."""
    return _page(_parser().parse_args(words))


def _printed(rendered: str) -> int:
    try:
        sys.stdout.write(rendered)
        sys.stdout.flush()
    except BrokenPipeError:  # a pager was closed: keep the interpreter's exit from writing what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"ptrace-net explain: {message}\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="ptrace-net explain",
        description="Explain a layout, a call, a socket option, an error, a constant, or bytes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=_EPILOG,
    )
    parser.add_argument("what", help="a name, or bytes in hexadecimal")
    parser.add_argument(
        "bytes", nargs="?", help="bytes of that layout: hexadecimal, a file, or - for standard input"
    )
    parser.add_argument(
        "--arch", default="x86_64", help=f"one of {', '.join(ARCHES)}; two, with a comma: compare"
    )
    parser.add_argument("--format", choices=["text", "svg", "html", "json"], default="text")
    parser.add_argument("--control", metavar="BYTES", help="what msg_control of a msghdr points to")
    parser.add_argument("--name", metavar="BYTES", help="what msg_name of a msghdr points to")
    parser.add_argument("--protocol", default="route", help="of netlink bytes: route, sock_diag, generic…")
    return parser


def _page(parsed: argparse.Namespace) -> Page:
    arches = tuple(_arch(name) for name in parsed.arch.split(","))
    if parsed.bytes is not None:
        return _bytes_page(lookup.clean(parsed.what), source.read(parsed.bytes), arches[0], parsed)
    if parsed.control is not None or parsed.name is not None:
        raise Refused("--control and --name go with the bytes of a msghdr")
    if parsed.what == "-" or ("/" in parsed.what and os.path.exists(parsed.what)):
        return _guessed(source.read(parsed.what), arches[0], _protocol(parsed.protocol))
    try:
        return lookup.page(parsed.what, arches)
    except lookup.Unknown:
        if not source.looks_like_hex(parsed.what):
            raise
    return _guessed(source.from_hex(parsed.what), arches[0], _protocol(parsed.protocol))


def _arch(name: str) -> Arch:
    if name not in ARCHES:
        raise Refused(f"no architecture is called {name!r}: they are {', '.join(ARCHES)}")
    return ARCHES[name]


def _protocol(name: str) -> int:
    full = f"NETLINK_{name.upper().removeprefix('NETLINK_')}"
    if full not in NETLINK:
        raise Refused(f"no netlink protocol is called {name!r}{lookup.near(full)}")
    return NETLINK[full]


def _bytes_page(name: str, content: bytes, arch: Arch, parsed: argparse.Namespace) -> Page:
    """The page of bytes that are said to be of a layout."""
    if name == "msghdr":
        pointed = [None if each is None else source.read(each) for each in (parsed.control, parsed.name)]
        return streams.msghdr_page(content, arch, *pointed)
    if name == "sockaddr":
        return streams.sockaddr_page(content, arch)
    if name in ("cmsghdr", "control"):
        return streams.control_page(content, arch)
    if name in ("nlmsghdr", "netlink") or name.startswith("RTM_"):
        return streams.netlink_page(content, _protocol(parsed.protocol), arch)
    layout = catalog.layouts().get(name)
    option = option_named(name)
    if option is not None:
        return subjects.option_value_page(option, content, arch)
    if layout is None:
        raise lookup.Unknown(f"no layout is called {name!r}{lookup.near(name, ('control', 'netlink'))}")
    return layouts.value_page(layout, content, arch)


def _guessed(content: bytes, arch: Arch, protocol: int) -> Page:
    """The page of bytes that may be anything: the first reading that fits them to the last byte."""
    attempts: tuple[Callable[[], Page], ...] = (
        lambda: streams.netlink_page(content, protocol, arch, strict=True),
        lambda: streams.control_page(content, arch),
        lambda: streams.sockaddr_page(content, arch),
    )
    first = int.from_bytes(content[:4], arch.byteorder)
    word = int.from_bytes(content[: arch.word], arch.byteorder)
    fits = (16 <= first <= len(content), 12 <= word <= len(content), True)
    for attempt, fitting in zip(attempts, fits, strict=True):
        try:
            if fitting:
                return attempt()
        except AbiError as error:
            last = error
    raise Refused(
        f"these {len(content)} bytes fit no reading (the last one tried: {last}); name their layout"
    )


def _rendered(page: Page, wanted: str) -> str:
    if wanted == "svg":
        if not page.maps:
            raise Refused(f"{page.title} has no byte map to draw; --format html has everything")
        return svg.render(page.maps[0], page.title)
    if wanted == "text":
        terminal = sys.stdout.isatty()
        width = min(110, shutil.get_terminal_size((110, 24)).columns) if terminal else 110
        return text.render(page, colour=terminal and "NO_COLOR" not in os.environ, width=width)
    return html.render(page) if wanted == "html" else data.render(page)
