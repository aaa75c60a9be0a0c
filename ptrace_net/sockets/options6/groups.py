"""Multicast memberships of an AF_INET6 socket (RFC 3493 5.2, RFC 3678; net/ipv6/mcast.c).

They are kept and answered as Linux does on an interface without IPv6 neighbours: nothing arrives. Without an
interface index a route decides, and there is none: ENODEV. ``sock.groups`` maps (interface, group) to the
sources that are let through or kept out.
"""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.options import OptionValue

ADD_MEMBERSHIP, DROP_MEMBERSHIP, JOIN_ANYCAST, LEAVE_ANYCAST = 20, 21, 27, 28
JOIN_GROUP, BLOCK_SOURCE, UNBLOCK_SOURCE, LEAVE_GROUP = 42, 43, 44, 45
JOIN_SOURCE_GROUP, LEAVE_SOURCE_GROUP, MSFILTER = 46, 47, 48
SIOCGIFNAME = 0x8910
_EXCLUDE, _INCLUDE = 0, 1
_MOST_SOURCES = 64  # net.ipv6.mld_max_msf
_MREQ = struct.Struct("=16si")
_GROUP = struct.Struct("=i4xH6x16s104x")  # group_req: interface, then a sockaddr_storage with a sockaddr_in6
_SOURCE = struct.Struct("=H6x16s104x")
_FILTER = struct.Struct("=II")  # gf_fmode, gf_numsrc
_IFREQ = struct.Struct("=16si20x")


class Filter(NamedTuple):
    """``sources`` is None until the first one is named."""

    mode: int = _EXCLUDE
    sources: frozenset[bytes] | None = None


def interface_exists(handle: int, index: int) -> bool:
    """Whether the socket's network namespace has an interface ``index`` (netdevice(7))."""
    try:
        fcntl.ioctl(handle, SIOCGIFNAME, _IFREQ.pack(b"", index))
    except OSError:
        return False
    return True


def set_group(sock: MappedSocket, handle: int, option: int, value: OptionValue) -> Answer:
    """setsockopt(2) of any option of this module."""
    if option in (ADD_MEMBERSHIP, DROP_MEMBERSHIP):
        value.first(0 if value.length >= _MREQ.size else _MREQ.size)
        if sock.stream:
            raise Errno(errno.EPROTO)
        group, index = _MREQ.unpack(value.first(_MREQ.size))
        _join_or_leave(sock, handle, option == ADD_MEMBERSHIP, index, group)
    elif option in (JOIN_ANYCAST, LEAVE_ANYCAST):
        value.first(_MREQ.size)  # taking an address is for CAP_NET_ADMIN; none was ever taken
        raise Errno(errno.EPERM if option == JOIN_ANYCAST else errno.ENOENT)
    elif option == MSFILTER:
        _set_filter(sock, handle, value)
    elif option in (JOIN_GROUP, LEAVE_GROUP):
        index, group = _group(value.first(_GROUP.size))
        _join_or_leave(sock, handle, option == JOIN_GROUP, index, group)
    else:
        _change_source(sock, handle, option, value.first(_GROUP.size + _SOURCE.size))
    return Return(0)


def get_filter(size: int) -> bytes:
    """MCAST_MSFILTER asks with what lies in the buffer for the answer, which does not come here."""
    if size & 0xFFFFFFFF < _GROUP.size + _FILTER.size:
        raise Errno(errno.EINVAL)
    raise Errno(errno.EADDRNOTAVAIL)


def _group(data: bytes) -> tuple[int, bytes]:
    index, family, group = _GROUP.unpack_from(data)
    if family != socket.AF_INET6:
        raise Errno(errno.EADDRNOTAVAIL)
    return index, group


def _membership(sock: MappedSocket, index: int, group: bytes) -> tuple[int, bytes] | None:
    """The key of a membership; index 0 finds the group on any interface."""
    for key in sock.groups:
        if key[1] == group and index in (0, key[0]):
            return key
    return None


def _join_or_leave(sock: MappedSocket, handle: int, join: bool, index: int, group: bytes) -> None:
    if group[0] != 0xFF:
        raise Errno(errno.EINVAL)
    if join:
        _join(sock, handle, index, group, Filter())
        return
    key = _membership(sock, index, group)
    if key is None:
        raise Errno(errno.EADDRNOTAVAIL)
    del sock.groups[key]


def _join(sock: MappedSocket, handle: int, index: int, group: bytes, sources: Filter) -> None:
    if _membership(sock, index, group) is not None:
        raise Errno(errno.EADDRINUSE)
    if not interface_exists(handle, index):
        raise Errno(errno.ENODEV)
    sock.groups[index, group] = sources


def _change_source(sock: MappedSocket, handle: int, option: int, data: bytes) -> None:
    """One source of a group in or out (ip6_mc_source)."""
    index, group = _group(data)
    family, source = _SOURCE.unpack_from(data, _GROUP.size)
    if family != socket.AF_INET6:
        raise Errno(errno.EADDRNOTAVAIL)
    if group[0] != 0xFF:
        raise Errno(errno.EINVAL)
    key = _membership(sock, index, group)
    if option == JOIN_SOURCE_GROUP and key is None:
        _join(sock, handle, index, group, Filter(_INCLUDE))
        key = (index, group)
    if key is None:
        raise Errno(errno.EINVAL if interface_exists(handle, index) else errno.ENODEV)
    mode = _INCLUDE if option in (JOIN_SOURCE_GROUP, LEAVE_SOURCE_GROUP) else _EXCLUDE
    changed = _changed(sock.groups[key], mode, option in (JOIN_SOURCE_GROUP, BLOCK_SOURCE), source)
    if mode == _INCLUDE and not changed.sources:
        del sock.groups[key]
    else:
        sock.groups[key] = changed


def _changed(held: Filter, mode: int, add: bool, source: bytes) -> Filter:
    if held.sources is not None and held.mode != mode:
        raise Errno(errno.EINVAL)
    sources = held.sources or frozenset()
    if (source in sources) == add:
        raise Errno(errno.EADDRNOTAVAIL)
    if add and len(sources) >= _MOST_SOURCES:
        raise Errno(errno.ENOBUFS)
    return Filter(mode, sources | {source} if add else sources - {source})


def _set_filter(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """All sources of a group at once (ip6_mc_msfilter)."""
    head = value.first(_GROUP.size + _FILTER.size)
    mode, count = _FILTER.unpack_from(head, _GROUP.size)
    if count > _MOST_SOURCES:
        raise Errno(errno.ENOBUFS)
    data = value.first(len(head) + count * _SOURCE.size)
    index, _, group = _GROUP.unpack_from(head)
    if group[0] != 0xFF or mode not in (_EXCLUDE, _INCLUDE):
        raise Errno(errno.EINVAL)
    if not interface_exists(handle, index):
        raise Errno(errno.ENODEV)
    key = _membership(sock, index, group)
    if mode == _INCLUDE and not count:
        if key is None:
            raise Errno(errno.EADDRNOTAVAIL)
        del sock.groups[key]
        return
    if key is None:
        raise Errno(errno.EINVAL)
    sources = frozenset(address for _, address in _SOURCE.iter_unpack(data[len(head) :]))
    sock.groups[key] = Filter(mode, sources)
