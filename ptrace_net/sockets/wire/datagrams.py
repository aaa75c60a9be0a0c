"""UDP on the wire: the stack looks into the run's own port table, and datagrams go out without a handle."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated import errqueue
from ptrace_net.sockets.emulated.errqueue import Cause
from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.emulated.network import is_link_local
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.stack import udp
from ptrace_net.stack.ip_output import Flow
from ptrace_net.stack.udp_layer import UdpLayer
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.packet import ErrorReport, IpPacket



# Who does not want to know that something was too big (__udp4_lib_err, ip6_sk_accept_pmtu).
_NOT_TOLD = {4: (errqueue.PMTUDISC_DONT,), 6: (errqueue.PMTUDISC_INTERFACE, errqueue.PMTUDISC_OMIT)}


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
        headers = udp.HEADER_LENGTH + flow.header_length
        errqueue.check_size(sock, target, len(data), flow.mtu, headers)
        fits = len(data) + headers <= flow.mtu
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
            cause = cause_of(report, theirs, udp.HEADER_LENGTH)
            if report.errno != errno.EMSGSIZE:
                errqueue.tell(sock, cause)
            elif (mode := _discovery(sock, report.version)) not in _NOT_TOLD[report.version]:
                errqueue.tell(sock, cause._replace(fatal=mode != errqueue.PMTUDISC_DONT))


def _discovery(sock: Datagram, version: int) -> int:
    """IP_MTU_DISCOVER, or IPV6_MTU_DISCOVER."""
    return sock.options.value(*errqueue.MTU_DISCOVER[version == 6])


def cause_of(report: ErrorReport, port: int, header: int) -> Cause:
    """An ICMP error that the stack has got, about a packet to ``port`` with ``header`` bytes before its data.
    """
    data = bytes(report.payload[header:])
    return Cause(
        report.errno, report.fatal, report.type, report.code, report.info, report.offender,
        Name(report.dst, port), data,
    )  # fmt: skip


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
