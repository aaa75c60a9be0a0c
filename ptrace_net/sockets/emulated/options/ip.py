"""Level IPPROTO_IP, on AF_INET sockets and on AF_INET6 ones for their IPv4 traffic (ip(7),
do_ip_setsockopt and do_ip_getsockopt of net/ipv4/ip_sockglue.c).
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.options import ip_groups
from ptrace_net.sockets.emulated.options.ip_options import set_ip_options
from ptrace_net.sockets.emulated.options.model import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    DGRAM,
    INT,
    RAW,
    STREAM,
    Ask,
    Row,
    cut,
    flag,
    get_row,
    read_only,
    refused,
    room,
    set_row,
)
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.syscalls.options import OptionValue

TOS, HDRINCL, OPTIONS, MULTICAST_IF, MSFILTER, MULTICAST_ALL = 1, 3, 4, 32, 41, 49
SO_PRIORITY, SO_BINDTOIFINDEX = 12, 62
ECN_MASK = 3
_PRIORITIES = (0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4)  # TC_PRIO_*, by the type of service
_ROUTING = range(200, 213)


def _type_of_service(ask: Ask, number: int) -> int:
    number &= 0xFF
    if ask.target.kind == STREAM:
        number = number & ~ECN_MASK | ask.kept() & ECN_MASK
    if number != ask.kept():
        priority = _PRIORITIES[(number & 0x1E) >> 1]
        hostcalls.set_int(ask.handle, socket.SOL_SOCKET, SO_PRIORITY, priority)
        forget_route(ask)
    return number


def forget_route(ask: Ask) -> None:
    if ask.target.kind != STREAM:
        ask.options.route_lost = True


def path_mtu(ask: Ask) -> bytes:
    if ask.options.route_lost:
        raise Errno(errno.ENOTCONN)
    return INT.pack(ask.target.path_mtu())


def _time_to_live(ask: Ask, number: int) -> int:
    if number == 0:
        raise Errno(errno.EINVAL)
    return 64 if number == -1 else number


def _transparent(ask: Ask, number: int) -> int:
    if number:
        ask.demand(CAP_NET_RAW, CAP_NET_ADMIN)
    return number


def _router_alert(ask: Ask, number: int) -> int:
    """Once per socket (ip_ra_control)."""
    if ask.target.protocol == socket.IPPROTO_RAW:
        raise Errno(errno.EINVAL)
    if bool(number) == bool(ask.kept()):
        raise Errno(errno.EADDRINUSE if number else errno.ENOBUFS)
    return number


def _multicast_ttl(ask: Ask, number: int) -> int:
    return 1 if number == -1 else number


def bound_elsewhere(ask: Ask, index: int) -> bool:
    """Whether SO_BINDTODEVICE has said another interface."""
    return ask.options.number(socket.SOL_SOCKET, SO_BINDTOIFINDEX, 0) not in (0, index)


def _unicast_interface(ask: Ask, number: int) -> int:
    """The index in network byte order."""
    index = socket.ntohl(number & 0xFFFFFFFF)
    if ask.new.length != INT.size:
        raise Errno(errno.EINVAL)
    if index and index not in ask.target.interfaces():
        raise Errno(errno.EADDRNOTAVAIL)
    if index and bound_elsewhere(ask, index):
        raise Errno(errno.EINVAL)
    return number


def _port_range(ask: Ask, number: int) -> int:
    low, high = number & 0xFFFF, (number >> 16) & 0xFFFF
    if ask.new.length != INT.size or (low and high and low > high):
        raise Errno(errno.EINVAL)
    return number


def _set_multicast_interface(ask: Ask) -> None:
    value = ask.new
    if ask.target.kind == STREAM:
        raise Errno(errno.EINVAL)
    if value.length >= ip_groups.MREQ.size:
        _, address, index = ip_groups.membership(ask)
    else:
        address, index = value.first(4), 0
    if not index:
        if address == ip_groups.ANY:
            _keep_multicast_interface(ask, 0, address)
            return
        index = ip_groups.interface_of(ask, address)
    if index not in ask.target.interfaces():
        raise Errno(errno.EADDRNOTAVAIL)
    if bound_elsewhere(ask, index):
        raise Errno(errno.EINVAL)
    _keep_multicast_interface(ask, index, address)


def _keep_multicast_interface(ask: Ask, index: int, address: bytes) -> None:
    ask.keep(index)
    ask.options.keep_blob(ask.level, MULTICAST_IF, address)


def _stream_options(ask: Ask) -> bytes:
    """IP_PKTOPTIONS: what came with the connection; the segments that we do not see had none."""
    if ask.target.kind != STREAM:
        raise Errno(errno.ENOPROTOOPT)
    return b""


def local_number(ask: Ask) -> int:
    """A raw socket's protocol is its port."""
    return ask.target.protocol if ask.target.kind == RAW else ask.target.local_port


def _header_included(ask: Ask) -> bytes:
    """IPPROTO_RAW has no header but the program's."""
    return INT.pack(ask.kept(int(_writes_headers(ask.options))))


def _writes_headers(options: Options) -> bool:
    return options.kind == RAW and options.protocol == socket.IPPROTO_RAW


def _no_option(ask: Ask) -> bytes:
    return ask.options.blob(ask.level, OPTIONS)


