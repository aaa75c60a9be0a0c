"""Level IPPROTO_IPV6 (ipv6(7), net/ipv6/ipv6_sockglue.c).

The integers are those of ``options6.rows``, which the host provider has as well; what means more than a
number kept, or differs here, is in this module and in ``ipv6_special`` and ``ipv6_groups``.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.options import ip, ipv6_groups, ipv6_special, raw
from ptrace_net.sockets.emulated.options.model import (
    DGRAM,
    INT,
    RAW,
    STREAM,
    Ask,
    Row,
    cut,
    get_row,
    read_only,
    refused,
    set_row,
)
from ptrace_net.sockets.options6.rows import REFUSED
from ptrace_net.sockets.options6.rows import ROWS as SHARED
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.syscalls.options import OptionValue

LEVEL = 41
CHECKSUM, MULTICAST_IF, HDRINCL, TRANSPARENT, FREEBIND, TCLASS = 7, 17, 36, 75, 78, 67
_AT_IP = {TRANSPARENT: 19, FREEBIND: 15}  # kept where the option of IPPROTO_IP is


def _default_for(default: int) -> Callable[[Ask, int], int]:
    """-1 asks for what there was at first."""
    return lambda ask, number: default if number == -1 else number


def _traffic_class(ask: Ask, number: int) -> int:
    number = max(number, 0)
    if ask.target.kind == STREAM:  # TCP keeps two bits for itself
        number = number & ~ip.ECN_MASK | ask.kept() & ip.ECN_MASK
    if number != ask.kept():
        ip.forget_route(ask)
    return number


def _shared() -> dict[int, Row]:
    checks = {TCLASS: _traffic_class, TRANSPARENT: ipv6_special.transparent}
    return {
        option: Row(
            row.name,
            row.default,
            row.low,
            row.high,
            row.boolean,
            checks.get(option) or (_default_for(row.default) if row.low == -1 else None),
            only=(DGRAM, RAW) if row.datagram else (),
            shortest=0 if row.any_length else INT.size,
        )
        for option, row in SHARED.items()
    }


ROWS: Mapping[int, Row] = {
    **{option: refused(each.name, each.set, each.get) for option, each in REFUSED.items()},
    **_shared(),
    1: Row("IPV6_ADDRFORM", check=ipv6_special.change_family, get=ipv6_special.family, shortest=4),
    6: Row("IPV6_2292PKTOPTIONS", get=ipv6_special.packet_options),
    17: Row("IPV6_MULTICAST_IF", check=ipv6_special.multicast_interface, only=(DGRAM, RAW), shortest=4),
    22: Row("IPV6_ROUTER_ALERT", check=ipv6_special.router_alert, shortest=4),
    24: Row("IPV6_MTU", check=ipv6_special.fragment_size, get=ip.path_mtu, shortest=4),
    26: Row("IPV6_V6ONLY", boolean=True, check=ipv6_special.v6only, shortest=4,
            get=lambda ask: INT.pack(ask.target.v6only)),
    32: Row("IPV6_FLOWLABEL_MGR", get=ipv6_special.flow_label),
    50: Row("IPV6_PKTINFO", unread=errno.ENOPROTOOPT),
    **{option: Row(name, get=ipv6_special.header) for option, name in ipv6_special.HEADERS.items()},
    61: read_only("IPV6_PATHMTU", ipv6_special.path_mtu_info),
    72: Row("IPV6_ADDR_PREFERENCES", check=ipv6_special.preferences, get=ipv6_special.all_preferences,
            shortest=4),
    76: Row("IPV6_UNICAST_IF", check=ipv6_special.unicast_interface, shortest=4),
    **{option: refused("IPV6_*_MEMBERSHIP, MCAST_*", 0) for option in ipv6_groups.OPTIONS},
    48: Row("MCAST_MSFILTER", get=ipv6_groups.get_filter),
}  # fmt: skip
_SETTERS: Mapping[int, Callable[[Ask], None]] = {
    **dict.fromkeys(ipv6_groups.OPTIONS, ipv6_groups.set_group),
    **dict.fromkeys(ipv6_special.HEADERS, ipv6_special.set_header),
    6: ipv6_special.set_packet_options,
    32: ipv6_special.set_flow_label,
    50: ipv6_special.set_packet_info,
}


def read_number(value: OptionValue) -> int:
    """0 for NULL and for what is shorter than an int."""
    return value.integer()


def set_option(ask: Ask) -> None:
    if ask.target.kind == RAW and ask.option in (CHECKSUM, HDRINCL):
        raw.set_option(ask)
        return
    number = read_number(ask.new)  # EFAULT comes before every doubt about the option
    setter = _SETTERS.get(ask.option)
    if setter is not None:
        setter(ask)
        return
    row = ROWS.get(ask.option)
    if ask.option in _AT_IP and row is not None:
        if ask.new.length < row.shortest:
            raise Errno(errno.EINVAL)
        ask = ask._replace(level=0, option=_AT_IP[ask.option])
    set_row(ask, row, number)


def get_option(ask: Ask) -> bytes:
    if ask.target.kind == RAW and ask.option in (CHECKSUM, HDRINCL):
        return raw.get_option(ask)
    room = ask.size & 0xFFFFFFFF  # of unsigned lengths the kernel takes the smaller one
    if ask.option in _AT_IP:
        return cut(ask.options.number(0, _AT_IP[ask.option], 0), room)
    return cut(get_row(ROWS, ask), room)


def default_of(options: Options, option: int) -> int:
    return ROWS[option].default
