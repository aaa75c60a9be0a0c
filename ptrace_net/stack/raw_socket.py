"""Raw sockets: copies of incoming packets by protocol, and packets with a header of ours (raw(7))."""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from . import icmp
from .addresses import IP
from .frame import Buffer
from .handle import Handle
from .packet import IpPacket
from .result import AGAIN, TOO_BIG, Fail
from .tcp.wakeups import POLLIN

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
    drops: int = 0
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
        message = bytes(data)
        if self.protocol == icmp.IPPROTO_ICMPV6 and len(message) >= icmp.HEADER_LENGTH:
            rest = int.from_bytes(message[4:8], "big")
            message = icmp.pack(flow.src, flow.dst, message[0], message[1], rest, message[8:])
        flow.send(message, b"", now)
        return len(data)

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
        if self.interface not in (None, packet.interface):
            return False
        filtered = packet.protocol in (icmp.IPPROTO_ICMP, icmp.IPPROTO_ICMPV6) and len(packet.payload) > 0
        return not (filtered and self.icmp_filter >> packet.payload[0] & 1)

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


@dataclass(slots=True)
class RawLayer:
    sockets: list[RawSocket] = field(default_factory=list)

    def input(self, packet: IpPacket, now: float) -> bool:
        """Copy a packet to every raw socket that wants it; whether there was one."""
        wanting = [socket for socket in self.sockets if socket.wants(packet)] if self.sockets else []
        for socket in wanting:
            socket.deliver(packet)
        return bool(wanting)