ROWS: Mapping[int, Row] = {
    1: Row("IP_TOS", check=_type_of_service),
    2: Row("IP_TTL", 64, -1, 255, check=_time_to_live),
    3: Row("IP_HDRINCL", boolean=True, only=(RAW,), get=_header_included),
    4: Row("IP_OPTIONS", get=_no_option),
    5: flag("IP_ROUTER_ALERT", check=_router_alert, only=(RAW,), foreign=errno.EINVAL),
    6: flag("IP_RECVOPTS"),
    7: flag("IP_RETOPTS"),
    8: flag("IP_PKTINFO"),
    9: read_only("IP_PKTOPTIONS", _stream_options),
    10: Row("IP_MTU_DISCOVER", 1, 0, 5),
    11: flag("IP_RECVERR"),
    12: flag("IP_RECVTTL"),
    13: flag("IP_RECVTOS"),
    14: read_only("IP_MTU", path_mtu),
    15: flag("IP_FREEBIND", shortest=1),
    # IPsec is the host's: as without CAP_NET_ADMIN.
    16: refused("IP_IPSEC_POLICY", errno.EPERM),
    17: refused("IP_XFRM_POLICY", errno.EPERM),
    18: flag("IP_PASSSEC"),
    19: flag("IP_TRANSPARENT", check=_transparent, shortest=1),
    20: flag("IP_RECVORIGDSTADDR"),
    21: Row("IP_MINTTL", 0, 0, 255, shortest=1),
    22: flag("IP_NODEFRAG", only=(RAW,)),
    23: flag("IP_CHECKSUM"),
    24: flag("IP_BIND_ADDRESS_NO_PORT"),
    25: flag("IP_RECVFRAGSIZE", only=(DGRAM, RAW), foreign=errno.EINVAL),
    26: Row("IP_RECVERR_RFC4884", 0, 0, 1),
    32: Row("IP_MULTICAST_IF", get=lambda ask: ask.options.blob(ask.level, MULTICAST_IF) or bytes(4)),
    33: Row("IP_MULTICAST_TTL", 1, -1, 255, check=_multicast_ttl, only=(DGRAM, RAW), foreign=errno.EINVAL,
            shortest=1),
    34: flag("IP_MULTICAST_LOOP", 1, shortest=1),
    **{option: refused("IP_*_MEMBERSHIP, MCAST_*", 0) for option in ip_groups.OPTIONS},
    41: Row("IP_MSFILTER", get=ip_groups.get_filter),
    48: Row("MCAST_MSFILTER", get=ip_groups.get_filter),
    49: Row("IP_MULTICAST_ALL", 1, 0, 1, shortest=1),
    50: Row("IP_UNICAST_IF", check=_unicast_interface),
    51: Row("IP_LOCAL_PORT_RANGE", check=_port_range),
    52: read_only("IP_PROTOCOL", lambda ask: INT.pack(local_number(ask))),
    # Packet filters (netfilter_ipv4/ip_tables.h): as without CAP_NET_ADMIN.
    64: refused("IPT_SO_SET_REPLACE", errno.EPERM, errno.EPERM),
    65: refused("IPT_SO_SET_ADD_COUNTERS", errno.EPERM, errno.EPERM),
    66: refused("IPT_SO_GET_REVISION_MATCH", unread=errno.EPERM),
    67: refused("IPT_SO_GET_REVISION_TARGET", unread=errno.EPERM),
    # Multicast routing (linux/mroute.h) is for raw IGMP sockets.
    **{option: refused("MRT_*", errno.EOPNOTSUPP, errno.EOPNOTSUPP) for option in _ROUTING},
}  # fmt: skip

# Options whose value is not read as a number before anything else, or is not looked at.
_UNREAD = {9, 14, 16, 17, 52, *_ROUTING}


def read_number(value: OptionValue) -> int:
    """An int, of a shorter value the first byte, of none 0."""
    if value.length >= INT.size:
        number: int = INT.unpack(value.first(INT.size))[0]
        return number
    return value.first(1)[0] if value.length else 0


def set_option(ask: Ask) -> None:
    option = ask.option
    if option in ip_groups.OPTIONS:
        ip_groups.set_group(ask)
    elif option == OPTIONS:
        set_ip_options(ask)
    elif option == MULTICAST_IF:
        _set_multicast_interface(ask)
    else:
        row = ROWS.get(option)
        number = 0 if row is None or option in _UNREAD else read_number(ask.new)
        set_row(ask, row, number)


def get_option(ask: Ask) -> bytes:
    """Short room gets one byte of a number that fits (do_ip_getsockopt)."""
    size = ask.size if ask.option in _ROUTING else room(ask.size)
    answer = get_row(ROWS, ask)
    if ask.option == MULTICAST_ALL and ask.options.family == socket.AF_INET6:
        answer = ask.kept()
    if ask.option in (OPTIONS, MULTICAST_IF, MSFILTER, 48):
        return cut(answer, size)
    number = INT.unpack(answer)[0] if isinstance(answer, bytes) and answer else answer
    if isinstance(number, int) and 0 < size < INT.size and 0 <= number <= 255:
        return bytes([number])
    return cut(answer, size)


def default_of(options: Options, option: int) -> int:
    if option == MULTICAST_ALL and options.family == socket.AF_INET6:
        return 0
    if option == HDRINCL:
        return int(_writes_headers(options))
    return ROWS[option].default
