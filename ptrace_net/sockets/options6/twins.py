"""Options of IPPROTO_IPV6 and IPPROTO_IP that the host has only once: each level reads back its own.

Linux keeps both in the socket, and IPv6 packets go by the one, IPv4 packets by the other. Here a flag is set
on the host when either level asks for it. Hop limit, traffic class and whether errors are queued follow the
peer that the socket is connected to; a datagram to another one takes its own along. Of the other numbers the
last one set holds.
What the program asked for at level IPPROTO_IP is kept in ``sock.options`` under ``at_ip`` once the host's
value may be another one.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.options6.rows import (
    IP_RECVERR,
    IP_TOS,
    IP_TTL,
    RECVERR,
    ROWS,
    TCLASS,
    TWINS,
    UNICAST_HOPS,
    Row,
)
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.options import OptionValue

IP = socket.IPPROTO_IP
SO_PRIORITY = 12
CARRIED = (IP_TTL, IP_TOS)
FOLLOWING = {IP_TTL: UNICAST_HOPS, IP_TOS: TCLASS, IP_RECVERR: RECVERR}
_INT = struct.Struct("=i")
_LONGEST = 64


def at_ip(option: int) -> int:
    """The key of an option of IPPROTO_IP beside those of IPPROTO_IPV6, which are positive."""
    return -option


def keep_ip(sock: MappedSocket, handle: int, option: int) -> None:
    """Remember what IPPROTO_IP reads before IPPROTO_IPV6 changes the host's option."""
    if at_ip(option) not in sock.options:
        sock.options[at_ip(option)] = hostcalls.get_int(handle, IP, option)


def set_from_ipv6(sock: MappedSocket, handle: int, option: int, row: Row, number: int) -> None:
    """Carry ``number``, which the program set at level IPPROTO_IPV6 and ``sock.options`` has, to the host."""
    host = row.host
    if host is None:
        return
    if row.shared:
        hostcalls.set_int(handle, IP, host, number)
        return
    keep_ip(sock, handle, host)
    if host in FOLLOWING:
        if host == IP_TOS:
            _set_tos(handle, number)  # another class forgets the route in either family (IPV6_MTU shows it)
        follow_peer(sock, handle)
    else:
        hostcalls.set_int(handle, IP, host, _wanted(sock, host) if row.boolean else number)


def _wanted(sock: MappedSocket, host: int) -> int:
    """Whether an option of either level asks for the host's flag."""
    return int(any(sock.options.get(key) for key in (at_ip(host), *TWINS[host])))


def follow_peer(sock: MappedSocket, handle: int) -> None:
    """Give the host what holds for the peer: after each change of the socket's options or of its peer."""
    for host in FOLLOWING:
        if at_ip(host) in sock.options:
            number = _number_for(sock, host, sock.own_peer)
            if host == IP_RECVERR and not (sock.stream or sock.connecting):
                number = _wanted(sock, host)
            if host == IP_TOS:
                _set_tos(handle, number)
            else:
                hostcalls.set_int(handle, IP, host, number)


def control_for(sock: MappedSocket, own: bool) -> bytes:
    """The control messages that a datagram to a peer of the other family than the connected one needs."""
    if own == sock.own_peer:
        return b""
    from ptrace_net.sockets.control6 import packed

    kept = [host for host in CARRIED if at_ip(host) in sock.options]
    return packed([(IP, host, _INT.pack(_number_for(sock, host, own))) for host in kept])


def _number_for(sock: MappedSocket, host: int, own: bool) -> int:
    if not own:
        return sock.options[at_ip(host)]
    return (hops(sock) or 1) if host == IP_TTL else sock.options.get(FOLLOWING[host], 0)


def _set_tos(handle: int, number: int) -> None:
    """IP_TOS sets SO_PRIORITY as well, IPV6_TCLASS does not."""
    priority = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_PRIORITY)
    hostcalls.set_int(handle, IP, IP_TOS, number)
    if hostcalls.get_int(handle, socket.SOL_SOCKET, SO_PRIORITY) != priority:
        hostcalls.set_int(handle, socket.SOL_SOCKET, SO_PRIORITY, priority)


def set_ip(sock: MappedSocket, handle: int, option: int, value: OptionValue) -> Answer:
    """setsockopt(2) at level IPPROTO_IP: the kernel judges the value."""
    if option in FOLLOWING:
        keep_ip(sock, handle, option)
        if option == IP_TOS:
            _set_tos(handle, sock.options[at_ip(option)])  # whether it changes decides about SO_PRIORITY
    elif at_ip(option) not in sock.options:
        return NATIVE
    size = min(value.length, _LONGEST)
    needed = _INT.size if size >= _INT.size else min(size, 1)
    if len(value.data) < needed:
        raise Errno(errno.EFAULT)
    hostcalls.setsockopt(handle, IP, option, value.data[:size].ljust(size, b"\0"))
    sock.options[at_ip(option)] = number = hostcalls.get_int(handle, IP, option)
    if option in FOLLOWING:
        follow_peer(sock, handle)
    elif not number and _is_flag(option) and _wanted(sock, option):
        hostcalls.set_int(handle, IP, option, 1)
    return Return(0)


def _is_flag(option: int) -> bool:
    return any(ROWS[twin].boolean for twin in TWINS[option] if twin in ROWS)


def get_ip(sock: MappedSocket, option: int, size: int) -> bytes | None:
    """getsockopt(2) at level IPPROTO_IP, which gives a short buffer one byte (do_ip_getsockopt)."""
    number = sock.options.get(at_ip(option))
    if number is None:
        return None
    if size < 0:
        raise Errno(errno.EINVAL)
    if 0 < size < _INT.size and 0 <= number <= 255:
        return bytes([number])
    return _INT.pack(number)[:size]


def leave_ip(sock: MappedSocket, handle: int) -> None:
    """Give the host what IPPROTO_IP alone reads: the socket is of IPv4 from now on."""
    for key, number in sock.options.items():
        if key < 0:
            hostcalls.set_int(handle, IP, -key, number)


def hops(sock: MappedSocket) -> int:
    """IPV6_UNICAST_HOPS as it reads: -1 is the host's default."""
    value = sock.options.get(UNICAST_HOPS, -1)
    return value if value != -1 else ROWS[UNICAST_HOPS].default
