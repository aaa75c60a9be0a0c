"""Control messages of an AF_INET6 socket that IPv4 serves: PKTINFO, HOPLIMIT/TTL, TCLASS/TOS and errors.

Outgoing level IPPROTO_IPV6 becomes level IPPROTO_IP and back (ipv6(7), RFC 3542; cmsg(3) for the layout).
``word`` is the size of the program's size_t; what goes to the host is always in the supervisor's.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator, Mapping

from ptrace_net.sockets.faces import SixOnFour
from ptrace_net.sockets.options6.rows import TWINS
from ptrace_net.sockets.options6.twins import at_ip
from ptrace_net.syscalls.seam import Errno

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR, IP_RECVTTL, IP_RECVTOS, IP_ORIGDSTADDR = 1, 2, 8, 11, 12, 13, 20
IPV6_2292PKTINFO, IPV6_2292HOPLIMIT, IPV6_RECVERR = 2, 8, 25
IPV6_RECVPKTINFO, IPV6_PKTINFO, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 49, 50, 51, 52
IPV6_DONTFRAG, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_ORIGDSTADDR = 62, 66, 67, 74
_HEADS = {4: struct.Struct("=Iii"), 8: struct.Struct("=Qii")}  # struct cmsghdr by the size of a size_t
_INT = struct.Struct("=i")
_IN_PKTINFO = struct.Struct("=I4s4s")  # the index unsigned as in in6_pktinfo: any bits pass
_IN6_PKTINFO = struct.Struct("=16sI")
_EXTENDED_ERROR = 16  # struct sock_extended_err, followed by the offender's sockaddr
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_UNREACHABLE = {(3, 3): (1, 4), (3, 1): (1, 3), (3, 0): (1, 0), (3, 4): (2, 0), (11, 0): (3, 0)}

Item = tuple[int, int, bytes]


def items(control: bytes, word: int) -> Iterator[Item]:
    """``(level, type, payload)`` of every control message; Errno(EINVAL) where a length does not fit."""
    head, offset = _HEADS[word], 0
    start = _aligned(head.size, word)
    while offset + head.size <= len(control):
        length, level, kind = head.unpack_from(control, offset)
        if length < start or offset + length > len(control):
            raise Errno(errno.EINVAL)
        yield level, kind, control[offset + start : offset + length]
        offset += _aligned(length, word)


def packed(messages: list[Item], word: int = 8) -> bytes:
    """The control buffer of ``messages``, each padded as CMSG_SPACE says."""
    head = _HEADS[word]
    start = _aligned(head.size, word)
    out = b""
    for level, kind, payload in messages:
        out += head.pack(start + len(payload), level, kind).ljust(start, b"\0") + payload
        out = out.ljust(_aligned(len(out), word), b"\0")
    return out


def _aligned(size: int, word: int) -> int:
    return (size + word - 1) & -word


class Control6:
    """Both directions, with a face's address map."""

    def __init__(self, face: SixOnFour) -> None:
        self._face = face
        self._outgoing: Mapping[int, Callable[[bytes], Item | None]] = {
            IPV6_PKTINFO: lambda payload: self._source_to_host(payload, True),
            IPV6_2292PKTINFO: lambda payload: self._source_to_host(payload, True),
            IPV6_HOPLIMIT: _hop_limit,
            IPV6_2292HOPLIMIT: _hop_limit,
            IPV6_TCLASS: _traffic_class,
            IPV6_DONTFRAG: lambda payload: None,
        }
        self._incoming: Mapping[int, Callable[[bytes, bool, Mapping[int, int]], list[Item]]] = {
            IP_PKTINFO: self._info_from_host,
            IP_TTL: _hops_from_host,
            IP_TOS: _class_from_host,
            IP_ORIGDSTADDR: self._destination_from_host,
            IP_RECVERR: self._error_from_host,
        }

    def to_host(self, control: bytes, word: int, own: bool) -> bytes:
        """What goes with a datagram to a peer of IPv6 alone (``own``) or to an IPv4 one, as each looks at it.

        Raises Errno(EINVAL) for what the kernel's own parsing refuses (ip6_datagram_send_ctl, ip_cmsg_send).
        """
        if not control:
            return b""
        out: list[Item] = []
        for level, kind, payload in items(control, word):
            if level == IPV6:
                converted = self._outgoing_item(kind, payload, own)
                out += [] if converted is None else [converted]
            elif level != IP or not own:
                out.append((level, kind, payload))
        return packed(out)

    def _outgoing_item(self, kind: int, payload: bytes, own: bool) -> Item | None:
        if not own:
            return self._source_to_host(payload, own) if kind == IPV6_PKTINFO else None
        convert = self._outgoing.get(kind)
        if convert is None:
            raise Errno(errno.EINVAL)
        return convert(payload)

    def from_host(self, control: bytes, own: bool, options: Mapping[int, int], word: int) -> bytes:
        """What came with a datagram, as far as ``options`` ask for it; ``own``: of a peer that IPv6 alone
        has.
        """
        out: list[Item] = []
        for level, kind, payload in items(control, word):
            convert = self._incoming.get(kind) if level == IP else None
            out += [(level, kind, payload)] if convert is None else convert(payload, own, options)
        return packed(out, word)

    def _source_to_host(self, payload: bytes, own: bool) -> Item | None:
        if len(payload) < _IN6_PKTINFO.size:
            raise Errno(errno.EINVAL)
        address, index = _IN6_PKTINFO.unpack_from(payload)
        host = self._face.plain_loopback if address == self._face.loopback else self._face.to_host(address)
        wrong_family = address != self._face.any and own != self._face.own(address)
        if host is None or wrong_family or (not own and address == self._face.any):
            raise Errno(errno.EINVAL)
        return IP, IP_PKTINFO, _IN_PKTINFO.pack(index, host, bytes(4))

    def _info_from_host(self, payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
        index, _, address = _IN_PKTINFO.unpack_from(_whole(payload, _IN_PKTINFO.size))
        info = _IN6_PKTINFO.pack(self._here(address, own), index)
        out = []
        if options.get(IPV6_RECVPKTINFO):  # ip6_datagram_recv_common_ctl(): for IPv4 datagrams as well
            out.append((IPV6, IPV6_PKTINFO, info))
        if own and options.get(IPV6_2292PKTINFO):
            out.append((IPV6, IPV6_2292PKTINFO, info))
        return out + _of_ipv4(IP_PKTINFO, IP_PKTINFO, payload, own, options)

    def _here(self, address: bytes, own: bool) -> bytes:
        """Where a datagram arrived: at ::1 when an IPv6 peer sent it to the host's loopback."""
        at_loopback = own and address == self._face.plain_loopback
        return self._face.loopback if at_loopback else self._face.from_host(address)

    def _destination_from_host(self, payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
        if not (own and options.get(IPV6_ORIGDSTADDR)):
            return _of_ipv4(IP_ORIGDSTADDR, IP_ORIGDSTADDR, payload, own, options)
        host = self._face.parse_host(_whole(payload, 16))
        seen = self._face.pack(host._replace(address=self._here(host.address, own)))
        return [(IPV6, IPV6_ORIGDSTADDR, seen)]

    def _error_from_host(self, payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
        """An ICMP error with the address of who reported it; of ICMPv6 where the peer is an IPv6 one.

        Its level is the socket's, whichever level asked for it (ipv6_recv_error).
        """
        error = bytearray(_whole(payload[:_EXTENDED_ERROR], _EXTENDED_ERROR))
        if own and error[4] == _ORIGIN_ICMP:
            error[4] = _ORIGIN_ICMP6
            error[5:7] = _UNREACHABLE.get((error[5], error[6]), (1, 0))
        offender = payload[_EXTENDED_ERROR:]
        if len(offender) >= 16 and offender[:2] == struct.pack("=H", socket.AF_INET):
            host = self._face.parse_host(offender)
            offender = self._face.pack(host._replace(address=self._here(host.address, own)))
        return [(IPV6, IPV6_RECVERR, bytes(error) + offender)]


def _number(payload: bytes) -> int:
    """An int from -1 (the default) to 255."""
    if len(payload) != _INT.size:
        raise Errno(errno.EINVAL)
    value: int = _INT.unpack(payload)[0]
    if not -1 <= value <= 255:
        raise Errno(errno.EINVAL)
    return value


def _hop_limit(payload: bytes) -> Item | None:
    """IPv4 has no time to live of 0: the packet goes as far, one hop."""
    hops = _number(payload)
    return None if hops == -1 else (IP, IP_TTL, _INT.pack(max(hops, 1)))


def _traffic_class(payload: bytes) -> Item:
    """The kernel puts the low byte of -1 into the packet."""
    return IP, IP_TOS, _INT.pack(_number(payload) & 0xFF)


def _hops_from_host(payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
    asked = [
        kind
        for option, kind in ((IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT), (IPV6_2292HOPLIMIT, IPV6_2292HOPLIMIT))
        if options.get(option)
    ]
    if own:
        return [(IPV6, kind, payload) for kind in asked]
    return _of_ipv4(IP_TTL, IP_RECVTTL, payload, own, options)


def _class_from_host(payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
    if own and options.get(IPV6_RECVTCLASS):
        return [(IPV6, IPV6_TCLASS, _INT.pack(_whole(payload, 1)[0]))]
    return _of_ipv4(IP_TOS, IP_RECVTOS, payload, own, options)


def _of_ipv4(kind: int, option: int, payload: bytes, own: bool, options: Mapping[int, int]) -> list[Item]:
    """What the program asked for with ``option`` of IPPROTO_IP: nothing that comes with an IPv6 datagram.

    Nothing is known of that while IPPROTO_IPV6 has not touched the host's option; then it alone brought it.
    """
    asked = options.get(at_ip(option), not any(options.get(twin) for twin in TWINS[option]))
    return [(IP, kind, payload)] if asked and not own else []


def _whole(payload: bytes, size: int) -> bytes:
    """A payload that the kernel cut where the program's room ended; the handler cuts the translation again.
    """
    return payload.ljust(size, b"\0")
