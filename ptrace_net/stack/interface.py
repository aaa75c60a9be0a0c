"""A network interface of the stack: addresses, groups, neighbors, counters, and the frames it wants to send.

It knows links, not protocols above IP: ``transmit`` puts an IP packet into a frame for the next hop, asking
ARP or NDP first where it must.  Frames gather in ``outbox`` until ``Host.poll`` hands them to the device.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import arp, ethernet, icmp, ipv6, ndp
from .addresses import (
    ALL_HOSTS4,
    ALL_NODES6,
    ANY4,
    BROADCAST4,
    BROADCAST_MAC,
    IP,
    MAC,
    broadcast_of,
    is_any,
    is_multicast,
    multicast_mac,
    solicited_node,
)
from .autoconf import Autoconf
from .ethernet import ETH_HLEN, ETH_P_ARP, ETH_P_IP, ETH_P_IPV6
from .frame import NO_OFFLOAD, Buffer, Frame, Offload
from .multicast import Memberships, Report
from .neighbor import NeighborCache, Solicit, Unresolved
from .reports import membership_report
from .route import Route
from .source import Address, AddressState

if TYPE_CHECKING:
    from .host import Host


@dataclass(slots=True)
class InterfaceCounters:
    """The rows of /proc/net/dev that the stack can know."""

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_dropped: int = 0
    rx_malformed: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_dropped: int = 0


@dataclass(slots=True, eq=False)
class Interface:
    """``random`` returns a float in [0, 1); ``mtu`` is the largest IP packet in bytes."""

    host: "Host"
    name: str
    index: int
    mac: MAC
    mtu: int
    offload: Offload = NO_OFFLOAD
    loopback: bool = False
    dad: bool = True  #: whether IPv6 addresses are probed for duplicates first
    up: bool = True
    configuring: bool = False  #: DHCP has no lease yet: its replies may come for any address
    hop_limit: int = ipv6.DEFAULT_HOP_LIMIT
    addresses: dict[IP, Address] = field(default_factory=dict)
    neighbors4: NeighborCache = field(default_factory=NeighborCache)
    neighbors6: NeighborCache = field(default_factory=NeighborCache)
    outbox: list[Frame] = field(default_factory=list)
    counters: InterfaceCounters = field(default_factory=InterfaceCounters)
    groups: Memberships = field(init=False)
    autoconf: Autoconf = field(init=False)
    _broadcasts: set[IP] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.groups = Memberships(self.host.random_float)
        self.groups.joined.update({ALL_HOSTS4: 1, ALL_NODES6: 1})
        self.autoconf = Autoconf(self)

    # -- addresses and routes -------------------------------------------------------------------------

    def add_address(self, address: IP, length: int, now: float) -> Address:
        """Take an address and the on-link route of its prefix; IPv6 ones are tentative for a second."""
        entry = self.addresses[address] = Address(address, length)
        if len(address) == 4:
            if length < 31:
                self._broadcasts.add(broadcast_of(address, length))
        else:
            self._add_address6(entry, now)
        self.add_prefix_route(address, length)
        self.host.addresses_changed()
        if len(address) == 4 and not self.loopback:
            self._send_arp(arp.request(self.mac, address, address), BROADCAST_MAC)  # announcement
        return entry

    def _add_address6(self, entry: Address, now: float) -> None:
        probing = self.dad and not self.loopback
        if probing:
            entry.state = AddressState.TENTATIVE  # before the group is joined: the report must not use it
        if not self.loopback:
            self.join(solicited_node(entry.ip), now)
        if probing:
            self.autoconf.begin_dad(entry, now)

    def remove_address(self, address: IP, now: float) -> None:
        entry = self.addresses.pop(address)
        self.autoconf.forget(address)
        self.remove_route(self._prefix_route(address, entry.length))
        if len(address) == 16:
            if not self.loopback:
                self.leave(solicited_node(address), now)
        else:
            subnets = [a for a in self.addresses.values() if len(a.ip) == 4 and a.length < 31]
            self._broadcasts = {broadcast_of(subnet.ip, subnet.length) for subnet in subnets}
        self.host.addresses_changed()

    def add_prefix_route(self, address: IP, length: int) -> None:
        """The on-link route of an address's prefix."""
        self.add_route(self._prefix_route(address, length))

    def _prefix_route(self, address: IP, length: int) -> Route:
        return Route(address, length, self.name, source=address if len(address) == 4 else None)

    def address_settled(self, address: IP, state: AddressState, now: float) -> None:
        """Duplicate address detection has decided."""
        self.host.addresses_changed()

    def add_route(self, route: Route) -> None:
        self.host.add_route(route)

    def remove_route(self, route: Route) -> None:
        self.host.remove_route(route)

    def is_broadcast(self, address: IP) -> bool:
        return address == BROADCAST4 or address in self._broadcasts

    # -- out ------------------------------------------------------------------------------------------

    def transmit(
        self, next_hop: IP, parts: tuple[Buffer, ...], now: float, gso_size: int = 0, csum_start: int = 0,
        csum_offset: int = 0,
    ) -> None:
        """Send one IP packet, given in pieces; ``csum_start`` counts from its start, 0: sums are complete."""
        ethertype = ETH_P_IP if len(next_hop) == 4 else ETH_P_IPV6
        mac = self._link_address(next_hop, now)
        head = ethernet.header(mac or BROADCAST_MAC, self.mac, ethertype)
        data = b"".join((head, *parts))
        partial = csum_start > 0
        frame = Frame(data, gso_size, partial, False, csum_start + ETH_HLEN if partial else 0, csum_offset)
        if mac is None:
            self._hold(next_hop, frame, now)
        else:
            self.send_frame(frame)

    def send_frame(self, frame: Frame) -> None:
        self.counters.tx_packets += 1
        self.counters.tx_bytes += len(frame.data)
        self.outbox.append(frame)

    def _link_address(self, next_hop: IP, now: float) -> MAC | None:
        if self.loopback:
            return self.mac
        cache = self.neighbors4 if len(next_hop) == 4 else self.neighbors6
        mac = cache.resolve(next_hop, now)
        if mac is None and is_multicast(next_hop):
            return multicast_mac(next_hop)
        if mac is None and len(next_hop) == 4 and self.is_broadcast(next_hop):
            return BROADCAST_MAC
        return mac

    def _hold(self, next_hop: IP, frame: Frame, now: float) -> None:
        cache = self.neighbors4 if len(next_hop) == 4 else self.neighbors6
        solicit = cache.hold(next_hop, frame, now)
        if solicit is not None:
            self._solicit(solicit, now)

    def release(self, frames: list[Frame], mac: MAC) -> None:
        """Frames that waited for ``mac``."""
        for frame in frames:
            self.send_frame(frame._replace(data=mac + bytes(frame.data[6:])))

    def send_icmp6(
        self, src: IP, dst: IP, kind: int, code: int, rest: int, body: bytes, now: float
    ) -> None:
        """Neighbor discovery: hop limit 255."""
        message = icmp.pack(src, dst, kind, code, rest, body)
        head = ipv6.header(src, dst, icmp.IPPROTO_ICMPV6, len(message), hop_limit=255)
        self.transmit(dst, (head, message), now)

    def _send_arp(self, packet: arp.ArpPacket, to: MAC) -> None:
        self.send_frame(Frame(ethernet.header(to, self.mac, ETH_P_ARP) + packet.pack()))

    def answer_arp(self, packet: arp.ArpPacket) -> None:
        self._send_arp(arp.reply(self.mac, packet), packet.sender_mac)

    def _solicit(self, solicit: Solicit, now: float) -> None:
        """Ask for a neighbor: everybody, or the one that is about to be forgotten."""
        target = solicit.address
        source = self.host.source_for(self, target) or (ANY4 if len(target) == 4 else bytes(16))
        if len(target) == 4:
            self._send_arp(arp.request(self.mac, source, target), solicit.mac or BROADCAST_MAC)
            return
        body = ndp.solicit_body(target, None if is_any(source) else self.mac)
        destination = target if solicit.mac else solicited_node(target)
        self.send_icmp6(source, destination, ndp.NEIGHBOR_SOLICIT, 0, 0, body, now)

    # -- groups ---------------------------------------------------------------------------------------

    def join(self, group: IP, now: float) -> None:
        """Join a multicast group once more."""
        self._report(self.groups.join(group, now), now)

    def leave(self, group: IP, now: float) -> None:
        self._report(self.groups.leave(group, now), now)

    def _report(self, reports: list[Report], now: float) -> None:
        if self.loopback:
            return
        for report in reports:
            self.transmit(*membership_report(self, report), now)

    # -- time -----------------------------------------------------------------------------------------

    def poll(self, now: float) -> list[Unresolved]:
        """Run the link's timers; what could not be delivered is the host's to report."""
        self._report(self.groups.expire(now), now)
        self.autoconf.expire(now)
        unresolved = []
        for result in (*self.neighbors4.expire(now), *self.neighbors6.expire(now)):
            if isinstance(result, Solicit):
                self._solicit(result, now)
            else:
                self.counters.tx_dropped += len(result.held)
                unresolved.append(result)
        return unresolved

    def deadline(self) -> float | None:
        parts = (self.groups, self.autoconf, self.neighbors4, self.neighbors6)
        times = [at for part in parts if (at := part.deadline()) is not None]
        return min(times) if times else None


