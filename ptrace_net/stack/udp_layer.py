"""Who gets a datagram, or an error about one (``udp4_lib_lookup2`` in net/ipv4/udp.c)."""

from dataclasses import dataclass, field

from . import udp
from .addresses import is_any, is_multicast
from .bindings import PortTable
from .packet import ErrorReport, IpPacket
from .udp_socket import Datagram, UdpSocket


@dataclass(slots=True)
class UdpLayer:
    bindings: PortTable = field(default_factory=PortTable)
    sockets: dict[int, list[UdpSocket]] = field(default_factory=dict)
    no_ports: int = 0

    def add(self, socket: UdpSocket, port: int) -> None:
        self.sockets.setdefault(port, []).append(socket)

    def remove(self, socket: UdpSocket, port: int) -> None:
        """Forget a socket; one that was never bound is not there."""
        rest = [other for other in self.sockets.pop(port, ()) if other is not socket]
        if rest:
            self.sockets[port] = rest

    def input(self, packet: IpPacket) -> bool:
        """Deliver; False where nobody has the port."""
        datagram = udp.parse(packet.payload, packet.src, packet.dst, packet.verified)
        received = Datagram(
            bytes(datagram.payload), packet.src, datagram.src_port, packet.dst, packet.interface,
            packet.hop_limit, packet.tos,
        )
        candidates = self.sockets.get(datagram.dst_port, ())
        scored = [(score(socket, received), socket) for socket in candidates]
        matching = [pair for pair in scored if pair[0] >= 0]
        if not matching:
            self.no_ports += 1
            return False
        if not packet.unicast:
            for _score, socket in matching:
                if not is_multicast(packet.dst) or (packet.interface, packet.dst) in socket.groups:
                    socket.deliver(received)
            return True
        best = max(matching, key=lambda pair: pair[0])[0]
        group = [socket for points, socket in matching if points == best]
        shared = group[0].reuseport and len(group) > 1
        chosen = group[hash((packet.src, datagram.src_port)) % len(group)] if shared else group[-1]
        chosen.deliver(received)
        return True

    def error(self, report: ErrorReport) -> None:
        """An ICMP error that quotes one of our datagrams."""
        if len(report.payload) < 4:
            return
        ours, theirs = int.from_bytes(report.payload[:2], "big"), int.from_bytes(report.payload[2:4], "big")
        for socket in self.sockets.get(ours, ()):
            if socket.peer in (None, (report.dst, theirs)):
                socket.failed(report)


def score(socket: UdpSocket, datagram: Datagram) -> int:
    """How well a socket fits: -1 not at all; a connected peer counts most, then the address, the device."""
    address = socket.bound_address
    points = 0
    if is_any(address):
        if len(address) != len(datagram.dst) and not socket.dual:
            return -1
        points += len(address) == len(datagram.dst)
    elif address != datagram.dst and not is_multicast(datagram.dst):
        return -1
    else:
        points += 4
    if socket.peer is not None:
        if socket.peer != (datagram.src, datagram.src_port):
            return -1
        points += 8
    if socket.interface is not None:
        if socket.interface != datagram.interface:
            return -1
        points += 2
    return points
