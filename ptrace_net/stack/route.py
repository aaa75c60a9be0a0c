"""The routing table: longest prefix first, then the lowest metric; and the path MTU cache.

Linux looks up own addresses in table ``local`` first; ``Host`` does that with its address table before it
comes here.  Lookups are cached until the table changes.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from .addresses import IP, in_prefix, network_of

PMTU_LIFETIME = 600.0
MIN_PMTU = {4: 552, 16: 1280}


class Route(NamedTuple):
    """``interface`` is a name; ``gateway`` None means on-link; ``source`` the preferred source."""

    network: IP
    length: int
    interface: str
    gateway: IP | None = None
    source: IP | None = None
    metric: int = 0
    mtu: int | None = None

    def matches(self, address: IP) -> bool:
        return in_prefix(address, self.network, self.length)


@dataclass(slots=True)
class RouteTable:
    routes: list[Route] = field(default_factory=list)
    _cache: dict[tuple[IP, str | None], Route | None] = field(default_factory=dict)

    def add(self, route: Route, first: bool = False) -> bool:
        """Insert a route with its network masked; False where the same one is there.

        Of routes with one prefix and metric the earliest is used; ``first`` puts this one before them.
        """
        route = route._replace(network=network_of(route.network, route.length))
        if route in self.routes:
            return False
        self.routes.insert(0 if first else len(self.routes), route)
        self.routes.sort(key=lambda known: (-known.length, known.metric))
        self._cache.clear()
        return True

    def remove(self, route: Route) -> bool:
        route = route._replace(network=network_of(route.network, route.length))
        if route not in self.routes:
            return False
        self.routes.remove(route)
        self._cache.clear()
        return True

    def lookup(self, address: IP, interface: str | None = None) -> Route | None:
        """The best route, among those of one interface where it is given (SO_BINDTODEVICE)."""
        key = (address, interface)
        if key not in self._cache:
            if len(self._cache) > 4096:
                self._cache.clear()
            self._cache[key] = self._search(address, interface)
        return self._cache[key]

    def _search(self, address: IP, interface: str | None) -> Route | None:
        for route in self.routes:
            if route.matches(address) and interface in (None, route.interface):
                return route
        return None


@dataclass(slots=True)
class PathMtu:
    """MTUs learned from ICMP (RFC 1191, RFC 8201), forgotten after ten minutes."""

    _known: dict[IP, tuple[int, float]] = field(default_factory=dict)

    def learn(self, destination: IP, mtu: int, current: int, now: float) -> int | None:
        """Note a smaller MTU, raised to the family's floor; None where it is no reduction."""
        mtu = max(mtu, MIN_PMTU[len(destination)])
        if mtu >= min(current, self.lookup(destination, current, now)):
            return None
        if len(self._known) >= 4096:
            self._known.pop(next(iter(self._known)))
        self._known[destination] = (mtu, now + PMTU_LIFETIME)
        return mtu

    def lookup(self, destination: IP, link_mtu: int, now: float) -> int:
        known = self._known.get(destination)
        if known is None:
            return link_mtu
        if now >= known[1]:
            del self._known[destination]
            return link_mtu
        return min(known[0], link_mtu)
