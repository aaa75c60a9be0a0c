"""From a word to its page: what ``explain WHAT`` means, and what it might have meant."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, Arch
from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.abi.ioctl import IOCTLS
from ptrace_net.abi.netlink.messages import ROUTE_BODIES
from ptrace_net.abi.sockopt import OPTIONS, option_named
from ptrace_net.explain import layouts, subjects
from ptrace_net.explain.calls import CALLS
from ptrace_net.explain.page import Page


class Unknown(ValueError):
    """No subject has this name; the message offers those that nearly do."""


def page(word: str, arches: tuple[Arch, ...]) -> Page:
    """The page of a layout, call, option, error, kind of message, constant or architecture, in this order.

    Raises:
        Unknown: nothing is called that.
    """
    name = clean(word)
    layout = catalog.layouts().get(name)
    if layout is not None:
        return layouts.page(layout, arches[0]) if len(arches) == 1 else layouts.compared(layout, arches)
    if name in CALLS:
        return subjects.call_page(CALLS[name], arches if len(arches) > 1 else tuple(ARCHES.values()))
    option = option_named(name)
    if option is not None:
        return subjects.option_page(option, arches)
    return _other(name, arches[0])


def _other(name: str, arch: Arch) -> Page:
    if _errno(name) in ERRNO:
        return subjects.errno_page(_errno(name))
    if name in RTM and RTM[name] in ROUTE_BODIES:
        return subjects.message_page(name, RTM[name], arch)
    number = SIOC.get(name, FIO.get(name, -1))
    if number in IOCTLS:
        return subjects.ioctl_page(name, number, arch)
    if any(name in table for table in catalog.tables()):
        return subjects.constant_page(name)
    if name in ARCHES:
        return subjects.arch_page(ARCHES[name])
    raise Unknown(f"nothing here is called {name!r}{near(name)}")


def _errno(word: str) -> str:
    """``111`` and ``-111`` as ECONNREFUSED; other words as they are."""
    number = word.removeprefix("-")
    return (
        ERRNO.name(int(number), word) if number.isdecimal() and number.isascii() and len(number) < 4 else word
    )


def clean(word: str) -> str:
    """``struct sockaddr_in6`` and ``sendmsg(2)`` as the names that they are."""
    return word.strip().removeprefix("struct ").split("(")[0].strip()


def known() -> Iterator[str]:
    """Every name that has a page."""
    yield from catalog.layouts()
    yield from CALLS
    for option in OPTIONS.values():
        yield from (option.name, *option.aliases)
    yield from ARCHES
    for table in catalog.tables():
        yield from table


def near(name: str, more: tuple[str, ...] = ()) -> str:
    """``; did you mean A, B or C?``, the case of letters aside; empty where nothing is near."""
    by_lower: dict[str, str] = {}
    for each in (*more, *known()):
        by_lower.setdefault(each.lower(), each)
    found = [by_lower[each] for each in get_close_matches(name.lower(), by_lower, 3, 0.7)]
    if not found:
        return ""
    return f"; did you mean {' or '.join(filter(None, (', '.join(found[:-1]), found[-1])))}?"
