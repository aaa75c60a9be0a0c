"""Options of IPPROTO_IPV6 whose meaning is more than an integer kept (ipv6(7), RFC 3542, RFC 5014)."""

from __future__ import annotations

import errno
import socket
import struct

from ptrace_net.sockets.emulated.options import ip
from ptrace_net.sockets.emulated.options.model import (
    CAP_NET_ADMIN,
    CAP_NET_RAW,
    INT,
    RAW,
    STREAM,
    Ask,
)
from ptrace_net.sockets.options6.special import MIN_MTU
from ptrace_net.syscalls.seam import Errno

HEADERS = {54: "IPV6_HOPOPTS", 55: "IPV6_RTHDRDSTOPTS", 57: "IPV6_RTHDR", 59: "IPV6_DSTOPTS"}
ROUTING_HEADER = 57
_MTUINFO = struct.Struct("=28xI")  # struct ip6_mtuinfo: a sockaddr_in6 of zeros
_PKTINFO = struct.Struct("=16si")
_FLOWLABEL_REQ = struct.Struct("=16s4sBBHHHI")
_CMSGHDR, _LONGEST_CONTROL, _LONGEST_HEADER = 16, 64 << 10, 8 * 255
_MAPPED = bytes(10) + b"\xff\xff"
_TMP, _PUBLIC, _COA, _CGA = 0x001, 0x002, 0x004, 0x008
_PUBTMP_DEFAULT, _HOME, _NONCGA = 0x100, 0x400, 0x800
_CONFLICTS = (_TMP | _PUBLIC | _PUBTMP_DEFAULT, _COA | _HOME, _CGA | _NONCGA)


def transparent(ask: Ask, number: int) -> int:
    if number:
        ask.demand(CAP_NET_ADMIN, CAP_NET_RAW)
    return number


def v6only(ask: Ask, number: int) -> int:
    if ip.local_number(ask):
        raise Errno(errno.EINVAL)
    ask.target.v6only = bool(number)
    return number


def change_family(ask: Ask, number: int) -> int:
    """IPV6_ADDRFORM: a socket connected to a v4-mapped peer becomes an AF_INET one."""
    target = ask.target
    if number != socket.AF_INET:
        raise Errno(errno.EINVAL)
    if target.kind == RAW:
        raise Errno(errno.ENOPROTOOPT)
    if not target.connected:
        raise Errno(errno.ENOTCONN)
    if target.v6only or target.peer_name(ask.handle)[8:20] != _MAPPED:
        raise Errno(errno.EADDRNOTAVAIL)
    kept = ask.options.value(socket.IPPROTO_IP, ip.MULTICAST_ALL)
    ask.options.keep(socket.IPPROTO_IP, ip.MULTICAST_ALL, kept)  # which AF_INET sockets have otherwise
    target.family = ask.options.family = socket.AF_INET
    return number


def family(ask: Ask) -> bytes:
    if ask.target.kind == RAW:
        raise Errno(errno.ENOPROTOOPT)
    if not ask.target.connected:
        raise Errno(errno.ENOTCONN)
    return INT.pack(ask.target.family)


def packet_options(ask: Ask) -> bytes:
    if ask.target.kind != STREAM:
        raise Errno(errno.ENOPROTOOPT)
    return b""


def set_packet_options(ask: Ask) -> None:
    """RFC 2292: control messages for every datagram; only none at all is carried out."""
    value = ask.new
    if value.length > _LONGEST_CONTROL:
        raise Errno(errno.EINVAL)
    value.first(value.length)
    if value.length >= _CMSGHDR:
        raise Errno(errno.EINVAL)


def multicast_interface(ask: Ask, index: int) -> int:
    return _interface(ask, index, errno.ENODEV)


def unicast_interface(ask: Ask, number: int) -> int:
    """The index in network byte order."""
    if ask.new.length != INT.size:
        raise Errno(errno.EINVAL)
    _interface(ask, socket.ntohl(number & 0xFFFFFFFF), errno.EADDRNOTAVAIL)
    return number


def _interface(ask: Ask, index: int, absent: int) -> int:
    if index and index not in ask.target.interfaces():
        raise Errno(absent)
    if index and ip.bound_elsewhere(ask, index):
        raise Errno(errno.EINVAL)
    return index


def router_alert(ask: Ask, number: int) -> int:
    if ask.target.kind != RAW or ask.target.protocol != socket.IPPROTO_RAW:
        raise Errno(errno.ENOPROTOOPT)
    return number


def fragment_size(ask: Ask, mtu: int) -> int:
    if mtu and mtu < MIN_MTU:
        raise Errno(errno.EINVAL)
    return mtu


def path_mtu_info(ask: Ask) -> bytes:
    if ask.size & 0xFFFFFFFF < _MTUINFO.size:
        raise Errno(errno.EINVAL)
    return _MTUINFO.pack(INT.unpack(ip.path_mtu(ask))[0])


def set_flow_label(ask: Ask) -> None:
    """No flow label is leased: packets between two programs of the run have no headers."""
    action = _FLOWLABEL_REQ.unpack(ask.new.first(_FLOWLABEL_REQ.size))[2]
    if action > 2:
        raise Errno(errno.EINVAL)
    raise Errno(errno.EINVAL if action == 0 else errno.ESRCH)


def flow_label(ask: Ask) -> bytes:
    if ask.size < _FLOWLABEL_REQ.size:
        raise Errno(errno.EINVAL)
    action = _FLOWLABEL_REQ.unpack_from(ask.given.ljust(_FLOWLABEL_REQ.size, b"\0"))[2]
    raise Errno(errno.EINVAL if action else errno.ENOENT)


def set_packet_info(ask: Ask) -> None:
    """The source and interface of datagrams that do not name them."""
    if ask.new.null or ask.new.length < _PKTINFO.size:
        raise Errno(errno.EINVAL)
    data = ask.new.first(_PKTINFO.size)
    index = _PKTINFO.unpack(data)[1]
    if ask.options.number(socket.SOL_SOCKET, ip.SO_BINDTOIFINDEX, 0) and ip.bound_elsewhere(ask, index):
        raise Errno(errno.EINVAL)
    ask.options.keep_blob(ask.level, ask.option, data)


def set_header(ask: Ask) -> None:
    """An extension header of every packet (ipv6_set_opt_hdr)."""
    value = ask.new
    if ask.option != ROUTING_HEADER:
        ask.demand(CAP_NET_RAW)
    if not value.length:
        ask.options.keep_blob(ask.level, ask.option, b"")
        return
    if value.null or value.length % 8 or value.length > _LONGEST_HEADER:
        raise Errno(errno.EINVAL)
    data = value.first(value.length)
    size = (data[1] + 1) * 8
    if size > value.length:
        raise Errno(errno.EINVAL)
    if ask.option == ROUTING_HEADER:
        raise Errno(errno.EINVAL)  # types 2 and 4 alone: mobility and segment routing
    ask.options.keep_blob(ask.level, ask.option, data[:size])


def header(ask: Ask) -> bytes:
    return ask.options.blob(ask.level, ask.option)


def preferences(ask: Ask, bits: int) -> int:
    for conflict in _CONFLICTS:
        if (bits & conflict).bit_count() > 1:
            raise Errno(errno.EINVAL)
    return bits & (_TMP | _PUBLIC | _COA)


def all_preferences(ask: Ask) -> bytes:
    bits = ask.kept()
    bits |= 0 if bits & (_TMP | _PUBLIC) else _PUBTMP_DEFAULT
    return INT.pack(bits | (0 if bits & _COA else _HOME))
