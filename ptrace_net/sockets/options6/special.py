"""Options of IPPROTO_IPV6 whose meaning is more than an integer kept (ipv6(7), RFC 3542, RFC 5014)."""

from __future__ import annotations

import errno
import fcntl
import socket
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.options6.groups import interface_exists
from ptrace_net.sockets.options6.rows import IP_UNICAST_IF
from ptrace_net.sockets.options6.twins import IP, keep_ip, leave_ip
from ptrace_net.syscalls.seam import Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.options import OptionValue

ADDRFORM, PKTOPTIONS, MULTICAST_IF, ROUTER_ALERT, MTU, V6ONLY, FLOWLABEL_MGR = 1, 6, 17, 22, 24, 26, 32
PKTINFO, RTHDR, PATHMTU, ADDR_PREFERENCES, UNICAST_IF = 50, 57, 61, 72, 76
IP_MTU, SO_BINDTOIFINDEX, SIOCGIFMTU = 14, 62, 0x8921
MIN_MTU = 1280
_INT = struct.Struct("=i")
_MTUINFO = struct.Struct("=28xI")  # struct ip6_mtuinfo: a sockaddr_in6 of zeros
_PKTINFO = struct.Struct("=16si")
_FLOWLABEL_REQ = 32
_CMSGHDR, _LONGEST_CONTROL = 16, 64 << 10
_TMP, _PUBLIC, _COA, _CGA = 0x001, 0x002, 0x004, 0x008
_PUBTMP_DEFAULT, _HOME, _NONCGA = 0x100, 0x400, 0x800
_CONFLICTS = (_TMP | _PUBLIC | _PUBTMP_DEFAULT, _COA | _HOME, _CGA | _NONCGA)


def _integer(value: OptionValue) -> int:
    if value.length < _INT.size:
        raise Errno(errno.EINVAL)
    return value.integer()


