"""What a program's socket options are to the stack (tcp(7), ip(7), ipv6(7))."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ptrace_net.stack.tcp.socket import TcpSocket

SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_IPV6 = 1, 0, 6, 41
SO_KEEPALIVE, SO_LINGER = 9, 13
IP_TOS, IP_TTL, IPV6_UNICAST_HOPS, IPV6_TCLASS = 1, 2, 16, 67
TCP_NODELAY, TCP_MAXSEG, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_LINGER2 = 1, 2, 4, 5, 6, 8
TCP_INFO, TCP_CONGESTION, TCP_USER_TIMEOUT = 11, 13, 18
_INT, _LINGER = struct.Struct("=i"), struct.Struct("=ii")
_ALGORITHMS = {b"cubic": "cubic", b"reno": "reno"}


def _nodelay(handle: TcpSocket, value: int, now: float) -> None:
    handle.set_nodelay(bool(value))


def _keepalive(handle: TcpSocket, value: int, now: float) -> None:
    handle.set_keepalive(bool(value), now)


def _idle(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.keepalive_time = float(value)
    handle.set_keepalive(handle.opts.keepalive, now)


def _interval(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.keepalive_interval = float(value)


def _probes(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.keepalive_probes = value


def _segment(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.max_seg = value


def _user_timeout(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.user_timeout = value / 1000


def _fin_timeout(handle: TcpSocket, value: int, now: float) -> None:
    handle.opts.fin_timeout = max(float(value), 0.0)


def _ttl(handle: TcpSocket, value: int, now: float) -> None:
    handle.ttl = value if value > 0 else None
    if handle.tcb is not None and handle.ttl is not None:
        handle.tcb.flow.ttl = handle.ttl


def _tos(handle: TcpSocket, value: int, now: float) -> None:
    handle.tos = max(value, 0) & 0xFF
    if handle.tcb is not None:
        handle.tcb.flow.tos = handle.tos


_INTEGERS: Mapping[tuple[int, int], Callable[[TcpSocket, int, float], None]] = {
    (SOL_SOCKET, SO_KEEPALIVE): _keepalive,
    (IPPROTO_TCP, TCP_NODELAY): _nodelay,
    (IPPROTO_TCP, TCP_MAXSEG): _segment,
    (IPPROTO_TCP, TCP_KEEPIDLE): _idle,
    (IPPROTO_TCP, TCP_KEEPINTVL): _interval,
    (IPPROTO_TCP, TCP_KEEPCNT): _probes,
    (IPPROTO_TCP, TCP_LINGER2): _fin_timeout,
    (IPPROTO_TCP, TCP_USER_TIMEOUT): _user_timeout,
    (IPPROTO_IP, IP_TTL): _ttl,
    (IPPROTO_IP, IP_TOS): _tos,
    (IPPROTO_IPV6, IPV6_UNICAST_HOPS): _ttl,
    (IPPROTO_IPV6, IPV6_TCLASS): _tos,
}
_OTHER_FAMILY = {4: IPPROTO_IPV6, 6: IPPROTO_IP}
KNOWN = frozenset((*_INTEGERS, (SOL_SOCKET, SO_LINGER), (IPPROTO_TCP, TCP_CONGESTION)))


def apply(handle: TcpSocket, level: int, option: int, data: bytes, now: float) -> None:
    """Set one option of KNOWN; ``data`` is what setsockopt(2) was given, and has been checked."""
    if level == _OTHER_FAMILY[handle.version]:
        return
    if (level, option) == (SOL_SOCKET, SO_LINGER):
        on, seconds = _LINGER.unpack(data[:8].ljust(8, b"\0"))
        handle.linger = float(seconds) if on else None
    elif (level, option) == (IPPROTO_TCP, TCP_CONGESTION):
        name = data.rstrip(b"\0")
        handle.opts.congestion = _ALGORITHMS.get(name, handle.opts.congestion)
    else:
        _INTEGERS[level, option](handle, _INT.unpack(data[:4].ljust(4, b"\0"))[0], now)
