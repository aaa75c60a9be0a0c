"""Level IPPROTO_IPV6 on a socket that IPv4 serves: one row per option (ipv6(7), net/ipv6/ipv6_sockglue.c).

A row says which values Linux takes, what it reads back by default, and the IPv4 option that has the same
effect. Without one the value is kept and read back; an option without a row is ENOPROTOOPT.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
ADDRFORM, V6ONLY, MTU = 1, 26, 24
JOINS = {20, 21, 27, 28, 42, 43, 44, 45, 46, 47}  # memberships: there is no IPv6 interface to join on
_INT = struct.Struct("=i")


class Row(NamedTuple):
    """``low`` to ``high`` are the values taken; ``boolean`` ones read back as 0 or 1."""

    name: str
    low: int
    high: int
    default: int
    host: int | None = None  # the option of level IPPROTO_IP
    boolean: bool = False
    refused_on_stream: bool = False
    refused: int = 0  # the errno for every socket that is not raw


def _flag(name: str, host: int | None = None, default: int = 0) -> Row:
    return Row(name, -(1 << 31), (1 << 31) - 1, default, host, boolean=True)


ROWS: dict[int, Row] = {
    2: _flag("IPV6_2292PKTINFO", 8),
    3: _flag("IPV6_2292HOPOPTS"),
    4: _flag("IPV6_2292DSTOPTS"),
    5: _flag("IPV6_2292RTHDR"),
    7: Row("IPV6_CHECKSUM", 0, 0, 0, refused=errno.ENOPROTOOPT),
    8: _flag("IPV6_2292HOPLIMIT", 12),
    11: _flag("IPV6_FLOWINFO"),
    16: Row("IPV6_UNICAST_HOPS", -1, 255, 64, 2),
    17: Row("IPV6_MULTICAST_IF", 0, 0, 0, refused_on_stream=True),
    18: Row("IPV6_MULTICAST_HOPS", -1, 255, 1, 33, refused_on_stream=True),
    19: Row("IPV6_MULTICAST_LOOP", 0, 1, 1, 34),
    22: Row("IPV6_ROUTER_ALERT", 0, 0, 0, refused=errno.ENOPROTOOPT),
    23: Row("IPV6_MTU_DISCOVER", 0, 5, 1, 10),
    25: _flag("IPV6_RECVERR", 11),
    29: Row("IPV6_MULTICAST_ALL", 0, 1, 1),
    31: Row("IPV6_RECVERR_RFC4884", 0, 1, 0),
    33: _flag("IPV6_FLOWINFO_SEND"),
    49: _flag("IPV6_RECVPKTINFO", 8),
    51: _flag("IPV6_RECVHOPLIMIT", 12),
    53: _flag("IPV6_RECVHOPOPTS"),
    56: _flag("IPV6_RECVRTHDR"),
    58: _flag("IPV6_RECVDSTOPTS"),
    60: _flag("IPV6_RECVPATHMTU"),
    62: _flag("IPV6_DONTFRAG"),
    66: _flag("IPV6_RECVTCLASS", 13),
    67: Row("IPV6_TCLASS", -1, 255, 0, 1),
    70: _flag("IPV6_AUTOFLOWLABEL", default=1),
    73: Row("IPV6_MINHOPCOUNT", 0, 255, 0, 21),
    74: _flag("IPV6_RECVORIGDSTADDR", 20),
    75: _flag("IPV6_TRANSPARENT", 19),
    77: _flag("IPV6_RECVFRAGSIZE"),
    78: _flag("IPV6_FREEBIND", 15),
}


class Options6:
    """set and get for a ``MappedSocket`` on AF_INET."""

    def set(self, sock: MappedSocket, handle: int, option: int, value: bytes) -> Answer:
        if option == V6ONLY:
            return _set_v6only(sock, handle, value)
        if option == ADDRFORM:
            return _change_family(sock, handle, value)
        row = _row(sock, option)
        if len(value) < _INT.size:
            raise Errno(errno.EINVAL)
        number = _INT.unpack_from(value)[0]
        if not row.low <= number <= row.high:
            raise Errno(errno.EINVAL)
        if row.host is not None:
            hostcalls.set_int(handle, IP, row.host, _host_value(row, number))
        sock.options[option] = int(bool(number)) if row.boolean else number
        return Return(0)

    def get(self, sock: MappedSocket, handle: int, option: int, size: int) -> bytes | None:
        if option == V6ONLY:
            value = int(sock.v6only)
        elif option == MTU:
            value = hostcalls.get_int(handle, IP, 14)
        elif option == ADDRFORM:
            hostcalls.getpeername(handle)
            value = socket.AF_INET6
        else:
            row = _row(sock, option)
            value = sock.options.get(option, row.default)
            if value == -1:
                value = row.default
        return _INT.pack(value)[:size]


class OptionsSame:
    """For an AF_INET socket that IPv6 serves: the host takes level IPPROTO_IP on its sockets as it is."""

    def set(self, sock: MappedSocket, handle: int, option: int, value: bytes) -> Answer:
        return NATIVE

    def get(self, sock: MappedSocket, handle: int, option: int, size: int) -> bytes | None:
        return None


def _row(sock: MappedSocket, option: int) -> Row:
    if option in JOINS:
        raise Errno(errno.ENODEV)
    row = ROWS.get(option)
    if row is None or (row.refused_on_stream and sock.stream):
        raise Errno(errno.ENOPROTOOPT)
    if row.refused:
        raise Errno(row.refused)
    return row


def _host_value(row: Row, number: int) -> int:
    if row.boolean:
        return int(bool(number))
    return number if number != -1 or row.host in (2, 33) else row.default


def _set_v6only(sock: MappedSocket, handle: int, value: bytes) -> Answer:
    if len(value) < _INT.size or sock.face.parse_host(hostcalls.getsockname(handle)).port:
        raise Errno(errno.EINVAL)
    sock.v6only = bool(_INT.unpack_from(value)[0])
    return Return(0)


def _change_family(sock: MappedSocket, handle: int, value: bytes) -> Answer:
    """IPV6_ADDRFORM: a socket connected to a v4-mapped peer becomes an AF_INET one, which it is already."""
    if len(value) < _INT.size:
        raise Errno(errno.EINVAL)
    if _INT.unpack_from(value)[0] != socket.AF_INET:
        raise Errno(errno.EINVAL)
    peer = sock.given_name(hostcalls.getpeername(handle))
    if sock.v6only or sock.face.own(sock.face.parse(peer).address):
        raise Errno(errno.EADDRNOTAVAIL)
    sock.layer.release(handle)
    return Return(0)