def _set_v6only(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    on = _integer(value)
    if sock.face.parse_host(hostcalls.getsockname(handle)).port:
        raise Errno(errno.EINVAL)
    sock.v6only = bool(on)


def _change_family(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """IPV6_ADDRFORM: a socket connected to a v4-mapped peer becomes an AF_INET one, which it is already."""
    if _integer(value) != socket.AF_INET:
        raise Errno(errno.EINVAL)
    peer = sock.given_name(hostcalls.getpeername(handle))
    if sock.v6only or sock.face.own(sock.face.parse(peer).address):
        raise Errno(errno.EADDRNOTAVAIL)
    leave_ip(sock, handle)
    sock.layer.release(handle)


def _set_multicast_if(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    if sock.stream:
        raise Errno(errno.ENOPROTOOPT)
    index = _integer(value)
    if index:
        if not interface_exists(handle, index):
            raise Errno(errno.ENODEV)
        bound = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_BINDTOIFINDEX)
        if bound not in (0, index):
            raise Errno(errno.EINVAL)
    sock.options[MULTICAST_IF] = index


def _set_unicast_if(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """The index in network byte order; IP_UNICAST_IF judges it by the same rules."""
    index = value.integer()
    if value.length != _INT.size:
        raise Errno(errno.EINVAL)
    keep_ip(sock, handle, IP_UNICAST_IF)
    hostcalls.set_int(handle, IP, IP_UNICAST_IF, index)
    sock.options[UNICAST_IF] = index


def _refuse_router_alert(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """For raw sockets of IPPROTO_RAW."""
    _integer(value)
    raise Errno(errno.ENOPROTOOPT)


def _check_mtu(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """Where to cut datagrams: IPv4 goes by the interface alone, so that nothing reads it back."""
    mtu = _integer(value)
    if mtu and mtu < MIN_MTU:
        raise Errno(errno.EINVAL)


def _refuse_flow_label(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """IPv4 packets have no flow label to lease."""
    value.first(_FLOWLABEL_REQ)
    raise Errno(errno.ENOPROTOOPT)


def _check_pktinfo(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """The source of datagrams that do not name one; see docs/limitations.md."""
    if value.null:
        raise Errno(errno.EINVAL)
    _, index = _PKTINFO.unpack(value.first(_PKTINFO.size))
    bound = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_BINDTOIFINDEX)
    if bound and index not in (0, bound):
        raise Errno(errno.EINVAL)


def _check_routing_header(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """No header is one already; none that is well-formed can travel in an IPv4 packet."""
    if value.length:
        raise Errno(errno.EINVAL)


def _check_packet_options(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    """RFC 2292: control messages for every datagram; only none at all is carried out."""
    if value.length > _LONGEST_CONTROL:
        raise Errno(errno.EINVAL)
    if len(value.data) < value.length:
        raise Errno(errno.EFAULT)
    if value.length >= _CMSGHDR:
        raise Errno(errno.EINVAL)


def _set_addr_preferences(sock: MappedSocket, handle: int, value: OptionValue) -> None:
    bits = _integer(value)
    for conflict in _CONFLICTS:
        if (bits & conflict).bit_count() > 1:
            raise Errno(errno.EINVAL)
    sock.options[ADDR_PREFERENCES] = bits & (_TMP | _PUBLIC | _COA)


def _addr_preferences(sock: MappedSocket) -> int:
    bits = sock.options.get(ADDR_PREFERENCES, 0)
    return bits | (0 if bits & (_TMP | _PUBLIC) else _PUBTMP_DEFAULT) | (0 if bits & _COA else _HOME)


def _mtu(sock: MappedSocket, handle: int) -> int:
    """Of the path to the peer. IPv4 says 65535 at most; the loopback interface takes more, as IPv6 says."""
    mtu = hostcalls.get_int(handle, IP, IP_MTU)
    if sock.own_peer and hostcalls.getpeername(handle)[4:5] == b"\x7f":
        request = struct.pack("=16s24x", b"lo")
        return int(_INT.unpack_from(fcntl.ioctl(handle, SIOCGIFMTU, request), 16)[0])
    return mtu


def _path_mtu(sock: MappedSocket, handle: int, size: int) -> bytes:
    if size < _MTUINFO.size:
        raise Errno(errno.EINVAL)
    return _MTUINFO.pack(_mtu(sock, handle))


def _family(sock: MappedSocket, handle: int, size: int) -> bytes:
    hostcalls.getpeername(handle)
    return _INT.pack(socket.AF_INET6)


def _packet_options(sock: MappedSocket, handle: int, size: int) -> bytes:
    if not sock.stream:
        raise Errno(errno.ENOPROTOOPT)
    return b""


def _flow_label(sock: MappedSocket, handle: int, size: int) -> bytes:
    raise Errno(errno.EINVAL if size < _FLOWLABEL_REQ else errno.ENOENT)


def _v6only(sock: MappedSocket, handle: int, size: int) -> bytes:
    return _INT.pack(sock.v6only)


def _kept(option: int) -> Getter:
    """What the program set, 0 at first."""

    def get(sock: MappedSocket, handle: int, size: int) -> bytes:
        return _INT.pack(sock.options.get(option, 0))

    return get


Setter = Callable[["MappedSocket", int, "OptionValue"], None]
SETTERS: Mapping[int, Setter] = {
    ADDRFORM: _change_family,
    PKTOPTIONS: _check_packet_options,
    MULTICAST_IF: _set_multicast_if,
    ROUTER_ALERT: _refuse_router_alert,
    MTU: _check_mtu,
    V6ONLY: _set_v6only,
    FLOWLABEL_MGR: _refuse_flow_label,
    PKTINFO: _check_pktinfo,
    RTHDR: _check_routing_header,
    ADDR_PREFERENCES: _set_addr_preferences,
    UNICAST_IF: _set_unicast_if,
}
# What they read as, given the room; whatever is missing is ENOPROTOOPT.
Getter = Callable[["MappedSocket", int, int], bytes]
GETTERS: Mapping[int, Getter] = {
    ADDRFORM: _family,
    PKTOPTIONS: _packet_options,
    MULTICAST_IF: _kept(MULTICAST_IF),
    ROUTER_ALERT: lambda sock, handle, size: _INT.pack(0),
    MTU: lambda sock, handle, size: _INT.pack(_mtu(sock, handle)),
    V6ONLY: _v6only,
    FLOWLABEL_MGR: _flow_label,
    RTHDR: lambda sock, handle, size: b"",
    PATHMTU: _path_mtu,
    ADDR_PREFERENCES: lambda sock, handle, size: _INT.pack(_addr_preferences(sock)),
    UNICAST_IF: _kept(UNICAST_IF),
}


def set_special(sock: MappedSocket, handle: int, option: int, value: OptionValue) -> Answer:
    SETTERS[option](sock, handle, value)
    return Return(0)
