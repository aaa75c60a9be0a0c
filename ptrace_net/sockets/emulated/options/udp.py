"""Level IPPROTO_UDP (udp(7), udp_lib_setsockopt and udp_lib_getsockopt of net/ipv4/udp.c)."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.options.model import Ask, Row, cut, flag, get_row, read_int, room, set_row
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options

LEVEL = 17  # UDP-Lite's level means the same
_ENCAPSULATIONS = (0, 2, 3)  # none, ESP, L2TP


def _encapsulation(ask: Ask, number: int) -> int:
    if number not in _ENCAPSULATIONS:
        raise Errno(errno.ENOPROTOOPT)
    return number


def _cork(ask: Ask, number: int) -> int:
    if not number:
        ask.options.keep(LEVEL, ask.option, 0)
        ask.target.uncork()
    return number


ROWS: Mapping[int, Row] = {
    1: flag("UDP_CORK", check=_cork),
    100: Row("UDP_ENCAP", check=_encapsulation),
    101: flag("UDP_NO_CHECK6_TX"),
    102: flag("UDP_NO_CHECK6_RX"),
    103: Row("UDP_SEGMENT", low=0, high=0xFFFF),
    104: flag("UDP_GRO"),
}


def set_option(ask: Ask) -> None:
    set_row(ask._replace(level=LEVEL), ROWS.get(ask.option), read_int(ask.new))


def get_option(ask: Ask) -> bytes:
    room(ask.size)
    return cut(get_row(ROWS, ask._replace(level=LEVEL)), ask.size)


def default_of(options: Options, option: int) -> int:
    return ROWS[option].default
