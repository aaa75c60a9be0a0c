"""Adding and removing routes (net/ipv4/fib_semantics.c, net/ipv6/route.c), and looking one up.

Table main holds unicast routes with one next hop; that is what the stack sends by. Other tables, next-hop
groups, blackholes and encapsulation are refused with EOPNOTSUPP and a text that says so.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from ptrace_net.network.facts import RouteFacts
from ptrace_net.network.network import IP6_RT_PRIO_USER, Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import FOREVER, RouteType, RouteValue, Scope, Table
from ptrace_net.stack.addresses import IP, in_prefix, is_any, is_link_local, is_multicast, network_of
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.route import Route

NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
RTNH_F_ONLINK = 0x4
RTAX_MTU = 2


class WantedRoute(NamedTuple):
    """A route as a program asks for it; ``None`` and 0 are what it did not say."""

    destination: IP
    length: int
    interface: Interface | None = None
    gateway: IP | None = None
    source: IP | None = None
    metric: int = 0
    table: int = Table.MAIN
    protocol: int = 0
    scope: int = 0
    type: int = RouteType.UNICAST
    tos: int = 0
    flags: int = 0
    metrics: tuple[tuple[int, int], ...] = ()
    expires: float = FOREVER


def add_route(network: Network, wanted: WantedRoute, mode: int) -> None:
    """``mode`` is NLM_F_CREATE, EXCL, REPLACE, APPEND as netlink has them."""
    _check_supported(wanted)
    interface = _next_hop(network, wanted)
    route = _stack_route(wanted, interface)
    same = [known for known in network.host.routes.routes if _alike(network, known, route, wanted.tos)]
    if same and mode & NLM_F_EXCL:
        raise Refused(errno.EEXIST)
    if not same and not mode & NLM_F_CREATE:
        raise Refused(errno.ENOENT)
    if same and mode & NLM_F_REPLACE:
        _remove(network, same[0])
    elif route in same:
        raise Refused(errno.EEXIST)
    network.host.add_route(route, first=len(route.network) == 4 and not mode & NLM_F_APPEND)
    network.route_facts[route] = RouteFacts(
        wanted.protocol, wanted.scope, wanted.table, wanted.tos, wanted.flags, wanted.metrics, wanted.expires
    )


def _check_supported(wanted: WantedRoute) -> None:
    if wanted.type != RouteType.UNICAST:
        raise Refused(errno.EOPNOTSUPP, "only unicast routes are supported")
    if wanted.table not in (Table.MAIN, Table.UNSPEC):
        raise Refused(errno.EOPNOTSUPP, "only table main is supported")


def _stack_route(wanted: WantedRoute, interface: Interface) -> Route:
    six = len(wanted.destination) == 16
    metric = wanted.metric or (IP6_RT_PRIO_USER if six else 0)
    mtu = dict(wanted.metrics).get(RTAX_MTU)
    return Route(
        network_of(wanted.destination, wanted.length),
        wanted.length,
        interface.name,
        wanted.gateway,
        wanted.source,
        metric,
        mtu,
    )


def _alike(network: Network, known: Route, route: Route, tos: int) -> bool:
    """Whether two routes stand at one place of the table: prefix, type of service and metric."""
    facts = network.route_facts.get(known)
    metric = known.metric or (256 if len(known.network) == 16 else 0)
    return (
        known.network == route.network
        and known.length == route.length
        and metric == route.metric
        and (facts.tos if facts else 0) == tos
    )


def _next_hop(network: Network, wanted: WantedRoute) -> Interface:
    """The link of a route; refuses a gateway that is not on one (fib_check_nh, ip6_route_check_nh)."""
    interface, gateway = wanted.interface, wanted.gateway
    six = len(wanted.destination) == 16
    if wanted.source is not None and wanted.source not in network.host.local_addresses:
        raise Refused(errno.EINVAL, "Invalid prefsrc address" if not six else "Invalid source address")
    if interface is not None and not interface.up:
        raise Refused(
            errno.ENETDOWN, "Device for nexthop is not up" if not six else "Nexthop device is not up"
        )
    if gateway is None:
        if interface is None:
            raise Refused(errno.ENODEV)
        return interface
    if six and gateway in network.host.local_addresses:
        raise Refused(errno.EINVAL, "Gateway can not be a local address")
    if interface is not None and (wanted.flags & RTNH_F_ONLINK or (six and is_link_local(gateway))):
        return interface
    if six and (is_any(gateway) or is_multicast(gateway)):
        raise Refused(errno.EINVAL, "Invalid gateway address")
    if six and is_link_local(gateway):
        raise Refused(errno.EINVAL, "Egress device not specified")
    hop = network.host.routes.lookup(gateway, interface.name if interface else None)
    if hop is None or (hop.gateway is not None and not six):
        if six:
            raise Refused(errno.EHOSTUNREACH)
        raise Refused(errno.ENETUNREACH, "Nexthop has invalid gateway")
    if six and hop.gateway is not None:
        raise Refused(errno.EHOSTUNREACH)
    return network.host.interfaces[hop.interface]


def remove_route(
    network: Network, wanted: WantedRoute, *, protocol: int = 0, scope: int | None = None
) -> None:
    """Remove the first route that has everything that ``wanted`` says. ESRCH where there is none."""
    for route in network.host.routes.routes:
        if _answers(network, route, wanted, protocol, scope):
            _remove(network, route)
            return
    raise Refused(errno.ESRCH)


def _answers(network: Network, route: Route, wanted: WantedRoute, protocol: int, scope: int | None) -> bool:
    value = value_of(network, route)
    if value is None or value.table != (wanted.table or Table.MAIN):
        return False
    return (
        value.destination == network_of(wanted.destination, wanted.length)
        and value.length == wanted.length
        and wanted.tos in (0, value.tos)
        and wanted.metric in (0, value.metric)
        and wanted.gateway in (None, value.gateway)
        and (wanted.interface is None or wanted.interface.index == value.index)
        and wanted.source in (None, value.source)
        and protocol in (0, value.protocol)
        and scope in (None, value.scope)
    )


def value_of(network: Network, route: Route) -> RouteValue | None:
    """What programs are told of a route of the stack; None where its link is gone."""
    interface = network.host.interfaces.get(route.interface)
    return None if interface is None else network.route_value(route, interface)


def _remove(network: Network, route: Route) -> None:
    network.host.remove_route(route)
    network.route_facts.pop(route, None)


def lookup(network: Network, destination: IP, interface: Interface | None = None) -> RouteValue | None:
    """The route that a packet to ``destination`` takes: table local first, then main (fib_lookup)."""
    routes = network.routes4() if len(destination) == 4 else network.routes6()
    found = [
        route
        for route in routes
        if in_prefix(destination, route.destination, route.length)
        and (interface is None or interface.index == route.index)
        and _is_up(network, route)
    ]
    found.sort(key=lambda route: (route.table != Table.LOCAL, -route.length, route.metric))
    return found[0] if found else None


def _is_up(network: Network, route: RouteValue) -> bool:
    interface = network.by_index(route.index)
    return interface is not None and (interface.up or route.table == Table.LOCAL)


def default_scope(wanted: WantedRoute) -> int:
    """The scope that route(8) and the ioctls give a route: link without a gateway."""
    return Scope.UNIVERSE if wanted.gateway else Scope.LINK
