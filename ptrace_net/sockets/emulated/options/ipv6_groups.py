"""Multicast and anycast options of level IPPROTO_IPV6 (RFC 3493 5.2, RFC 3678; net/ipv6/mcast.c)."""

from __future__ import annotations

import errno
import socket
import struct

from ptrace_net.sockets.emulated.options import groups
from ptrace_net.sockets.emulated.options.groups import EXCLUDE, INCLUDE, Key
from ptrace_net.sockets.emulated.options.model import STREAM, Ask
from ptrace_net.syscalls.seam import Errno

ADD_MEMBERSHIP, DROP_MEMBERSHIP, JOIN_ANYCAST, LEAVE_ANYCAST = 20, 21, 27, 28
JOIN_GROUP, BLOCK_SOURCE, UNBLOCK_SOURCE, LEAVE_GROUP, JOIN_SOURCE, LEAVE_SOURCE, MSFILTER = range(42, 49)
OPTIONS = frozenset({ADD_MEMBERSHIP, DROP_MEMBERSHIP, JOIN_ANYCAST, LEAVE_ANYCAST, *range(42, 49)})
_MOST_SOURCES = 64  # net.ipv6.mld_max_msf
_LONGEST = 1 << 17  # net.core.optmem_max
_MREQ = struct.Struct("=16si")
_GROUP = struct.Struct("=i4xH6x16s104x")  # group_req: interface, then a sockaddr_storage with a sockaddr_in6
_SOURCE = struct.Struct("=H6x16s104x")
_FILTER = struct.Struct("=II")  # gf_fmode, gf_numsrc


def set_group(ask: Ask) -> None:
    option, value = ask.option, ask.new
    if option in (ADD_MEMBERSHIP, DROP_MEMBERSHIP):
        if value.length >= _MREQ.size and ask.target.kind == STREAM:
            raise Errno(errno.EPROTO)
        group, index = _MREQ.unpack(value.first(_MREQ.size))
        _join_or_leave(ask, option == ADD_MEMBERSHIP, index, group)
    elif option in (JOIN_ANYCAST, LEAVE_ANYCAST):
        value.first(_MREQ.size)  # taking an address is for CAP_NET_ADMIN; none was ever taken
        raise Errno(errno.EPERM if option == JOIN_ANYCAST else errno.ENOENT)
    elif option == MSFILTER:
        _set_filter(ask)
    elif option in (JOIN_GROUP, LEAVE_GROUP):
        index, group = _group(value.first(_GROUP.size))
        _join_or_leave(ask, option == JOIN_GROUP, index, group)
    else:
        _change(ask, value.first(_GROUP.size + _SOURCE.size))


def _group(data: bytes) -> tuple[int, bytes]:
    index, family, group = _GROUP.unpack_from(data)
    if family != socket.AF_INET6:
        raise Errno(errno.EADDRNOTAVAIL)
    return index, group


def _demand_multicast(group: bytes) -> None:
    if group[0] != 0xFF:
        raise Errno(errno.EINVAL)


def _membership(ask: Ask, index: int, group: bytes) -> Key | None:
    """The key of a membership; index 0 finds the group on any interface."""
    for key in groups.held(ask):
        if key[1] == group and index in (0, key[0]):
            return key
    return None


def _interface(ask: Ask, index: int, group: bytes) -> int:
    """By index or by route; ENODEV if there is none."""
    found = index if index else ask.target.route(group)
    if found not in ask.target.interfaces():
        raise Errno(errno.ENODEV)
    return found


def _join_or_leave(ask: Ask, joins: bool, index: int, group: bytes) -> None:
    _demand_multicast(group)
    if joins:
        _join(ask, index, group, EXCLUDE)
        return
    key = _membership(ask, index, group)
    if key is None:
        raise Errno(errno.EADDRNOTAVAIL)
    groups.leave(ask, key)


def _join(ask: Ask, index: int, group: bytes, mode: int) -> Key:
    if _membership(ask, index, group) is not None:
        raise Errno(errno.EADDRINUSE)
    key = (_interface(ask, index, group), group)
    groups.join(ask, key, mode)
    return key


def _change(ask: Ask, data: bytes) -> None:
    """One source of a group in or out (ip6_mc_source)."""
    index, group = _group(data)
    family, source = _SOURCE.unpack_from(data, _GROUP.size)
    if family != socket.AF_INET6:
        raise Errno(errno.EADDRNOTAVAIL)
    _demand_multicast(group)
    key = _membership(ask, index, group)
    if ask.option == JOIN_SOURCE and key is None:
        key = _join(ask, index, group, INCLUDE)
    if key is None:
        _interface(ask, index, group)
        raise Errno(errno.EINVAL)
    mode = INCLUDE if ask.option in (JOIN_SOURCE, LEAVE_SOURCE) else EXCLUDE
    groups.change(ask, key, mode, ask.option in (JOIN_SOURCE, BLOCK_SOURCE), source, _MOST_SOURCES)


def _set_filter(ask: Ask) -> None:
    """All sources of a group at once (ip6_mc_msfilter)."""
    value = ask.new
    head = _GROUP.size + _FILTER.size
    value.first(0 if value.length >= head else head)
    if value.length > _LONGEST:
        raise Errno(errno.ENOBUFS)
    data = value.first(value.length)
    mode, count = _FILTER.unpack_from(data, _GROUP.size)
    if count > _MOST_SOURCES:
        raise Errno(errno.ENOBUFS)
    if head + count * _SOURCE.size > value.length:
        raise Errno(errno.EINVAL)
    index, _, group = _GROUP.unpack_from(data)
    _demand_multicast(group)
    if mode not in (EXCLUDE, INCLUDE):
        raise Errno(errno.EINVAL)
    key = (_interface(ask, index, group), group)
    if mode == INCLUDE and not count:
        _join_or_leave(ask, False, index, group)
        return
    if key not in groups.held(ask):
        raise Errno(errno.EINVAL)
    named = (_SOURCE.unpack_from(data, head + at * _SOURCE.size)[1] for at in range(count))
    groups.held(ask)[key] = groups.Filter(mode, frozenset(named) or None)


def get_filter(ask: Ask) -> bytes:
    """MCAST_MSFILTER asks with what lies in the buffer (ip6_mc_msfget)."""
    head = _GROUP.size + _FILTER.size
    if ask.size < head:
        raise Errno(errno.EINVAL)
    if len(ask.given) < head:
        raise Errno(errno.EFAULT)
    index, group = _group(ask.given)
    _demand_multicast(group)
    key = _membership(ask, index, group)
    if key is None:
        raise Errno(errno.EADDRNOTAVAIL)
    kept = groups.held(ask)[key]
    sources = sorted(kept.sources or ())
    shown = sources[: _FILTER.unpack_from(ask.given, _GROUP.size)[1]]
    answer = ask.given[: _GROUP.size] + _FILTER.pack(kept.mode, len(sources))
    return answer + b"".join(_SOURCE.pack(socket.AF_INET6, each) for each in shown)
