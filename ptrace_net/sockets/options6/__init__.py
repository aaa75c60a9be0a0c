"""Socket options on an AF_INET6 socket that IPv4 serves (ipv6(7), ip(7), net/ipv6/ipv6_sockglue.c).

Level IPPROTO_IPV6 is answered here, option by option: ``rows`` for integers and refusals, ``special``,
``groups``. At level IPPROTO_IP only what shares an option of the host with IPv6 (``twins``); levels of a
protocol that the socket does not have are unknown. All the rest is the kernel's.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.options6.groups import MSFILTER, get_filter, set_group
from ptrace_net.sockets.options6.rows import IP_MULTICAST_ALL, REFUSED, ROWS, TCLASS, TWINS, UNICAST_HOPS, Row
from ptrace_net.sockets.options6.special import GETTERS, SETTERS, set_special
from ptrace_net.sockets.options6.twins import (
    IP,
    at_ip,
    control_for,
    follow_peer,
    get_ip,
    hops,
    set_from_ipv6,
    set_ip,
)
from ptrace_net.syscalls.seam import Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.options import OptionValue

IPV6 = socket.IPPROTO_IPV6
SOL_UDPLITE, SOL_SCTP, SOL_TLS, SOL_MPTCP = 136, 132, 282, 284
ECN_MASK = 3
GROUPS = {20, 21, 27, 28, *range(42, 49)}
_STREAM_LEVELS = {socket.IPPROTO_TCP, SOL_SCTP, SOL_TLS, SOL_MPTCP}
_DATAGRAM_LEVELS = {socket.IPPROTO_UDP, SOL_UDPLITE}
_INT = struct.Struct("=i")


class Options6:
    """set and get for a ``MappedSocket`` on AF_INET."""

    def begin(self, sock: MappedSocket, handle: int) -> None:
        """What a new AF_INET6 socket has otherwise than an AF_INET one: it gets the groups that it joined."""
        sock.options[at_ip(IP_MULTICAST_ALL)] = 0
        if not sock.stream:
            hostcalls.set_int(handle, IP, IP_MULTICAST_ALL, 0)

    def follow_peer(self, sock: MappedSocket, handle: int) -> None:
        """The socket is, or is about to be, connected to another peer than before."""
        follow_peer(sock, handle)

    def control_for(self, sock: MappedSocket, own: bool) -> bytes:
        """What goes in front of the control messages of a datagram, to a peer of IPv6 alone or another."""
        return control_for(sock, own)

    def serves(self, sock: MappedSocket, level: int, option: int) -> bool:
        """Whether an option is answered here. Errno(ENOPROTOOPT) for a level that the socket does not have,
        where an AF_INET one would say EOPNOTSUPP.
        """
        if level == IPV6:
            return True
        if level == IP:
            return option in TWINS
        if level in (_STREAM_LEVELS if sock.stream else _DATAGRAM_LEVELS):
            return False
        raise Errno(errno.ENOPROTOOPT)

    def set(self, sock: MappedSocket, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        if level == IP:
            return set_ip(sock, handle, option, value)
        value.integer()  # EFAULT comes before every doubt about the option
        if option in SETTERS:
            return set_special(sock, handle, option, value)
        if option in GROUPS:
            return set_group(sock, handle, option, value)
        row = ROWS.get(option)
        if row is None or (row.datagram and sock.stream):
            raise Errno(REFUSED[option].set if option in REFUSED else errno.ENOPROTOOPT)
        _set_row(sock, handle, option, row, value)
        return Return(0)

    def get(self, sock: MappedSocket, handle: int, level: int, option: int, size: int) -> bytes | None:
        if level == IP:
            return get_ip(sock, option, size)
        room = size & 0xFFFFFFFF  # of unsigned lengths the kernel takes the smaller one
        if option in GETTERS:
            return GETTERS[option](sock, handle, room)[:room]
        if option in ROWS:
            return _INT.pack(_row_value(sock, handle, option, ROWS[option]))[:room]
        if option == MSFILTER:
            return get_filter(size)
        refusal = REFUSED.get(option)
        if refusal is None or refusal.get:
            raise Errno(errno.ENOPROTOOPT if refusal is None else refusal.get)
        return b""



def _set_row(sock: MappedSocket, handle: int, option: int, row: Row, value: OptionValue) -> None:
    if value.length < _INT.size and not row.any_length:
        raise Errno(errno.EINVAL)
    number = value.integer()
    if not row.low <= number <= row.high:
        raise Errno(errno.EINVAL)
    if row.boolean:
        number = int(bool(number))
    elif number == -1 and option != UNICAST_HOPS:
        number = row.default
    if option == TCLASS and sock.stream:
        number &= ~ECN_MASK  # TCP keeps these bits for itself
    sock.options[option] = number
    set_from_ipv6(sock, handle, option, row, number)


def _row_value(sock: MappedSocket, handle: int, option: int, row: Row) -> int:
    if row.shared and row.host is not None:
        return hostcalls.get_int(handle, IP, row.host)
    return hops(sock) if option == UNICAST_HOPS else sock.options.get(option, row.default)
