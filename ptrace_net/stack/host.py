"""A host: interfaces, routes and protocols, driven by frames and time.

``feed`` takes a frame from a device, ``poll`` runs what is due and returns the frames to send, ``deadline``
says when to poll at the latest, ``take_events`` what became readable, writable or broken.  Handles come from
``tcp_socket``, ``udp_socket`` and ``raw_socket``.  After calls on handles, ``poll`` is due.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from . import ethernet, icmp, icmp_input, igmp, ip_input
from .addresses import (
    BROADCAST_MAC,
    IP,
    LOOPBACK4,
    LOOPBACK6,
    MAC,
    ZERO_MAC,
    is_any,
    is_loopback,
    is_multicast,
)
from .bindings import Binding, PortTable
from .discovery import arp_input, igmp_input
from .ethernet import ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6
from .expiry import report_fragment_timeouts, report_unresolved
from .fragment import IPV4_LIFETIME, IPV6_LIFETIME, MAX_DATAGRAM, Reassembler
from .frame import FULL_OFFLOAD, NO_OFFLOAD, Buffer, Frame, Malformed, Offload
from .handle import Handle
from .icmp_errors import ErrorBudget, error_for
from .interface import Interface
from .ip_output import Flow
from .packet import ErrorReport, IpPacket
from .ports import EphemeralPorts
from .raw_socket import RawLayer, RawSocket
from .result import Fail
from .route import PathMtu, Route, RouteTable
from .routing import LOOPBACK_MTU, find_flow
from .source import select
from .tcp.config import TcpConfig
from .tcp.errors import tcp_error
from .tcp.layer import TcpLayer
from .tcp.segment import IPPROTO_TCP
from .tcp.socket import TcpSocket
from .udp import IPPROTO_UDP
from .udp_layer import UdpLayer
from .udp_socket import UdpSocket


class Service(Protocol):
    """Something that runs on the host and has timers, such as the DHCP client."""

    def poll(self, now: float) -> None: ...
    def deadline(self) -> float | None: ...


@dataclass(slots=True, eq=False)
class Host:
    """``random`` returns n random bytes: all that the stack ever draws comes from it."""

    random: Callable[[int], bytes]
    config: TcpConfig = field(default_factory=TcpConfig)
    interfaces: dict[str, Interface] = field(default_factory=dict)
    routes: RouteTable = field(default_factory=RouteTable)
    path_mtu: PathMtu = field(default_factory=PathMtu)
    local_addresses: dict[IP, Interface] = field(default_factory=dict)
    generation: int = 0
    reassembly4: Reassembler = field(default_factory=lambda: Reassembler(IPV4_LIFETIME, MAX_DATAGRAM - 20))
    reassembly6: Reassembler = field(default_factory=lambda: Reassembler(IPV6_LIFETIME))
    udp: UdpLayer = field(default_factory=UdpLayer)
    raw: RawLayer = field(default_factory=RawLayer)
    tcp_bindings: PortTable = field(default_factory=PortTable)
    ports: EphemeralPorts = field(init=False)
    tcp: TcpLayer = field(init=False)
    protocols: dict[tuple[int, int], Callable[[IpPacket, float], None]] = field(init=False)
    budget: ErrorBudget = field(default_factory=ErrorBudget)
    services: list[Service] = field(default_factory=list)
    transit: Callable[[IpPacket, float], None] | None = None  #: for packets to others; a host drops them
    _events: dict[Handle, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = EphemeralPorts(self.random(16))
        self.tcp = TcpLayer(self.config, self._tcp_flow, self.random)
        self.protocols = {
            (4, 1): lambda packet, now: icmp_input.input4(self, packet, now),
            (6, 58): lambda packet, now: icmp_input.input6(self, packet, now),
            (4, igmp.IPPROTO_IGMP): lambda p, now: igmp_input(self.interfaces[p.interface], p, now),
            (4, IPPROTO_TCP): self.tcp.input, (6, IPPROTO_TCP): self.tcp.input,
            (4, IPPROTO_UDP): self._udp_input, (6, IPPROTO_UDP): self._udp_input,
        }

    def random_float(self) -> float:
        """Uniform in [0, 1)."""
        return int.from_bytes(self.random(6), "big") / 2**48

    # -- configuration --------------------------------------------------------------------------------

    def add_loopback(self, now: float = 0.0, offload: Offload = FULL_OFFLOAD) -> Interface:
        """``lo`` with 127.0.0.1/8 and ::1; its device returns what it is given."""
        interface = Interface(self, "lo", 1, ZERO_MAC, LOOPBACK_MTU, offload, loopback=True)
        self.interfaces["lo"] = interface
        interface.add_address(LOOPBACK4, 8, now)
        interface.add_address(LOOPBACK6, 128, now)
        return interface

    def add_interface(
        self, name: str, mac: MAC, mtu: int = 1500, offload: Offload = NO_OFFLOAD, dad: bool = True
    ) -> Interface:
        """An Ethernet interface without addresses."""
        index = max((known.index for known in self.interfaces.values()), default=1) + 1
        interface = Interface(self, name, index, mac, mtu, offload, dad=dad)
        self.interfaces[name] = interface
        return interface

    def addresses_changed(self) -> None:
        self.generation += 1
        self.local_addresses = {
            address.ip: interface
            for interface in self.interfaces.values()
            for address in interface.addresses.values()
            if address.usable
        }

    def add_route(self, route: Route, first: bool = False) -> bool:
        """False where the same route is there."""
        self.generation += 1
        return self.routes.add(route, first)

    def remove_route(self, route: Route) -> bool:
        self.generation += 1
        return self.routes.remove(route)

    def may_bind(self, address: IP) -> bool:
        """Whether bind(2) accepts a local address."""
        return (
            is_any(address) or address in self.local_addresses or is_multicast(address)
            or (is_loopback(address) and len(address) == 4)
        )

    def port_taken(self, address: IP, port: int) -> bool:
        """Whether a TCP socket that does not share it holds the port."""
        return self.tcp_bindings.conflict(Binding(address, port, reuseaddr=True))

    # -- routing --------------------------------------------------------------------------------------

    def source_for(self, interface: Interface, destination: IP) -> IP | None:
        return select(interface.addresses.values(), destination, destination)

    def flow(
        self, dst: IP, protocol: int, now: float, src: IP | None = None, interface: str | None = None
    ) -> Flow | Fail:
        """Look up a route and choose a source: ENETUNREACH, EADDRNOTAVAIL."""
        return find_flow(self, dst, protocol, now, src, interface)

    def _tcp_flow(self, src: IP, dst: IP, now: float) -> Flow | None:
        flow = self.flow(dst, IPPROTO_TCP, now, src=src)
        return flow if isinstance(flow, Flow) else None

    def learn_path_mtu(self, destination: IP, mtu: int, now: float) -> None:
        """A router said how much fits (ICMP)."""
        flow = self.flow(destination, 0, now)
        if isinstance(flow, Flow):
            self.path_mtu.learn(destination, mtu, flow.mtu, now)
            self.generation += 1

    def loop_back(self, flow: Flow, head: bytes, payload: Buffer) -> None:
        """IP_MULTICAST_LOOP: hear what we send to a group that we are in."""
        if flow.dst in flow.interface.groups.joined:
            packet = memoryview(b"".join((head, payload)))
            self.udp.input(IpPacket(
                flow.interface.name, flow.src, flow.dst, flow.protocol, flow.ttl, flow.tos, packet, packet,
                True, False,
            ))

    # -- frames and time ------------------------------------------------------------------------------

    def feed(self, interface: Interface, frame: Frame, now: float) -> None:
        """A frame from the device.  Malformed ones are counted, never raised."""
        counters = interface.counters
        counters.rx_packets += 1
        counters.rx_bytes += len(frame.data)
        if not interface.up:
            counters.rx_dropped += 1
            return
        try:
            self._feed(interface, frame, now)
        except Malformed:
            counters.rx_malformed += 1

    def _feed(self, interface: Interface, frame: Frame, now: float) -> None:
        view = memoryview(frame.data)
        header = ethernet.parse(view)
        if header.dst != interface.mac and not self._group_frame(interface, header.dst):
            interface.counters.rx_dropped += 1
            return
        verified = frame.verified or frame.partial
        if header.type == ETH_P_IP:
            ip_input.input4(self, interface, view[ETH_HLEN:], verified, now)
        elif header.type == ETH_P_IPV6:
            ip_input.input6(self, interface, view[ETH_HLEN:], verified, now)
        elif header.type == ETH_P_ARP:
            arp_input(interface, view[ETH_HLEN:], now)
        else:
            interface.counters.rx_dropped += 1

    @staticmethod
    def _group_frame(interface: Interface, mac: MAC) -> bool:
        return mac == BROADCAST_MAC or mac[0] & 1 == 1

    def poll(self, now: float) -> list[tuple[Interface, list[Frame]]]:
        """Run what is due and collect the frames to send, by interface."""
        for interface in self.interfaces.values():
            deadline = interface.deadline()
            if deadline is not None and deadline <= now:
                for unresolved in interface.poll(now):
                    report_unresolved(self, unresolved, now)
        report_fragment_timeouts(self, now)
        for service in self.services:
            service.poll(now)
        self.tcp.poll(now)
        sent = []
        for interface in self.interfaces.values():
            if interface.outbox:
                frames, interface.outbox = interface.outbox, []
                sent.append((interface, frames))
        return sent

    def deadline(self) -> float | None:
        """When to poll at the latest; 0.0: now."""
        links = self.interfaces.values()
        for interface in links:
            if interface.outbox:
                return 0.0
        times = [at for link in links if (at := link.deadline()) is not None]
        times += [at for service in self.services if (at := service.deadline()) is not None]
        rest = (self.tcp.deadline(), self.reassembly4.deadline(), self.reassembly6.deadline())
        times += [at for at in rest if at is not None]
        return min(times) if times else None

    # -- errors ---------------------------------------------------------------------------------------

    def send_error(
        self, to: IP, source: IP | None, kind: int, code: int, rest: int, packet: memoryview, now: float
    ) -> None:
        """An ICMP error about ``packet``, within the rate limit."""
        flow = self.flow(to, icmp.IPPROTO_ICMP if len(to) == 4 else icmp.IPPROTO_ICMPV6, now, src=source)
        if isinstance(flow, Flow) and self.budget.allow(now):
            flow.dont_fragment = False
            flow.send(icmp.error(flow.src, flow.dst, kind, code, rest, packet), b"", now)

    def unreachable(self, packet: IpPacket, code: int, now: float) -> None:
        """Nobody wants a packet: ICMP_PORT_UNREACH or ICMP_PROT_UNREACH, where an error may be sent."""
        error = error_for(packet, code)
        if error is not None:
            self.send_error(packet.src, packet.dst, *error, packet.quote, now)

    def _udp_input(self, packet: IpPacket, now: float) -> None:
        if not self.udp.input(packet) and packet.unicast:
            self.unreachable(packet, icmp.ICMP_PORT_UNREACH, now)

    def error_for_protocol(self, report: ErrorReport, now: float) -> None:
        """An ICMP error, or a neighbor that does not answer, about a packet of ours."""
        if report.protocol == IPPROTO_UDP:
            self.udp.error(report)
        elif report.protocol == IPPROTO_TCP:
            tcp_error(self, report, now)
        self.raw.error(report)

    # -- handles --------------------------------------------------------------------------------------

    def notify(self, handle: Handle, events: int) -> None:
        self._events[handle] = self._events.get(handle, 0) | events

    def take_events(self) -> list[tuple[Handle, int]]:
        """Handles with the poll(2) bits that have come up since the last call."""
        events, self._events = list(self._events.items()), {}
        return events

    def tcp_socket(self, version: int = 4) -> TcpSocket:
        return TcpSocket(self, version)

    def udp_socket(self, version: int = 4) -> UdpSocket:
        return UdpSocket(self, version)

    def raw_socket(self, version: int, protocol: int) -> RawSocket:
        socket = RawSocket(self, version, protocol=protocol)
        self.raw.sockets.append(socket)
        return socket


