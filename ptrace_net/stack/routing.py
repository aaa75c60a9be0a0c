"""From a destination to a ``Flow``: own addresses first, then the routing table, then a source address."""

from typing import TYPE_CHECKING

from .addresses import BROADCAST4, IP, LOOPBACK4, LOOPBACK6, is_any, is_loopback, is_multicast
from .ip_output import Flow
from .result import NO_ROUTE, NOT_AVAILABLE, Fail
from .route import Route
from .source import select

if TYPE_CHECKING:
    from .host import Host

LOOPBACK_MTU = 65536


def find_flow(
    host: "Host", dst: IP, protocol: int, now: float, src: IP | None, interface: str | None
) -> Flow | Fail:
    """ENETUNREACH without a route, EADDRNOTAVAIL without a source; 0.0.0.0 and :: mean this host."""
    if is_any(dst):
        dst = LOOPBACK4 if len(dst) == 4 else LOOPBACK6
    if dst in host.local_addresses or (is_loopback(dst) and len(dst) == 4):
        return _local(host, dst, protocol, src)
    route = host.routes.lookup(dst, interface) or _implied(host, dst, interface)
    if route is None or not host.interfaces[route.interface].up:
        return NO_ROUTE
    return _along(host, route, dst, protocol, now, src)


def _along(host: "Host", route: Route, dst: IP, protocol: int, now: float, src: IP | None) -> Flow | Fail:
    out = host.interfaces[route.interface]
    next_hop = route.gateway or dst
    source = src or route.source or select(out.addresses.values(), dst, next_hop)
    if source is None:
        return NOT_AVAILABLE
    mtu = host.path_mtu.lookup(dst, min(out.mtu, route.mtu or out.mtu), now)
    ident = int.from_bytes(host.random(2), "big")
    return Flow(out, source, dst, next_hop, protocol, mtu, host.generation, out.hop_limit, ident=ident)


def _local(host: "Host", dst: IP, protocol: int, src: IP | None) -> Flow | Fail:
    """To ourselves, by way of ``lo``."""
    loopback = host.interfaces.get("lo")
    if loopback is None:
        return NO_ROUTE
    return Flow(loopback, src or dst, dst, dst, protocol, LOOPBACK_MTU, host.generation)


def _implied(host: "Host", dst: IP, interface: str | None) -> Route | None:
    """Groups and the limited broadcast need no route: the given interface, or the first Ethernet."""
    if dst != BROADCAST4 and not is_multicast(dst):
        return None
    names = [name for name, known in host.interfaces.items() if not known.loopback]
    chosen = interface or (names[0] if names else None)
    return Route(dst, len(dst) * 8, chosen) if chosen in host.interfaces and chosen else None
