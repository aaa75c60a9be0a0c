"""IPv4, IPv6, TCP and UDP packets for the synthesized capture (RFC 791, 8200, 9293, 768)."""

import socket
import struct
from dataclasses import dataclass

from ptrace_net.record.sockaddr import AF_INET, Endpoint

SEGMENT = 1400
_FIN, _SYN, _RST, _PSH, _ACK = 1, 2, 4, 8, 16
_TCP, _UDP = 6, 17


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _address(endpoint: Endpoint) -> bytes:
    family = socket.AF_INET if endpoint.family == AF_INET else socket.AF_INET6
    return socket.inet_pton(family, endpoint.host)


def ip(source: Endpoint, target: Endpoint, protocol: int, body: bytes) -> bytes:
    """A packet of `protocol` around `body`, of the family of the addresses; at most 65,535 bytes."""
    addresses = _address(source) + _address(target)
    if source.family == AF_INET:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 0, 0x4000, 64, protocol, 0) + addresses
        head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
        return head + body
    return struct.pack("!IHBB", 6 << 28, len(body), protocol, 64) + addresses + body


def _with_checksum(source: Endpoint, target: Endpoint, protocol: int, body: bytes, at: int) -> bytes:
    pseudo = _address(source) + _address(target) + struct.pack("!II", len(body), protocol)
    return body[:at] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[at + 2 :]


def udp(source: Endpoint, target: Endpoint, data: bytes) -> bytes:
    """One datagram; what exceeds the largest one is cut."""
    data = data[:65000]
    body = struct.pack("!HHHH", source.port & 0xFFFF, target.port & 0xFFFF, 8 + len(data), 0) + data
    return ip(source, target, _UDP, _with_checksum(source, target, _UDP, body, 6))


@dataclass(slots=True)
class TcpConversation:
    """One connection: keeps the sequence numbers of both sides; `ended` once its last FIN is out."""

    local: Endpoint
    remote: Endpoint
    sent: int = 1000
    got: int = 5000
    ended: bool = False

    def _segment(self, out: bool, flags: int, data: bytes = b"") -> bytes:
        source, target = (self.local, self.remote) if out else (self.remote, self.local)
        sequence, other = (self.sent, self.got) if out else (self.got, self.sent)
        acknowledged = other & 0xFFFFFFFF if flags & _ACK else 0
        body = struct.pack("!HHIIBBHHH", source.port & 0xFFFF, target.port & 0xFFFF, sequence & 0xFFFFFFFF,
                           acknowledged, 5 << 4, flags, 65535, 0, 0) + data  # fmt: skip
        step = len(data) + bool(flags & (_SYN | _FIN))
        self.sent, self.got = (self.sent + step, self.got) if out else (self.sent, self.got + step)
        return ip(source, target, _TCP, _with_checksum(source, target, _TCP, body, 16))

    def handshake(self, incoming: bool) -> list[bytes]:
        """SYN, SYN and ACK, ACK; `incoming` when the peer connects."""
        client = not incoming
        return [
            self._segment(client, _SYN),
            self._segment(not client, _SYN | _ACK),
            self._segment(client, _ACK),
        ]

    def refusal(self) -> list[bytes]:
        """SYN, and the reset that answers it."""
        return [self._segment(True, _SYN), self._segment(False, _RST | _ACK)]

    def data(self, data: bytes, out: bool) -> list[bytes]:
        """`data` in segments, and the acknowledgement."""
        pieces = [data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT)]
        return [*(self._segment(out, _PSH | _ACK, piece) for piece in pieces), self._segment(not out, _ACK)]

    def end(self, out: bool) -> list[bytes]:
        """FIN from one side, once."""
        if self.ended:
            return []
        self.ended = out
        return [self._segment(out, _FIN | _ACK), self._segment(not out, _ACK)]
