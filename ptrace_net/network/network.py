"""Reading the stack: ``Network`` gives the links, addresses, routes and neighbours that a program is told of.

What Linux keeps in table ``local`` is derived from the addresses, see ``local``. What the stack does not need
(labels, origins, queue lengths) is kept beside it, see ``facts``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ptrace_net.devices.identity import E1000
from ptrace_net.network.facts import AddressFacts, LinkFacts, RouteFacts
from ptrace_net.network.local import local_routes4, local_routes6, same_net
from ptrace_net.network.values import (
    FOREVER,
    Address,
    Counters,
    Flag,
    Link,
    Neighbour,
    Origin,
    RouteType,
    RouteValue,
    Scope,
    Table,
)
from ptrace_net.stack.addresses import (
    IP,
    ZERO_MAC,
    broadcast_of,
    is_link_local,
    is_loopback,
    is_multicast,
)
from ptrace_net.stack.neighbor import State
from ptrace_net.stack.source import AddressState

if TYPE_CHECKING:
    from ptrace_net.stack.host import Host
    from ptrace_net.stack.interface import Interface
    from ptrace_net.stack.route import Route
    from ptrace_net.stack.source import Address as StackAddress

IFA_F_SECONDARY, IFA_F_DADFAILED, IFA_F_DEPRECATED = 0x1, 0x8, 0x20
IFA_F_TENTATIVE, IFA_F_PERMANENT = 0x40, 0x80
IFAPROT_KERNEL_LO, IFAPROT_KERNEL_RA, IFAPROT_KERNEL_LL = 1, 2, 3
NTF_ROUTER = 0x80
IF_OPER_UNKNOWN, IF_OPER_DOWN, IF_OPER_UP = 0, 2, 6
IP6_RT_PRIO_USER, IP6_RT_PRIO_ADDRCONF = 1024, 256
_STATES = {
    AddressState.TENTATIVE: IFA_F_TENTATIVE,
    AddressState.PREFERRED: 0,
    AddressState.DEPRECATED: IFA_F_DEPRECATED,
    AddressState.DUPLICATE: IFA_F_TENTATIVE | IFA_F_DADFAILED,
}


@dataclass(slots=True, eq=False)
class Network:
    """The network of a run. Facts are kept by name of the link, so that they outlive what they describe."""

    host: Host
    link_facts: dict[str, LinkFacts] = field(default_factory=dict)
    address_facts: dict[tuple[str, IP], AddressFacts] = field(default_factory=dict)
    route_facts: dict[Route, RouteFacts] = field(default_factory=dict)
    gateway_origin: int = Origin.BOOT  #: who made the routes through a gateway that nobody described

    # -- links ------------------------------------------------------------------------------------------

    def facts_of(self, interface: Interface) -> LinkFacts:
        """The facts of a link, made when first asked for: an 82540EM, or ``lo``."""
        known = self.link_facts.get(interface.name)
        if known is None:
            if interface.loopback:
                known = LinkFacts(
                    broadcast=ZERO_MAC, min_mtu=0, max_mtu=0, qdisc="noqueue", carrier_changes=0
                )
            else:
                known = LinkFacts(identity=E1000)
            self.link_facts[interface.name] = known
        return known

    def interfaces(self) -> list[Interface]:
        """The stack's interfaces by index, as dumps have them."""
        return sorted(self.host.interfaces.values(), key=lambda interface: interface.index)

    def by_index(self, index: int) -> Interface | None:
        return next((each for each in self.host.interfaces.values() if each.index == index), None)

    def by_name(self, name: str) -> Interface | None:
        return self.host.interfaces.get(name)

    def links(self) -> list[Link]:
        return [self.link(interface) for interface in self.interfaces()]

    def link(self, interface: Interface) -> Link:
        facts = self.facts_of(interface)
        running = interface.up and facts.carrier
        state = IF_OPER_UNKNOWN if interface.loopback else IF_OPER_UP
        return Link(
            interface.index,
            interface.name,
            interface.mac,
            facts.broadcast,
            _flags(interface, facts),
            interface.mtu,
            facts.min_mtu,
            facts.max_mtu,
            facts.queue,
            facts.qdisc,
            state if running else IF_OPER_DOWN,
            facts.carrier,
            facts.carrier_changes,
            facts.alias,
            facts.group,
            facts.promiscuity,
            facts.allmulti,
            interface.loopback,
            facts.identity,
        )

    def counters(self, index: int) -> Counters:
        """The counters of a link, those of ``lo`` the same in both directions as Linux has them."""
        interface = self.by_index(index)
        if interface is None:
            return Counters()
        counted = interface.counters
        return Counters(
            counted.rx_packets,
            counted.rx_bytes,
            counted.rx_malformed,
            counted.rx_dropped,
            counted.tx_packets,
            counted.tx_bytes,
            counted.tx_dropped,
        )

    # -- addresses --------------------------------------------------------------------------------------

    def addresses(self) -> list[Address]:
        """IPv4 by link, then IPv6 by link, as a dump has them."""
        return [*self.addresses4(), *self.addresses6()]

    def addresses4(self) -> list[Address]:
        return [value for interface in self.interfaces() for value in self._addresses4(interface)]

    def addresses6(self) -> list[Address]:
        """Of each link the widest scope first, and of one scope the newest (ipv6_link_dev_addr)."""
        found: list[Address] = []
        for interface in self.interfaces():
            own = [each for each in interface.addresses.values() if len(each.ip) == 16]
            own.reverse()
            own.sort(key=lambda each: _rank6(each.ip))
            found += [self._address(interface, each, 0) for each in own]
        return found

    def _addresses4(self, interface: Interface) -> list[Address]:
        """Primary addresses first; one in the subnet of an earlier one is secondary (__inet_insert_ifa)."""
        primary: list[Address] = []
        secondary: list[Address] = []
        for each in interface.addresses.values():
            if len(each.ip) != 4:
                continue
            value = self._address(interface, each, 0)
            first = next((p for p in primary if p.length == value.length and same_net(p, value)), None)
            if first is None:
                primary.append(value)
            else:
                secondary.append(replace(value, flags=value.flags | IFA_F_SECONDARY))
        return primary + secondary

    def _address(self, interface: Interface, entry: StackAddress, flags: int) -> Address:
        facts = self.address_facts.get((interface.name, entry.ip)) or self._assumed(interface, entry)
        flags |= facts.flags | _STATES[entry.state]
        if entry.valid_until == FOREVER:
            flags |= IFA_F_PERMANENT
        scope = facts.scope if facts.scope is not None else scope_of(entry.ip)
        peer, length = facts.peer or entry.ip, facts.peer_length if facts.peer else entry.length
        return Address(
            interface.index,
            entry.ip,
            peer,
            length,
            scope,
            flags,
            facts.broadcast,
            facts.label,
            facts.protocol,
            entry.preferred_until,
            entry.valid_until,
            facts.created,
            facts.changed,
            facts.priority,
        )

    def _assumed(self, interface: Interface, entry: StackAddress) -> AddressFacts:
        """What is true of an address that the stack itself took: by configuration, DHCP or an advertisement.
        """
        if len(entry.ip) == 4:
            subnet = not interface.loopback and entry.length < 31
            broadcast = broadcast_of(entry.ip, entry.length) if subnet else None
            return AddressFacts(0.0, 0.0, label=interface.name, broadcast=broadcast)
        protocol = IFAPROT_KERNEL_LO if interface.loopback else 0
        if is_link_local(entry.ip):
            protocol = IFAPROT_KERNEL_LL
        elif entry.valid_until != FOREVER:
            protocol = IFAPROT_KERNEL_RA
        return AddressFacts(0.0, 0.0, protocol=protocol)

    # -- routes -----------------------------------------------------------------------------------------

    def routes(self, family: int) -> list[RouteValue]:
        """All routes of a family, in the order of a dump: table main, then local."""
        return self.routes4() if family == 2 else self.routes6()

    def routes4(self) -> list[RouteValue]:
        values = [*self._stack_routes(4), *local_routes4(self)]
        values.sort(key=lambda r: (-_ORDER.get(r.table, 0), r.destination, -r.length, r.tos, r.metric))
        return values

    def routes6(self) -> list[RouteValue]:
        values = [*self._stack_routes(16), *local_routes6(self)]
        values.sort(
            key=lambda r: (-_ORDER.get(r.table, 0), last_of(r.destination, r.length), -r.length, r.metric)
        )
        return values

    def _stack_routes(self, size: int) -> Iterator[RouteValue]:
        secondary = {
            (value.index, value.local) for value in self.addresses4() if value.flags & IFA_F_SECONDARY
        }
        for route in self.host.routes.routes:
            interface = self.host.interfaces.get(route.interface)
            if len(route.network) != size or interface is None:
                continue
            facts = self.route_facts.get(route)
            if facts is None and route.gateway is None and (interface.index, route.source) in secondary:
                continue  # the primary address of the subnet has the route
            if facts is None and size == 4 and route.length == 32 and route.source == route.network:
                continue  # a host's own prefix needs none
            if facts is None and interface.loopback and route.gateway is None and route.length == size * 8:
                continue  # the address itself, of which table local tells
            yield self.route_value(route, interface, facts)

    def route_value(self, route: Route, interface: Interface, facts: RouteFacts | None = None) -> RouteValue:
        facts = facts or self.route_facts.get(route) or self._assumed_route(route, interface)
        kind, table, scope = RouteType.UNICAST, facts.table, facts.scope
        if interface.loopback and len(route.network) == 4 and route not in self.route_facts:
            kind, table, scope = RouteType.LOCAL, Table.LOCAL, Scope.HOST
        metric = route.metric or (IP6_RT_PRIO_ADDRCONF if len(route.network) == 16 else 0)
        return RouteValue(
            route.network,
            route.length,
            interface.index,
            route.gateway,
            route.source,
            metric,
            table,
            facts.protocol,
            scope,
            kind,
            facts.tos,
            facts.flags,
            facts.metrics,
            facts.expires,
        )

    def _assumed_route(self, route: Route, interface: Interface) -> RouteFacts:
        """What is true of a route that the stack made."""
        expiry = interface.autoconf.expires(route)
        if expiry is not None:
            protocol = Origin.RA if route.gateway else Origin.KERNEL
            return RouteFacts(protocol, Scope.UNIVERSE, expires=expiry)
        if route.gateway is not None:
            return RouteFacts(self.gateway_origin, Scope.UNIVERSE)
        return RouteFacts(Origin.KERNEL, Scope.LINK if len(route.network) == 4 else Scope.UNIVERSE)

    # -- neighbours -------------------------------------------------------------------------------------

    def neighbours(self, now: float) -> list[Neighbour]:
        found = []
        for interface in self.interfaces():
            for cache in (interface.neighbors4, interface.neighbors6):
                for entry in cache.entries.values():
                    flags = NTF_ROUTER if entry.router else 0
                    over = entry.state is State.REACHABLE and entry.deadline <= now
                    state = State.STALE if over else entry.state
                    found.append(
                        Neighbour(
                            interface.index,
                            entry.address,
                            entry.mac,
                            state.value,
                            flags,
                            RouteType.UNICAST,
                            entry.probes,
                            entry.changed,
                        )
                    )
        return sorted(found, key=lambda each: (each.family, each.index))


