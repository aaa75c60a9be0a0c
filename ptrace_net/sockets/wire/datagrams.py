"""UDP on the wire: the stack looks into the run's own port table, and datagrams go out without a handle."""

from __future__ import annotations

import errno
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.names import Name, pack
from ptrace_net.sockets.emulated.network import is_link_local
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.stack import udp
from ptrace_net.stack.ip_output import Flow
from ptrace_net.stack.udp_layer import UdpLayer
from ptrace_net.syscalls.seam import Errno
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.packet import ErrorReport, IpPacket

IPPROTO_IP, IPPROTO_IPV6, IP_RECVERR, IPV6_RECVERR = 0, 41, 11, 25
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 10, 23, 2
SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 = 2, 3
MSG_ERRQUEUE = 0x2000
_EXTENDED_ERROR = struct.Struct("=IBBBBII")


class Datagrams:
    """Between the stack's UDP and the run's sockets."""

    def __init__(self, layer: EmulatedSockets, lane: Lane) -> None:
        self._layer, self._lane, self._host = layer, lane, lane.host
        self._host.udp = ProgramsUdp(programs=self)

    # Out

    def send(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> None:
        """Raises Errno: no route, or too big for a path that must not fragment."""
        interface = self._interface(target.scope)
        source = origin.source
        now = self._lane.clock()
        flow = self._host.flow(target.address, udp.IPPROTO_UDP, now, source.address, interface)
        if not isinstance(flow, Flow):
            raise Errno(flow.errno)
        fits = len(data) + udp.HEADER_LENGTH + flow.header_length <= flow.mtu
        four = len(target.address) == 4
        discover = (IPPROTO_IP, IP_MTU_DISCOVER) if four else (IPPROTO_IPV6, IPV6_MTU_DISCOVER)
        if not fits and sock.options.value(*discover) >= PMTUDISC_DO:
            raise Errno(errno.EMSGSIZE)
        flow.ttl, flow.tos, flow.dont_fragment = origin.ttl, origin.tos, fits
        flow.send(udp.header(flow.src, flow.dst, source.port, target.port, data), data, now)
        self._lane.soon()

    def _interface(self, scope: int) -> str | None:
        names = [name for name, known in self._host.interfaces.items() if known.index == scope]
        return names[0] if scope and names else None

    def joined(self, group: bytes, ifindex: int, member: bool) -> None:
        """Tell the link which groups are listened to (IGMP, MLD)."""
        for interface in self._host.interfaces.values():
            if interface.index == ifindex or (not ifindex and not interface.loopback):
                (interface.join if member else interface.leave)(group, self._lane.clock())
                self._lane.soon()
                return

    # In

    def input(self, packet: IpPacket) -> bool:
        """Whether somebody has the port."""
        datagram = udp.parse(packet.payload, packet.src, packet.dst, packet.verified)
        index = self._host.interfaces[packet.interface].index
        scope = index if is_link_local(packet.src) else 0
        source = Name(packet.src, datagram.src_port, scope)
        target = Name(packet.dst, datagram.dst_port, scope)
        origin = Origin(source, packet.dst, index, packet.hop_limit, packet.tos)
        data = bytes(datagram.payload)
        if not packet.unicast:
            self._layer.to_all(data, target, origin)
            return True
        return self._layer.deliver(data, target, origin)

    def error(self, report: ErrorReport) -> None:
        """An ICMP error about a datagram of ours: SO_ERROR where connected, the error queue where asked."""
        if len(report.payload) < udp.HEADER_LENGTH:
            return
        ours, theirs = (int.from_bytes(report.payload[at : at + 2], "big") for at in (0, 2))
        for sock in self._layer.datagrams_at(ours):
            peer = sock.peer
            if peer is not None and (peer.address, peer.port) != (report.dst, theirs):
                continue
            asked = (IPPROTO_IP, IP_RECVERR) if report.version == 4 else (IPPROTO_IPV6, IPV6_RECVERR)
            queued = bool(sock.options.value(*asked))
            if queued:
                sock.errors.append(_queued(sock, report, Name(report.dst, theirs), asked))
            if queued or (peer is not None and report.fatal):
                sock.fail(report.errno)


def _queued(sock: Datagram, report: ErrorReport, target: Name, asked: tuple[int, int]) -> Received:
    """What recvmsg(2) with MSG_ERRQUEUE gives: the datagram, where it went, ``struct sock_extended_err``."""
    origin = SO_EE_ORIGIN_ICMP if report.version == 4 else SO_EE_ORIGIN_ICMP6
    error = _EXTENDED_ERROR.pack(report.errno, origin, report.type, report.code, 0, report.info, 0)
    offender = pack(2 if report.version == 4 else 10, Name(report.offender, 0))
    data = bytes(report.payload[udp.HEADER_LENGTH :])
    name = pack(sock.family, target)
    return Received(data, name, [(*asked, error + offender)], MSG_ERRQUEUE, len(data))


@dataclass(slots=True)
class ProgramsUdp(UdpLayer):
    """The stack's own sockets (DHCP) first, then the programs'."""

    programs: Datagrams | None = None

    def input(self, packet: IpPacket) -> bool:
        if self.sockets and UdpLayer.input(self, packet):
            return True
        return self.programs is not None and self.programs.input(packet)

    def error(self, report: ErrorReport) -> None:
        UdpLayer.error(self, report)
        if self.programs is not None:
            self.programs.error(report)
