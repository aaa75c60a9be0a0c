"""Levels SOL_RAW and IPPROTO_ICMPV6, and what IPPROTO_IPV6 has on raw sockets (raw(7), RFC 3542;
net/ipv4/raw.c, net/ipv6/raw.c).
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.options.model import Ask, cut, read_int, room
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options

SOL_RAW, IPPROTO_ICMPV6, IPV6 = 255, 58, 41
FILTER, CHECKSUM, HDRINCL = 1, 7, 36
_FILTER_SIZES = {SOL_RAW: 4, IPPROTO_ICMPV6: 32}


def set_option(ask: Ask) -> None:
    if _is_filter(ask):
        _set_filter(ask)
    elif ask.target.family == socket.AF_INET or ask.level == IPPROTO_ICMPV6:
        raise Errno(errno.ENOPROTOOPT)
    else:
        _set_ipv6(ask, read_int(ask.new))


def get_option(ask: Ask) -> bytes:
    if _is_filter(ask):
        size = room(ask.size)
        whole = _FILTER_SIZES[ask.level]
        return ask.options.blob(ask.level, FILTER).ljust(whole, b"\0")[:size]
    if ask.target.family == socket.AF_INET or ask.level == IPPROTO_ICMPV6:
        raise Errno(errno.ENOPROTOOPT)
    if ask.option not in (CHECKSUM, HDRINCL):
        raise Errno(errno.ENOPROTOOPT)
    default = 0
    if ask.option == CHECKSUM:
        default = 2 if ask.target.protocol == IPPROTO_ICMPV6 else -1
    return cut(ask.options.number(IPV6, ask.option, default), ask.size & 0xFFFFFFFF)


def _is_filter(ask: Ask) -> bool:
    """ICMP_FILTER or ICMPV6_FILTER; on a socket of another protocol EOPNOTSUPP."""
    family = socket.AF_INET if ask.level == SOL_RAW else socket.AF_INET6
    if ask.level not in _FILTER_SIZES or ask.target.family != family:
        return False
    wanted = socket.IPPROTO_ICMP if ask.level == SOL_RAW else IPPROTO_ICMPV6
    if ask.target.protocol != wanted and (ask.option == FILTER or ask.level == IPPROTO_ICMPV6):
        raise Errno(errno.EOPNOTSUPP)
    return ask.option == FILTER


def _set_filter(ask: Ask) -> None:
    """A bit per type of message that the socket does not get; a short value leaves the rest."""
    whole = _FILTER_SIZES[ask.level]
    size = min(ask.new.length, whole)
    new = ask.new.data[:size].ljust(size, b"\0")  # what cannot be read is 0 in the kernel, too
    old = ask.options.blob(ask.level, FILTER).ljust(whole, b"\0")
    ask.options.keep_blob(ask.level, FILTER, new + old[size:])
    ask.new.first(size)


def _set_ipv6(ask: Ask, number: int) -> None:
    if ask.option == HDRINCL:
        ask.options.keep(IPV6, HDRINCL, int(number != 0))
    elif ask.option == CHECKSUM:
        at_ipv6 = ask.level == IPV6 and ask.target.protocol == IPPROTO_ICMPV6
        if at_ipv6 or (number > 0 and number % 2):
            raise Errno(errno.EINVAL)
        ask.options.keep(IPV6, CHECKSUM, max(number, -1))
    else:
        raise Errno(errno.ENOPROTOOPT)


def default_of(options: Options, option: int) -> int:
    return 0
