"""Level IPPROTO_TCP (tcp(7), do_tcp_setsockopt and do_tcp_getsockopt of net/ipv4/tcp.c)."""

from __future__ import annotations

import errno
import struct
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from ptrace_net.sockets.emulated.options.model import (
    INT,
    INT_MAX,
    Ask,
    Row,
    cut,
    flag,
    get_row,
    is_plain,
    read_int,
    read_only,
    refused,
    room,
    set_row,
)
from ptrace_net.sockets.emulated.options.tcp_special import (
    congestion,
    congestion_info,
    fast_open_key,
    protocol_above,
    set_congestion,
    set_fast_open_key,
    set_md5_key,
    set_protocol_above,
)
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options

MAXSEG, CONGESTION, ULP, FASTOPEN_KEY = 2, 13, 31, 33
_TICKS = 250  # jiffies per second, the usual CONFIG_HZ
_FIRST_WINDOW = 65536
_LEAST_WINDOW = 1152  # half of SOCK_MIN_RCVBUF
_LONGEST_FIN_WAIT = 120
_LONGEST_TIMEOUT = 120
_MOST_WAITING = 4096  # net.core.somaxconn
_SND_MSS = struct.Struct("=16xI")  # tcpi_snd_mss of struct tcp_info


def _segment(ask: Ask, number: int) -> int:
    if number and number < 88:
        raise Errno(errno.EINVAL)
    return number


def _segment_size(ask: Ask) -> bytes:
    if ask.target.connected:
        return INT.pack(_SND_MSS.unpack_from(ask.target.tcp_info(ask.handle))[0])
    return INT.pack(ask.kept() or 536)


def _fin_wait(ask: Ask, number: int) -> int:
    return -1 if number < 0 else min(number, _LONGEST_FIN_WAIT)


def _defer(ask: Ask, number: int) -> int:
    """Kept in retransmissions of SYN-ACK, which come after 1, 2, 4... seconds."""
    if number <= 0:
        return 0
    retransmissions, period, timeout = 1, 1, 1
    while number > period and retransmissions < 255:
        retransmissions += 1
        timeout = min(timeout * 2, _LONGEST_TIMEOUT)
        period += timeout
    return period


def _clamp(ask: Ask, number: int) -> int:
    if number == 0:
        if ask.target.connected or ask.target.listening:
            raise Errno(errno.EINVAL)
        return 0
    return max(number, _LEAST_WINDOW)


def _window_clamp(ask: Ask) -> bytes:
    return INT.pack(ask.kept(_FIRST_WINDOW if ask.target.connected else 0))


def _fast_open(ask: Ask, number: int) -> int:
    if ask.target.connected:
        raise Errno(errno.EINVAL)
    return min(number, _MOST_WAITING)


def _unconnected(ask: Ask, number: int) -> int:
    if ask.target.connected:
        raise Errno(errno.EINVAL)
    return number


def _fresh(ask: Ask, number: int) -> int:
    if ask.target.connected or ask.target.listening:
        raise Errno(errno.EINVAL)
    return number


