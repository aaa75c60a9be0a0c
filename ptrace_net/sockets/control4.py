"""Control messages of an AF_INET socket that IPv6 serves: the other direction of ``control6``."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping

from ptrace_net.sockets.control6 import Item, items, packed
from ptrace_net.sockets.faces import IN6_SHORTEST, FourOnSix

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVERR, IP_ORIGDSTADDR = 1, 2, 8, 11, 20
IPV6_RECVERR, IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS, IPV6_ORIGDSTADDR = 25, 50, 52, 67, 74
_INT = struct.Struct("=i")
_IN_PKTINFO = struct.Struct("=i4s4s")
_IN6_PKTINFO = struct.Struct("=16sI")
_EXTENDED_ERROR = 16  # struct sock_extended_err, followed by the offender's sockaddr


class Control4:
    """Both directions, with a face's address map."""

    def __init__(self, face: FourOnSix) -> None:
        self._face = face
        self._incoming: Mapping[int, Callable[[bytes], Item]] = {
            IPV6_PKTINFO: self._info_from_host,
            IPV6_HOPLIMIT: lambda payload: (IP, IP_TTL, payload),
            IPV6_TCLASS: lambda payload: (IP, IP_TOS, payload[:1]),
            IPV6_ORIGDSTADDR: lambda payload: (IP, IP_ORIGDSTADDR, self._name(payload)),
            IPV6_RECVERR: self._error_from_host,
        }

    def to_host(self, control: bytes, word: int, own: bool) -> bytes:
        """What goes with a datagram; Errno(EINVAL) where a length does not fit."""
        if not control:
            return b""
        return packed([self._outgoing(*item) for item in items(control, word)])

    def _outgoing(self, level: int, kind: int, payload: bytes) -> Item:
        if level == IP and kind == IP_PKTINFO and len(payload) >= _IN_PKTINFO.size:
            index, source, _ = _IN_PKTINFO.unpack_from(payload)
            host = self._face.to_host(source) or self._face.host_any
            return IPV6, IPV6_PKTINFO, _IN6_PKTINFO.pack(host, index)
        if level == IP and kind in (IP_TTL, IP_TOS) and payload:
            number = _INT.unpack_from(payload)[0] if len(payload) >= _INT.size else payload[0]
            return IPV6, IPV6_HOPLIMIT if kind == IP_TTL else IPV6_TCLASS, _INT.pack(number)
        return level, kind, payload

    def from_host(self, control: bytes, own: bool, options: Mapping[int, int], word: int) -> bytes:
        """What came with a datagram, as the program's own level has it."""
        out = []
        for level, kind, payload in items(control, word):
            convert = self._incoming.get(kind) if level == IPV6 else None
            out.append((level, kind, payload) if convert is None else convert(payload))
        return packed(out, word)

    def _info_from_host(self, payload: bytes) -> Item:
        address, index = _IN6_PKTINFO.unpack_from(payload.ljust(_IN6_PKTINFO.size, b"\0"))
        here = self._face.from_host(address)
        return IP, IP_PKTINFO, _IN_PKTINFO.pack(index, here, here)

    def _error_from_host(self, payload: bytes) -> Item:
        error, offender = payload[:_EXTENDED_ERROR], payload[_EXTENDED_ERROR:]
        return IP, IP_RECVERR, error + self._name(offender)

    def _name(self, name: bytes) -> bytes:
        """A sockaddr_in6 of the host's as the sockaddr_in that it stands for."""
        if name[:2] != struct.pack("=H", socket.AF_INET6) or len(name) < IN6_SHORTEST:
            return name
        host = self._face.parse_host(name)
        return self._face.pack(host._replace(address=self._face.from_host(host.address)))
