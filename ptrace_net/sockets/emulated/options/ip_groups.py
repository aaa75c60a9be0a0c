"""Multicast options of level IPPROTO_IP (ip(7), RFC 3678; net/ipv4/igmp.c, do_ip_setsockopt)."""

from __future__ import annotations

import errno
import socket
import struct

from ptrace_net.sockets.emulated.options import groups
from ptrace_net.sockets.emulated.options.groups import EXCLUDE, INCLUDE, Key
from ptrace_net.sockets.emulated.options.model import STREAM, Ask
from ptrace_net.syscalls.seam import Errno

ADD_MEMBERSHIP, DROP_MEMBERSHIP, UNBLOCK_SOURCE, BLOCK_SOURCE = 35, 36, 37, 38
ADD_SOURCE, DROP_SOURCE, MSFILTER = 39, 40, 41
JOIN_GROUP, MCAST_BLOCK, MCAST_UNBLOCK, LEAVE_GROUP, JOIN_SOURCE, LEAVE_SOURCE, MCAST_MSFILTER = range(42, 49)
OPTIONS = frozenset(range(35, 49))
ANY = bytes(4)
_MOST_GROUPS, _MOST_SOURCES = 20, 10  # net.ipv4.igmp_max_memberships, igmp_max_msf
_LONGEST = 1 << 17  # net.core.optmem_max
MREQ = struct.Struct("=4s4s")
MREQN = struct.Struct("=4s4si")
_MREQ_SOURCE = struct.Struct("=4s4s4s")
_FILTER = struct.Struct("=4s4sII")
GROUP_REQ = struct.Struct("=i4xH2x4s120x")  # group_req: interface, then a sockaddr_storage with a sockaddr_in
SOURCE = struct.Struct("=H2x4s120x")
FILTER_TAIL = struct.Struct("=II")
# option -> filter mode, whether the source is added, whether the group is joined first
_CHANGES = {
    BLOCK_SOURCE: (EXCLUDE, True, False),
    UNBLOCK_SOURCE: (EXCLUDE, False, False),
    ADD_SOURCE: (INCLUDE, True, True),
    DROP_SOURCE: (INCLUDE, False, False),
    MCAST_BLOCK: (EXCLUDE, True, False),
    MCAST_UNBLOCK: (EXCLUDE, False, False),
    JOIN_SOURCE: (INCLUDE, True, True),
    LEAVE_SOURCE: (INCLUDE, False, False),
}


def set_group(ask: Ask) -> None:
    option, value = ask.option, ask.new
    if option in (ADD_MEMBERSHIP, DROP_MEMBERSHIP):
        if ask.target.kind == STREAM:
            raise Errno(errno.EPROTO)
        group, address, index = membership(ask)
        _join_or_leave(ask, option == ADD_MEMBERSHIP, group, address, index)
    elif option in (JOIN_GROUP, LEAVE_GROUP):
        index, family, group = GROUP_REQ.unpack(value.first(GROUP_REQ.size))
        if family != socket.AF_INET:
            raise Errno(errno.EINVAL)
        _join_or_leave(ask, option == JOIN_GROUP, group, ANY, index)
    elif option in (MSFILTER, MCAST_MSFILTER):
        _set_filter(ask)
    elif option < JOIN_GROUP:
        if value.length != _MREQ_SOURCE.size:
            raise Errno(errno.EINVAL)
        group, address, source = _MREQ_SOURCE.unpack(value.first(_MREQ_SOURCE.size))
        _change(ask, group, address, 0, source)
    else:
        data = value.first(GROUP_REQ.size + SOURCE.size)
        index, family, group = GROUP_REQ.unpack_from(data)
        source_family, source = SOURCE.unpack_from(data, GROUP_REQ.size)
        if family != socket.AF_INET or source_family != socket.AF_INET:
            raise Errno(errno.EADDRNOTAVAIL)
        _change(ask, group, ANY, index, source)


def membership(ask: Ask) -> tuple[bytes, bytes, int]:
    """Group, address of the interface, index of the interface: of an ip_mreqn or an ip_mreq."""
    value = ask.new
    if value.length >= MREQN.size:
        group, address, index = MREQN.unpack(value.first(MREQN.size))
        return group, address, index
    group, address = MREQ.unpack(value.first(MREQ.size))
    return group, address, 0


def interface_of(ask: Ask, address: bytes) -> int:
    """The interface that has ``address``; 0 if none has."""
    found = ask.target.interfaces()
    if address[:1] == b"\x7f":
        return next((index for index, (name, _) in found.items() if name == "lo"), 0)
    return next((index for index, (_, addresses) in found.items() if address in addresses), 0)


def find_interface(ask: Ask, group: bytes, address: bytes, index: int) -> int:
    """By index, by address, by route; 0 if there is none (ip_mc_find_dev)."""
    if index:
        return index if index in ask.target.interfaces() else 0
    if address != ANY:
        return interface_of(ask, address)
    return ask.target.route(group)


def _demand_multicast(group: bytes) -> None:
    if group[0] & 0xF0 != 0xE0:
        raise Errno(errno.EINVAL)


def _join_or_leave(ask: Ask, joins: bool, group: bytes, address: bytes, index: int) -> None:
    if joins:
        _join(ask, group, address, index, EXCLUDE)
    else:
        _leave(ask, group, address, index)


