"""Raw sockets: copies of incoming packets by protocol, and packets with a header of ours (raw(7))."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from . import checksum, icmp
from .addresses import IP, is_any
from .frame import Buffer
from .handle import Handle
from .packet import ErrorReport, IpPacket
from .result import AGAIN, FAULT, INVALID, TOO_BIG, Fail
from .tcp.wakeups import POLLIN
from .udp import IPPROTO_UDP

_ICMP, _LEAST = (icmp.IPPROTO_ICMP, icmp.IPPROTO_ICMPV6), 2  # bytes: type and code are looked at
_ICMPV6_CHECKSUM = 2


class RawPacket(NamedTuple):
    """``data`` has the IP header in IPv4 and has not in IPv6, as Linux delivers them."""

    data: bytes
    src: IP
    dst: IP
    interface: str
    hop_limit: int
    tos: int


@dataclass(slots=True, eq=False)
class RawSocket(Handle):
    protocol: int = 0
    peer: IP | None = None
    source: IP | None = None
    rcvbuf: int = 212992
    ttl: int = 64
    tos: int = 0
    icmp_filter: int = 0  #: ICMP_FILTER, a bit for each type that is not wanted
    checksum_at: int = -1  #: IPV6_CHECKSUM: where in the payload, -1 for none
    drops: int = 0
    failures: deque[ErrorReport] = field(default_factory=lambda: deque(maxlen=64))
    _queue: deque[RawPacket] = field(default_factory=deque)
    _queued: int = 0

    def send(self, data: Buffer, to: IP, now: float) -> int | Fail:
        """Send a payload; the ICMPv6 checksum is filled in (RFC 3542, 3.1)."""
        flow = self.host.flow(to, self.protocol, now, src=self.source, interface=self.interface)
        if isinstance(flow, Fail):
            return flow
        if len(data) > 65535 - flow.header_length:
            return TOO_BIG
        flow.ttl, flow.tos, flow.dont_fragment = self.ttl, self.tos, False
        if self.protocol in _ICMP and len(data) < _LEAST:
            return FAULT
        message = bytes(data)
        at = _ICMPV6_CHECKSUM if self.protocol == icmp.IPPROTO_ICMPV6 else self.checksum_at
        if at >= 0:
            if at >= len(message) - 1:
                return INVALID
            message = self._summed(at, message, flow.src, flow.dst)
        flow.send(message, b"", now)
        return len(data)

    def _summed(self, at: int, message: bytes, src: IP, dst: IP) -> bytes:
        """With the checksum that IPV6_CHECKSUM asks for (RFC 3542, 3.1)."""
        head, tail = message[:at], message[at + 2 :]
        initial = checksum.pseudo_sum(src, dst, self.protocol, len(message))
        folded = checksum.checksum(head + b"\0\0" + tail, initial)
        if not folded and self.protocol == IPPROTO_UDP:
            folded = 0xFFFF  # 0 would say that there is none
        return head + folded.to_bytes(2, "big") + tail

    def send_whole(self, packet: bytes, to: IP, now: float) -> int | Fail:
        """Send a packet with the header that the program has written (IP_HDRINCL, raw(7)).

        Of IPv4's the length and the checksum are filled in, and source and identification where they are 0
        (raw_send_hdrinc); IPv6's goes as it is.
        """
        flow = self.host.flow(to, self.protocol, now, src=self.source, interface=self.interface)
        if isinstance(flow, Fail):
            return flow
        size = (packet[0] & 15) * 4 if packet and self.version == 4 else flow.header_length
        if len(packet) < flow.header_length or not flow.header_length <= size <= len(packet):
            return INVALID
        if len(packet) > flow.mtu:
            return TOO_BIG
        whole = packet
        if self.version == 4:
            flow.ident = flow.ident + 1 & 0xFFFF
            whole = _completed(packet, size, flow.src, flow.ident)
        flow.interface.transmit(flow.next_hop, (whole,), now)
        return len(packet)

    def recv(self) -> RawPacket | Fail:
        if not self._queue:
            return AGAIN
        packet = self._queue.popleft()
        self._queued -= len(packet.data)
        return packet

    def close(self) -> None:
        self.host.raw.sockets.remove(self)

    def wants(self, packet: IpPacket) -> bool:
        if packet.version != self.version or self.protocol != packet.protocol:
            return False
        if self.peer not in (None, packet.src) or self.source not in (None, packet.dst):
            return False
        if self.interface not in (None, packet.interface) or not self._sum_is_right(packet):
            return False
        filtered = packet.protocol in _ICMP and len(packet.payload) > 0
        return not (filtered and self.icmp_filter >> packet.payload[0] & 1)

    def _sum_is_right(self, packet: IpPacket) -> bool:
        if self.checksum_at < 0 or packet.verified:
            return True
        initial = checksum.pseudo_sum(packet.src, packet.dst, packet.protocol, len(packet.payload))
        return checksum.valid(packet.payload, initial)

    def deliver(self, packet: IpPacket) -> None:
        data = bytes(packet.quote) if packet.version == 4 else bytes(packet.payload)
        if self._queue and self._queued + len(data) > self.rcvbuf:
            self.drops += 1
            return
        self._queued += len(data)
        self._queue.append(
            RawPacket(data, packet.src, packet.dst, packet.interface, packet.hop_limit, packet.tos)
        )
        self.wake(POLLIN)


def _completed(packet: bytes, size: int, src: IP, ident: int) -> bytes:
    head = bytearray(packet[:size])
    head[2:4], head[10:12] = len(packet).to_bytes(2, "big"), b"\0\0"
    if is_any(bytes(head[12:16])):
        head[12:16] = src
    if not any(head[4:6]):
        head[4:6] = ident.to_bytes(2, "big")
    head[10:12] = checksum.checksum(head).to_bytes(2, "big")
    return bytes(head) + packet[size:]


@dataclass(slots=True)
class RawLayer:
    sockets: list[RawSocket] = field(default_factory=list)

    def input(self, packet: IpPacket, now: float) -> bool:
        """Copy a packet to every raw socket that wants it; whether there was one."""
        wanting = [socket for socket in self.sockets if socket.wants(packet)] if self.sockets else []
        for socket in wanting:
            socket.deliver(packet)
        return bool(wanting)

    def error(self, report: ErrorReport) -> None:
        """An ICMP error about a packet that one of the sockets may have sent."""
        for socket in self.sockets:
            ours = socket.version == report.version and socket.protocol == report.protocol
            if ours and socket.peer in (None, report.dst) and socket.source in (None, report.src):
                socket.failures.append(report)
                socket.wake(POLLIN)
