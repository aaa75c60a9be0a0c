"""Multicast memberships and their source filters, of either family (RFC 3376, RFC 3678).

``Groups`` maps (interface, group) to the sources that are let through or kept out; the rules are those that
net/ipv4/igmp.c and net/ipv6/mcast.c share, the ways to say it are ``ip_groups`` and ``ipv6_groups``.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from ptrace_net.sockets.emulated.options.model import Ask
from ptrace_net.syscalls.seam import Errno

EXCLUDE, INCLUDE = 0, 1
Key = tuple[int, bytes]


class Filter(NamedTuple):
    """``sources`` is None until the first one is named; ``address`` is what the interface was called by."""

    mode: int = EXCLUDE
    sources: frozenset[bytes] | None = None
    address: bytes = b""

    def admits(self, source: bytes) -> bool:
        return (source in (self.sources or ())) == (self.mode == INCLUDE)


Groups = dict[Key, Filter]


def held(ask: Ask) -> Groups:
    groups = ask.options.groups
    if groups is None:
        groups = ask.options.groups = {}
    return groups


def join(ask: Ask, key: Key, mode: int = EXCLUDE, address: bytes = b"") -> None:
    held(ask)[key] = Filter(mode, None, address)
    ask.target.join(key[1], key[0])


def leave(ask: Ask, key: Key) -> None:
    del held(ask)[key]
    ask.target.leave(key[1], key[0])


def change(ask: Ask, key: Key, mode: int, add: bool, source: bytes, most: int) -> None:
    """One source in or out; without sources to include the membership ends."""
    filter_ = held(ask)[key]
    if filter_.mode != mode:
        if filter_.sources is not None:
            raise Errno(errno.EINVAL)
        held(ask)[key] = filter_ = filter_._replace(mode=mode)  # even if the rest fails
    sources = filter_.sources or frozenset()
    if not add and source not in sources:
        raise Errno(errno.EADDRNOTAVAIL)
    if add and len(sources) >= most:
        raise Errno(errno.ENOBUFS)
    if add and source in sources:
        raise Errno(errno.EADDRNOTAVAIL)
    changed = sources | {source} if add else sources - {source}
    if mode == INCLUDE and not changed:
        leave(ask, key)
    else:
        held(ask)[key] = filter_._replace(sources=changed)
