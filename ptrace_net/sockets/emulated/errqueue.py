"""ICMP errors about what a datagram socket has sent: SO_ERROR, and the error queue of IP_RECVERR (ip(7)).

As in ip_icmp_error and ipv6_icmp_error: a socket that has asked is told of every error and finds the datagram
in its queue; another one only where it is connected and the error is a hard one.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from ptrace_net.sockets.emulated.names import AF_INET6, Name, pack
from ptrace_net.syscalls.seam import Errno
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.erring import Erring

IPPROTO_IP, IPPROTO_IPV6, IP_RECVERR, IPV6_RECVERR = 0, 41, 11, 25
RECVERR = ((IPPROTO_IP, IP_RECVERR), (IPPROTO_IPV6, IPV6_RECVERR))
IP_TTL, IP_RECVTTL, IPV6_HOPLIMIT, IPV6_RECVHOPLIMIT = 2, 12, 52, 51
_HOP_LIMITS = ((IPV6_HOPLIMIT, IPV6_RECVHOPLIMIT), (8, 8))  # IPV6_2292HOPLIMIT is both
MTU_DISCOVER = ((IPPROTO_IP, 10), (IPPROTO_IPV6, 23))
PMTUDISC_DONT, PMTUDISC_DO, PROBE, PMTUDISC_INTERFACE, PMTUDISC_OMIT = 0, 2, 3, 4, 5
SO_EE_ORIGIN_LOCAL, SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 = 1, 2, 3
MSG_ERRQUEUE = 0x2000
EXTENDED_ERROR = struct.Struct("=IBBBxII")
_INT = struct.Struct("=i")


class Cause(NamedTuple):
    """``struct sock_extended_err``: type and code of the ICMP message, who sent it and with what hop limit
    it arrived; and the datagram that it is about.
    """

    errno: int
    fatal: bool
    type: int
    code: int
    info: int
    offender: bytes
    target: Name
    data: bytes
    ttl: int = 64


def asked(sock: Erring, version: int) -> bool:
    """Whether the socket has an error queue for packets of that version."""
    return bool(sock.options.value(*RECVERR[version == 6]))


def tell(sock: Erring, cause: Cause) -> None:
    """An ICMP error about a datagram of ``sock``."""
    queued = asked(sock, 4 if len(cause.target.address) == 4 else 6)
    if queued:
        sock.errors.append(_queued(sock, cause))
    if queued or (cause.fatal and sock.talks_to(cause.target)):
        sock.fail(cause.errno)


def check_size(sock: Erring, target: Name, size: int, mtu: int, headers: int) -> None:
    """Errno(EMSGSIZE) for what is too long for a path on which it must not be fragmented."""
    six = len(target.address) == 16
    if size + headers > mtu and sock.options.value(*MTU_DISCOVER[six]) in (PMTUDISC_DO, PROBE):
        too_long(sock, target, mtu)


def too_long(sock: Erring, target: Name, mtu: int) -> NoReturn:
    """Errno(EMSGSIZE); the queue says how much the path takes (ip_local_error)."""
    four = len(target.address) == 4
    if asked(sock, 4 if four else 6):
        port = target.port if not four or sock.peer is not None else 0
        about = target._replace(port=port)
        sock.errors.append(_queued(sock, Cause(errno.EMSGSIZE, False, 0, 0, mtu, b"", about, b"")))
        sock.show_errors()
    raise Errno(errno.EMSGSIZE)


def _queued(sock: Erring, cause: Cause) -> Received:
    """What recvmsg(2) with MSG_ERRQUEUE gives: the datagram, where it went, and why it did not arrive.

    Without an offender the error is our own.
    """
    four = len(cause.target.address) == 4
    six = sock.family == AF_INET6  # which says how it is told, whatever the packet was
    origin = SO_EE_ORIGIN_ICMP if four else SO_EE_ORIGIN_ICMP6
    if not cause.offender:
        error = EXTENDED_ERROR.pack(cause.errno, SO_EE_ORIGIN_LOCAL, 0, 0, cause.info, 0)
        control = [(*RECVERR[six], error + bytes(28 if six else 16))]
        return Received(cause.data, pack(sock.family, cause.target), control, MSG_ERRQUEUE, len(cause.data))
    error = EXTENDED_ERROR.pack(cause.errno, origin, cause.type, cause.code, cause.info, 0)
    offender = pack(sock.family, Name(cause.offender, 0))
    control = [*_limit(sock, cause.ttl, four), (*RECVERR[six], error + offender)]
    return Received(cause.data, pack(sock.family, cause.target), control, MSG_ERRQUEUE, len(cause.data))


def _limit(sock: Erring, ttl: int, four: bool) -> list[tuple[int, int, bytes]]:
    value = sock.options.value
    if four:
        return [(IPPROTO_IP, IP_TTL, _INT.pack(ttl))] if value(IPPROTO_IP, IP_RECVTTL) else []
    return [(IPPROTO_IPV6, kind, _INT.pack(ttl)) for kind, asked in _HOP_LIMITS if value(IPPROTO_IPV6, asked)]
