"""SOL_SOCKET options that the kernel treats on an AF_UNIX socket as on a TCP or UDP one (net/core/sock.c).

Set and read on the backing socket, they give the same values, lengths, errors and privileges, and most act
there too. The filter may let any of ``NATIVE_SET`` and ``NATIVE_GET`` through without a stop
(``wanted.KEPT_BENEATH`` are those that programs set often); then only the backing socket knows.
"""

from __future__ import annotations

import socket
import time

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Errno

NATIVE_SET = frozenset({
    1,  # SO_DEBUG
    2,  # SO_REUSEADDR
    5,  # SO_DONTROUTE
    6,  # SO_BROADCAST
    9,  # SO_KEEPALIVE
    10,  # SO_OOBINLINE
    11,  # SO_NO_CHECK
    12,  # SO_PRIORITY
    13,  # SO_LINGER
    14,  # SO_BSDCOMPAT
    18,  # SO_RCVLOWAT
    20,  # SO_RCVTIMEO_OLD
    21,  # SO_SNDTIMEO_OLD
    36,  # SO_MARK
    40,  # SO_RXQ_OVFL
    41,  # SO_WIFI_STATUS
    42,  # SO_PEEK_OFF
    43,  # SO_NOFCS
    45,  # SO_SELECT_ERR_QUEUE
    46,  # SO_BUSY_POLL
    47,  # SO_MAX_PACING_RATE
    49,  # SO_INCOMING_CPU
    53,  # SO_CNX_ADVICE
    61,  # SO_TXTIME
    66,  # SO_RCVTIMEO_NEW
    67,  # SO_SNDTIMEO_NEW
    69,  # SO_PREFER_BUSY_POLL
    70,  # SO_BUSY_POLL_BUDGET
    72,  # SO_BUF_LOCK
    73,  # SO_RESERVE_MEM
    75,  # SO_RCVMARK
    82,  # SO_RCVPRIORITY
})  # fmt: skip

NATIVE_GET = NATIVE_SET | {
    19,  # SO_SNDLOWAT
    48,  # SO_BPF_EXTENSIONS
    56,  # SO_INCOMING_NAPI_ID
    57,  # SO_COOKIE
    71,  # SO_NETNS_COOKIE
}

# What an accepted TCP socket has from its listener, and a new AF_UNIX socket has not: option, size, at first.
_INHERITED = (
    *((option, 4, bytes(4)) for option in (2, 5, 6, 9, 10, 36)),
    (13, 8, bytes(8)),
    (18, 4, b"\1\0\0\0"),
    (20, 16, bytes(16)),
    (21, 16, bytes(16)),
)

_FRESH = 0.1  # seconds


def begin(handle: int, kind: int) -> None:
    """What a new socket of ``kind`` has otherwise than its backing socket."""
    if kind == socket.SOCK_RAW:
        hostcalls.set_int(handle, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


class Inheritance:
    """What the sockets that a listener accepts have from it, of what was set with no stop.

    Reading all of it takes as long as an accept, so that it is read again only after a while.
    """

    __slots__ = ("_held", "_until")

    def __init__(self) -> None:
        self._held: list[tuple[int, bytes]] = []
        self._until = 0.0

    def read(self, listener: int) -> None:
        """``listener`` is a descriptor of ours of the listener's backing socket."""
        now = time.monotonic()
        if now < self._until:
            return
        self._until = now + _FRESH
        self._held = []
        for option, size, first in _INHERITED:
            value = hostcalls.getsockopt(listener, socket.SOL_SOCKET, option, size)
            if value != first:
                self._held.append((option, value))

    def give(self, accepted: int) -> None:
        for option, value in self._held:
            try:
                hostcalls.setsockopt(accepted, socket.SOL_SOCKET, option, value)
            except Errno:  # SO_MARK needs a privilege that the supervisor may lack
                continue
