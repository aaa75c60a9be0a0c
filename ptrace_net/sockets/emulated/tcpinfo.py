"""``struct tcp_info`` (linux/tcp.h) of a connection between two sockets of the run, which no packets carry.

What does not depend on packets is as Linux has it over loopback: the state, the options that both ends have,
segment sizes, the path MTU, a first window. Counters of segments stay 0.
"""

from __future__ import annotations

import struct

ESTABLISHED, FIN_WAIT2, CLOSE, CLOSE_WAIT, LISTEN = 1, 5, 7, 8, 10
SIZE = 248
_UNLIMITED = (1 << 64) - 1
_LARGEST_WINDOW, _FIRST_WINDOW, _REORDERING = (1 << 31) - 1, 10, 3
_LEAST_MSS, _FIRST_TIMEOUT, _TIMEOUT, _RTT = 536, 1_000_000, 204_000, 20
_OPTIONS, _SCALES = 7, 0xAA  # timestamps, SACK and window scaling; by 10 bits either way
_IP_HEADERS = {4: 52, 16: 72}  # with those of TCP, timestamps included
_MTU = {4: 65535, 16: 65536}
_HEAD = struct.Struct("=8B24I2Q")  # up to tcpi_max_pacing_rate


def pack(state: int, size: int) -> bytes:
    """``size``: of the peer's address, in bytes."""
    if state in (CLOSE, LISTEN):
        head = _idle(state)
    else:
        mtu = _MTU[size]
        mss = mtu - _IP_HEADERS[size]
        head = _HEAD.pack(
            state, 0, 0, 0, 0, _OPTIONS, _SCALES, 1,
            _TIMEOUT, 0, mss // 2, _LEAST_MSS, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            mtu, mss, _RTT, _RTT // 2, _LARGEST_WINDOW, _FIRST_WINDOW, mss, _REORDERING, 0, mss, 0,
            _UNLIMITED, _UNLIMITED,
        )  # fmt: skip
    return head.ljust(SIZE, b"\0")


def _idle(state: int) -> bytes:
    fresh = state == CLOSE
    return _HEAD.pack(
        state, 0, 0, 0, 0, 0, 0, int(fresh),
        _FIRST_TIMEOUT if fresh else 0, 0, _LEAST_MSS if fresh else 0, *([0] * 13),
        _FIRST_TIMEOUT // 4 if fresh else 0, _LARGEST_WINDOW if fresh else 0, _FIRST_WINDOW, 0, _REORDERING,
        0, 0, 0,
        _UNLIMITED, _UNLIMITED,
    )  # fmt: skip
