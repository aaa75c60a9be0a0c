"""Table local: the routes to what is this host's, as Linux makes them for each address.

net/ipv4/fib_frontend.c (fib_add_ifaddr) and net/ipv6/addrconf.c. The stack does without: it looks its
addresses up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ptrace_net.network.values import (
    FOREVER,
    Address,
    Origin,
    RouteType,
    RouteValue,
    Scope,
    Table,
)
from ptrace_net.stack.addresses import IP, broadcast_of, in_prefix, is_any, network_of

if TYPE_CHECKING:
    from ptrace_net.network.network import Network

IFA_F_SECONDARY, IFA_F_TENTATIVE = 0x1, 0x40
IP6_RT_PRIO_ADDRCONF = 256
_MULTICAST6 = b"\xff" + bytes(15)


def local_routes4(network: Network) -> Iterator[RouteValue]:
    for address in network.addresses4():
        source = _primary_of(network, address)
        yield _local(address, address.local, 32, source, Scope.HOST, RouteType.LOCAL)
        interface = network.by_index(address.index)
        if interface is None or not interface.up:
            continue
        groups = {address.broadcast} if address.broadcast not in (None, b"\xff" * 4) else set()
        if address.length < 31 and not address.flags & IFA_F_SECONDARY and not is_any(address.peer[:1]):
            groups.add(broadcast_of(address.peer, address.length))
        for group in groups:
            if group:
                yield _local(address, group, 32, source, Scope.LINK, RouteType.BROADCAST)


def _primary_of(network: Network, address: Address) -> IP:
    """The source of the routes of an address: of a secondary one that of its subnet."""
    if address.flags & IFA_F_SECONDARY:
        for other in network.addresses4():
            same = other.index == address.index and other.length == address.length
            if same and not other.flags & IFA_F_SECONDARY and same_net(other, address):
                return other.local
    return address.local


def local_routes6(network: Network) -> Iterator[RouteValue]:
    for address in network.addresses6():
        if not address.flags & IFA_F_TENTATIVE:
            yield _local(address, address.local, 128, None, Scope.UNIVERSE, RouteType.LOCAL)
    for interface in network.interfaces():
        if interface.up and not interface.loopback:
            yield RouteValue(
                _MULTICAST6,
                8,
                interface.index,
                None,
                None,
                IP6_RT_PRIO_ADDRCONF,
                Table.LOCAL,
                Origin.KERNEL,
                Scope.UNIVERSE,
                RouteType.MULTICAST,
                0,
                0,
                (),
                FOREVER,
            )


def _local(
    address: Address, destination: IP, length: int, source: IP | None, scope: int, kind: RouteType
) -> RouteValue:
    return RouteValue(
        destination,
        length,
        address.index,
        None,
        source,
        0,
        Table.LOCAL,
        Origin.KERNEL,
        scope,
        kind,
        0,
        0,
        (),
        FOREVER,
    )


def same_net(first: Address, second: Address) -> bool:
    """Whether the second address is in the subnet of the first."""
    return in_prefix(first.peer, network_of(second.peer, second.length), first.length)
