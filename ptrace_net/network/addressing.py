"""Adding, changing and removing addresses (net/ipv4/devinet.c, net/ipv6/addrconf.c)."""

from __future__ import annotations

import errno
from typing import NamedTuple

from ptrace_net.network.facts import AddressFacts, RouteFacts
from ptrace_net.network.network import IFA_F_SECONDARY, Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import FOREVER, Origin, Scope
from ptrace_net.stack.addresses import IP, in_prefix, network_of
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.route import Route
from ptrace_net.stack.source import Address, AddressState

IFA_F_NODAD, IFA_F_OPTIMISTIC, IFA_F_NOPREFIXROUTE = 0x2, 0x4, 0x200
_KEPT = 0x2 | 0x4 | 0x10 | 0x100 | IFA_F_NOPREFIXROUTE | 0x400


class Wanted(NamedTuple):
    """An address as a program asks for it; lifetimes are in seconds from now."""

    local: IP
    length: int
    peer: IP | None = None
    broadcast: IP | None = None
    label: str = ""
    scope: int | None = None
    flags: int = 0
    protocol: int = 0
    preferred: float = FOREVER
    valid: float = FOREVER
    priority: int = 0


def add_address(network: Network, interface: Interface, wanted: Wanted, now: float) -> None:
    """Take an address; its prefix's route comes with it. EEXIST where the link has it."""
    if wanted.local in interface.addresses:
        version = "4" if len(wanted.local) == 4 else "6"
        text = "address already assigned" if version == "6" else "Address already assigned"
        raise Refused(errno.EEXIST, f"ipv{version}: {text}")
    if len(wanted.local) == 4:
        _check_scope(network, interface, wanted)
    before = set(network.host.routes.routes)
    length = len(wanted.local) * 8 if wanted.peer else wanted.length
    dad = interface.dad
    interface.dad = dad and interface.up and not wanted.flags & IFA_F_NODAD
    try:
        entry = interface.add_address(wanted.local, length, now)
    finally:
        interface.dad = dad
    if len(wanted.local) == 16 and not interface.up and not wanted.flags & IFA_F_NODAD:
        entry.state = AddressState.TENTATIVE
    _describe(network, interface, entry, wanted, now, now)
    _own_route(network, interface, wanted, before)
    network.host.addresses_changed()


def _check_scope(network: Network, interface: Interface, wanted: Wanted) -> None:
    """Addresses of one subnet have one scope."""
    peer = wanted.peer or wanted.local
    for known in network.addresses4():
        same = known.index == interface.index and known.length == wanted.length
        same = same and in_prefix(peer, network_of(known.peer, known.length), known.length)
        if same and known.scope != wanted.scope:
            raise Refused(errno.EINVAL, "ipv4: Invalid scope value")


def _describe(
    network: Network, interface: Interface, entry: Address, wanted: Wanted, created: float, now: float
) -> None:
    entry.valid_until = now + wanted.valid
    entry.preferred_until = now + wanted.preferred
    if entry.state in (AddressState.PREFERRED, AddressState.DEPRECATED):
        deprecated = wanted.preferred <= 0
        entry.state = AddressState.DEPRECATED if deprecated else AddressState.PREFERRED
    network.address_facts[interface.name, entry.ip] = AddressFacts(
        created,
        now,
        wanted.label,
        wanted.peer,
        wanted.length if wanted.peer else 0,
        wanted.priority,
        wanted.broadcast,
        wanted.scope,
        wanted.flags & _KEPT,
        wanted.protocol,
    )


def _own_route(network: Network, interface: Interface, wanted: Wanted, before: set[Route]) -> None:
    """Put the route that belongs to an address in the place of the one that the stack added."""
    host, four = network.host, len(wanted.local) == 4
    default = not (wanted.peer or wanted.priority or wanted.flags & IFA_F_NOPREFIXROUTE or not interface.up)
    if default:
        return
    for route in [each for each in host.routes.routes if each not in before]:
        host.remove_route(route)
    if wanted.flags & IFA_F_NOPREFIXROUTE or not interface.up:
        return
    prefix = wanted.peer or wanted.local
    source = wanted.local if four else None
    route = Route(
        network_of(prefix, wanted.length), wanted.length, interface.name, None, source, wanted.priority
    )
    host.add_route(route)
    scope = Scope.LINK if four else Scope.UNIVERSE
    network.route_facts[route] = RouteFacts(Origin.KERNEL, scope)


def change_address(network: Network, interface: Interface, wanted: Wanted, now: float) -> None:
    """New lifetimes and flags for an address that is there (``ip addr change``)."""
    entry = interface.addresses[wanted.local]
    facts = network.address_facts.get((interface.name, wanted.local))
    if facts is not None and not wanted.label:
        wanted = wanted._replace(label=facts.label, broadcast=wanted.broadcast or facts.broadcast)
    _describe(network, interface, entry, wanted, facts.created if facts else 0.0, now)
    network.host.addresses_changed()


def remove_address(network: Network, interface: Interface, ip: IP, now: float) -> None:
    """Give an address up, with what hangs on it: its routes, and of a primary one the secondary ones."""
    values = {each.local: each for each in network.addresses() if each.index == interface.index}
    gone = values[ip]
    doomed = [ip]
    if len(ip) == 4 and not gone.flags & IFA_F_SECONDARY:
        doomed += [
            each.local
            for each in values.values()
            if each.flags & IFA_F_SECONDARY
            and each.length == gone.length
            and in_prefix(each.peer, network_of(gone.peer, gone.length), gone.length)
        ]
    for each in doomed:
        interface.remove_address(each, now)
        network.address_facts.pop((interface.name, each), None)
        _forget_source(network, interface, each)
    if len(ip) == 16:
        _keep_prefix(network, interface, gone.length, ip)
    elif interface.up and not [each for each in interface.addresses if len(each) == 4]:
        _drop_routes(network, [r for r in network.host.routes.routes if _of(r, interface, 4)])
    network.host.addresses_changed()


def _of(route: Route, interface: Interface, size: int) -> bool:
    return route.interface == interface.name and len(route.network) == size


def _forget_source(network: Network, interface: Interface, ip: IP) -> None:
    """fib_sync_down_addr(): routes whose preferred source is gone."""
    _drop_routes(network, [r for r in network.host.routes.routes if r.source == ip])


def _drop_routes(network: Network, routes: list[Route]) -> None:
    for route in routes:
        network.host.remove_route(route)
        network.route_facts.pop(route, None)


def _keep_prefix(network: Network, interface: Interface, length: int, ip: IP) -> None:
    """Another address of the same prefix keeps its route."""
    prefix = network_of(ip, length)
    for other in interface.addresses.values():
        facts = network.address_facts.get((interface.name, other.ip))
        without = facts is not None and facts.flags & IFA_F_NOPREFIXROUTE
        if (
            len(other.ip) == 16
            and other.length == length
            and in_prefix(other.ip, prefix, length)
            and not without
        ):
            interface.add_prefix_route(other.ip, length)
            return