def _join(ask: Ask, group: bytes, address: bytes, index: int, mode: int) -> Key:
    _demand_multicast(group)
    found = find_interface(ask, group, address, index)
    if not found:
        raise Errno(errno.ENODEV)
    mine = [key for key in groups.held(ask) if len(key[1]) == len(group)]
    if (found, group) in mine:
        raise Errno(errno.EADDRINUSE)
    if len(mine) >= _MOST_GROUPS:
        raise Errno(errno.ENOBUFS)
    groups.join(ask, (found, group), mode, address)
    return found, group


def _leave(ask: Ask, group: bytes, address: bytes, index: int) -> None:
    found = find_interface(ask, group, address, index)
    if not found and not index and address == ANY:
        raise Errno(errno.ENODEV)
    for key, each in groups.held(ask).items():
        if key[1] == group and (key[0] == found or (not found and not index and each.address == address)):
            groups.leave(ask, key)
            return
    raise Errno(errno.EADDRNOTAVAIL)


def _change(ask: Ask, group: bytes, address: bytes, index: int, source: bytes) -> None:
    """One source of a group in or out (ip_mc_source)."""
    mode, add, joins = _CHANGES[ask.option]
    if joins:
        try:
            _join(ask, group, address, index, INCLUDE)
        except Errno as error:
            if error.number != errno.EADDRINUSE:
                raise
    _demand_multicast(group)
    found = find_interface(ask, group, address, index)
    if not found:
        raise Errno(errno.ENODEV)
    if (found, group) not in groups.held(ask):
        raise Errno(errno.EINVAL)
    groups.change(ask, (found, group), mode, add, source, _MOST_SOURCES)


def _set_filter(ask: Ask) -> None:
    """All sources of a group at once (ip_mc_msfilter)."""
    value = ask.new
    head = _FILTER.size if ask.option == MSFILTER else GROUP_REQ.size + FILTER_TAIL.size
    value.first(0 if value.length >= head else head)
    if value.length > _LONGEST:
        raise Errno(errno.ENOBUFS)
    data = value.first(value.length)
    if ask.option == MSFILTER:
        group, address, mode, count = _FILTER.unpack_from(data)
        index, family, each = 0, int(socket.AF_INET), 4
    else:
        index, family, group = GROUP_REQ.unpack_from(data)
        mode, count = FILTER_TAIL.unpack_from(data, GROUP_REQ.size)
        address, each = ANY, SOURCE.size
    if count > _MOST_SOURCES:
        raise Errno(errno.ENOBUFS)
    if head + count * each > value.length:
        raise Errno(errno.EINVAL)
    if family != socket.AF_INET:
        raise Errno(errno.EADDRNOTAVAIL)
    parts = [data[at : at + each] for at in range(head, head + count * each, each)]
    if each != 4:
        parts = [_ipv4(part) for part in parts]
    _filter(ask, group, address, index, mode, frozenset(parts))


def _ipv4(name: bytes) -> bytes:
    family, source = SOURCE.unpack(name)
    if family != socket.AF_INET:
        raise Errno(errno.EADDRNOTAVAIL)
    return bytes(source)


def _filter(ask: Ask, group: bytes, address: bytes, index: int, mode: int, sources: frozenset[bytes]) -> None:
    _demand_multicast(group)
    if mode not in (EXCLUDE, INCLUDE):
        raise Errno(errno.EINVAL)
    found = find_interface(ask, group, address, index)
    if not found:
        raise Errno(errno.ENODEV)
    if mode == INCLUDE and not sources:
        _leave(ask, group, address, index)
        return
    kept = groups.held(ask).get((found, group))
    if kept is None:
        raise Errno(errno.EINVAL)
    groups.held(ask)[found, group] = kept._replace(mode=mode, sources=sources or None)


def get_filter(ask: Ask) -> bytes:
    """IP_MSFILTER and MCAST_MSFILTER ask with what lies in the buffer (ip_mc_msfget, ip_mc_gsfget)."""
    head = _FILTER.size if ask.option == MSFILTER else GROUP_REQ.size + FILTER_TAIL.size
    if ask.size < head:
        raise Errno(errno.EINVAL)
    if len(ask.given) < head:
        raise Errno(errno.EFAULT)
    if ask.option == MSFILTER:
        group, address, _, room = _FILTER.unpack_from(ask.given)
        index = 0
        _demand_multicast(group)
    else:
        index, family, group = GROUP_REQ.unpack_from(ask.given)
        _, room = FILTER_TAIL.unpack_from(ask.given, GROUP_REQ.size)
        address = ANY
        if family != socket.AF_INET or group[0] & 0xF0 != 0xE0:
            raise Errno(errno.EINVAL)
    found = find_interface(ask, group, address, index)
    if ask.option == MSFILTER and not found:
        raise Errno(errno.ENODEV)
    kept = groups.held(ask).get((found or index, group))
    if kept is None:
        raise Errno(errno.EADDRNOTAVAIL)
    sources = sorted(kept.sources or ())
    shown = sources[:room]
    if ask.option == MSFILTER:
        return _FILTER.pack(group, address, kept.mode, len(sources)) + b"".join(shown)
    head_bytes = ask.given[: GROUP_REQ.size] + FILTER_TAIL.pack(kept.mode, len(sources))
    return head_bytes + b"".join(SOURCE.pack(socket.AF_INET, each) for each in shown)