def _milliseconds(ask: Ask, number: int) -> int:
    return -(-number * _TICKS // 1000) * 1000 // _TICKS


def _microseconds(ask: Ask, number: int) -> int:
    ticks = -(-number * _TICKS // 1_000_000)
    if ticks < 2:
        raise Errno(errno.EINVAL)
    return ticks * 1_000_000 // _TICKS


def _clock(ask: Ask) -> bytes:
    return INT.pack((time.monotonic_ns() // 1_000_000 + INT_MAX & 0xFFFFFFFF) - (1 << 31))


def _no_window(ask: Ask) -> bytes:
    """Of a socket that is not under repair."""
    raise Errno(errno.EPERM if ask.size == 20 else errno.EINVAL)


def _no_keys(ask: Ask) -> NoReturn:
    """A listener cannot be repaired at all."""
    raise Errno(errno.EPERM if ask.target.listening else errno.ENOPROTOOPT)


def _no_pages(ask: Ask) -> bytes:
    """TCP_ZEROCOPY_RECEIVE: no memory of the program maps the socket."""
    raise Errno(errno.EINVAL)


def _no_queue(ask: Ask, number: int) -> int:
    closed = not (ask.target.connected or ask.target.listening)
    raise Errno(errno.EINVAL if closed else errno.EPERM)


ROWS: Mapping[int, Row] = {
    1: flag("TCP_NODELAY"),
    2: Row("TCP_MAXSEG", 0, 0, 32767, check=_segment, get=_segment_size),
    3: flag("TCP_CORK"),
    4: Row("TCP_KEEPIDLE", 7200, 1, 32767),
    5: Row("TCP_KEEPINTVL", 75, 1, 32767),
    6: Row("TCP_KEEPCNT", 9, 1, 127),
    7: Row("TCP_SYNCNT", 6, 1, 127),
    8: Row("TCP_LINGER2", 60, check=_fin_wait, get=lambda ask: INT.pack(ask.kept(60) or 60)),
    9: Row("TCP_DEFER_ACCEPT", check=_defer),
    10: Row("TCP_WINDOW_CLAMP", check=_clamp, get=_window_clamp),
    11: read_only("TCP_INFO", lambda ask: ask.target.tcp_info(ask.handle)),
    12: flag("TCP_QUICKACK", 1),
    13: Row("TCP_CONGESTION", get=congestion),
    14: Row("TCP_MD5SIG", check=set_md5_key, unread=errno.ENOPROTOOPT),
    16: Row("TCP_THIN_LINEAR_TIMEOUTS", low=0, high=1),
    17: Row("TCP_THIN_DUPACK", low=0, high=1, check=lambda ask, number: 0),
    18: Row("TCP_USER_TIMEOUT", low=0),
    # Freezing a connection (CRIU): as without CAP_NET_ADMIN.
    19: Row("TCP_REPAIR", unset=errno.EPERM),
    20: refused("TCP_REPAIR_QUEUE", errno.EPERM, errno.EINVAL),
    21: Row("TCP_QUEUE_SEQ", check=_no_queue, unread=errno.EINVAL),
    22: refused("TCP_REPAIR_OPTIONS", errno.EINVAL),
    23: Row("TCP_FASTOPEN", low=0, check=_fast_open),
    24: Row("TCP_TIMESTAMP", get=_clock, unset=errno.EPERM),
    25: Row("TCP_NOTSENT_LOWAT"),
    26: read_only("TCP_CC_INFO", congestion_info),
    27: Row("TCP_SAVE_SYN", low=0, high=2),
    28: read_only("TCP_SAVED_SYN", lambda ask: b""),
    29: Row("TCP_REPAIR_WINDOW", get=_no_window, unset=errno.EPERM),
    30: Row("TCP_FASTOPEN_CONNECT", low=0, high=1, check=_fresh),
    31: Row("TCP_ULP", get=protocol_above),
    32: Row("TCP_MD5SIG_EXT", check=set_md5_key, unread=errno.ENOPROTOOPT),
    33: Row("TCP_FASTOPEN_KEY", get=fast_open_key),
    34: Row("TCP_FASTOPEN_NO_COOKIE", low=0, high=1, check=_unconnected),
    35: read_only("TCP_ZEROCOPY_RECEIVE", _no_pages),
    36: Row("TCP_INQ", low=0, high=1),
    37: Row("TCP_TX_DELAY", low=0, high=(1 << 28) - 1),
    # As in a kernel without CONFIG_TCP_AO.
    38: refused("TCP_AO_ADD_KEY"),
    39: refused("TCP_AO_DEL_KEY"),
    40: refused("TCP_AO_INFO"),
    41: refused("TCP_AO_GET_KEYS"),
    42: Row("TCP_AO_REPAIR", check=lambda ask, number: _no_keys(ask), get=_no_keys),
    43: Row("TCP_IS_MPTCP", unset=errno.ENOPROTOOPT),
    44: Row("TCP_RTO_MAX_MS", 120_000, 1000, 120_000, check=_milliseconds),
    45: Row("TCP_RTO_MIN_US", 200_000, 0, 200_000, check=_microseconds),
    46: Row("TCP_DELACK_MAX_US", 200_000, 0, 200_000, check=_microseconds),
}
PLAIN = {option: row for option, row in ROWS.items() if is_plain(row)}
_SETTERS = {CONGESTION: set_congestion, ULP: set_protocol_above, FASTOPEN_KEY: set_fast_open_key}


def set_option(ask: Ask) -> None:
    setter = _SETTERS.get(ask.option)
    if setter is not None:
        setter(ask)
    else:
        set_row(ask, ROWS.get(ask.option), read_int(ask.new))


def get_option(ask: Ask) -> bytes:
    room(ask.size)
    return cut(get_row(ROWS, ask), ask.size)


def default_of(options: Options, option: int) -> int:
    return ROWS[option].default