_ORDER: dict[int, int] = {Table.MAIN: 2, Table.LOCAL: 1}  # as fib_table_hash() lists them


def _flags(interface: Interface, facts: LinkFacts) -> int:
    flags = Flag.LOOPBACK if interface.loopback else Flag.BROADCAST | Flag.MULTICAST
    if interface.up:
        flags |= Flag.UP
        if facts.carrier:
            flags |= Flag.RUNNING | Flag.LOWER_UP
    return (flags ^ (facts.extra & TOGGLED)) | (facts.extra & ~TOGGLED)


#: flags that a link has until a program takes them away
TOGGLED = int(Flag.MULTICAST)


def _rank6(address: IP) -> int:
    """Wider scopes first, as the scope field of multicast addresses numbers them."""
    if is_link_local(address):
        return -2
    if is_loopback(address):
        return -1
    return -5 if address[:1] == b"\xfe" and address[1] & 0xC0 == 0xC0 else -14


def last_of(network: IP, length: int) -> int:
    """The highest address of a prefix: by it, a walk of the routing tree sees children before parents."""
    bits = len(network) * 8
    return int.from_bytes(network, "big") | (1 << (bits - length)) - 1


def scope_of(address: IP) -> int:
    """The RT_SCOPE_* of an address by itself: rt_scope() of net/ipv6/addrconf.c, and its like for IPv4."""
    if is_loopback(address):
        return Scope.HOST
    if len(address) == 4 or is_multicast(address):
        return Scope.UNIVERSE
    if is_link_local(address):
        return Scope.LINK
    return Scope.SITE if address[0] == 0xFE and address[1] & 0xC0 == 0xC0 else Scope.UNIVERSE
