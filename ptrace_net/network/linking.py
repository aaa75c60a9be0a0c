"""Changing links: up and down, MTU, addresses of the hardware (net/core/dev.c, and what IPv4 and IPv6 do
then).
"""

from __future__ import annotations

import errno

from ptrace_net.network.network import TOGGLED, Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import Flag
from ptrace_net.stack.addresses import LOOPBACK6, MAC, link_local
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.source import AddressState

#: what a program may set: the rest of the flags says how the link is
SETTABLE = (
    int(Flag.UP | Flag.NOARP | Flag.PROMISC | Flag.ALLMULTI | Flag.MULTICAST | Flag.DYNAMIC) | 0x4 | 0x20
)
MIN_MTU6 = 1280


def set_up(network: Network, interface: Interface, up: bool, now: float) -> None:
    """IFF_UP: down takes the routes, the neighbours and the IPv6 addresses away, up brings what belongs to
    it.
    """
    if up == interface.up:
        return
    interface.up = up
    if up:
        _restore(network, interface, now)
    else:
        _strip(network, interface, now)
    network.host.addresses_changed()


def _strip(network: Network, interface: Interface, now: float) -> None:
    routes = [each for each in network.host.routes.routes if each.interface == interface.name]
    for route in routes:
        if interface.loopback and len(route.network) == 4:
            continue  # a route of table local, which stays
        network.host.remove_route(route)
        network.route_facts.pop(route, None)
    for ip in [ip for ip in interface.addresses if len(ip) == 16]:
        interface.remove_address(ip, now)
        network.address_facts.pop((interface.name, ip), None)
    for cache in (interface.neighbors4, interface.neighbors6):
        for address in list(cache.entries):
            cache.remove(address)
    interface.outbox.clear()


def _restore(network: Network, interface: Interface, now: float) -> None:
    for entry in list(interface.addresses.values()):
        interface.add_prefix_route(entry.ip, entry.length)
        if entry.state is AddressState.TENTATIVE:
            interface.autoconf.begin_dad(entry, now)
    own = LOOPBACK6 if interface.loopback else link_local(interface.mac)
    if own not in interface.addresses:
        interface.add_address(own, 128 if interface.loopback else 64, now)
    if not interface.loopback:
        interface.autoconf.start_router_discovery(now)


def set_flags(network: Network, interface: Interface, flags: int, change: int, now: float) -> None:
    """Set those of ``flags`` that ``change`` has. IFF_PROMISC and IFF_ALLMULTI count who wants them."""
    facts = network.facts_of(interface)
    if change & Flag.UP:
        set_up(network, interface, bool(flags & Flag.UP), now)
    wanted = flags & change & SETTABLE
    keep = facts.extra & ~(change & SETTABLE)
    toggled = ~flags & change & TOGGLED & SETTABLE
    extra = keep | (wanted & ~TOGGLED & ~Flag.UP) | toggled
    facts.promiscuity += _step(facts.extra, extra, Flag.PROMISC)
    facts.allmulti += _step(facts.extra, extra, Flag.ALLMULTI)
    facts.extra = extra


def _step(before: int, after: int, flag: int) -> int:
    return bool(after & flag) - bool(before & flag)


def set_mtu(network: Network, interface: Interface, mtu: int) -> None:
    facts = network.facts_of(interface)
    if mtu < 0 or mtu < facts.min_mtu:
        raise Refused(errno.EINVAL, "mtu less than device minimum")
    if facts.max_mtu and mtu > facts.max_mtu:
        raise Refused(errno.EINVAL, "mtu greater than device maximum")
    if mtu < MIN_MTU6 and [ip for ip in interface.addresses if len(ip) == 16]:
        for ip in [ip for ip in interface.addresses if len(ip) == 16]:  # IPv6 leaves a link that is too small
            interface.remove_address(ip, 0.0)
            network.address_facts.pop((interface.name, ip), None)
    interface.mtu = mtu
    network.host.generation += 1


def set_mac(network: Network, interface: Interface, mac: MAC) -> None:
    if len(mac) < 6:
        raise Refused(errno.EINVAL)
    if interface.loopback or mac[0] & 1 or not any(mac[:6]):
        raise Refused(errno.EADDRNOTAVAIL)
    interface.mac = mac[:6]
    network.host.generation += 1
