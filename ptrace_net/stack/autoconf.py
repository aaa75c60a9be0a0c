"""IPv6 addresses of an interface: duplicate address detection, router discovery, SLAAC (RFC 4862, RFC 4861).

Addresses begin TENTATIVE; one solicitation from :: without an answer for a second makes them PREFERRED.
Router advertisements give prefixes, a default route, the MTU and the hop limit.  What is sent or routed goes
through the small ``Link`` interface, so the rules can be tested without packets.
"""

from dataclasses import dataclass, field
from typing import Protocol

from . import ndp
from .addresses import (
    ALL_ROUTERS6,
    ANY6,
    IP,
    MAC,
    eui64,
    is_any,
    is_link_local,
    is_multicast,
    solicited_node,
)
from .route import Route
from .source import FOREVER, Address, AddressState

DAD_TIME = 1.0
RTR_SOLICITATION_INTERVAL = 4.0
MAX_RTR_SOLICITATIONS = 3
TWO_HOURS = 7200.0
MIN_MTU = 1280
MAX_AUTO_ADDRESSES = 16


class Link(Protocol):
    """What autoconfiguration needs of its interface."""

    name: str
    mac: MAC
    mtu: int
    hop_limit: int
    addresses: dict[IP, Address]

    def send_icmp6(
        self, src: IP, dst: IP, kind: int, code: int, rest: int, body: bytes, now: float
    ) -> None: ...
    def add_address(self, address: IP, length: int, now: float) -> Address: ...
    def remove_address(self, address: IP, now: float) -> None: ...
    def add_route(self, route: Route) -> None: ...
    def remove_route(self, route: Route) -> None: ...
    def address_settled(self, address: IP, state: AddressState, now: float) -> None: ...


@dataclass(slots=True)
class Autoconf:
    link: Link
    accept_ra: bool = True
    dns: tuple[IP, ...] = ()
    _tentative: dict[IP, float] = field(default_factory=dict)
    _expiry: dict[Route, float] = field(default_factory=dict)
    _solicit_at: float | None = None
    _solicited: int = 0

    def begin_dad(self, address: Address, now: float) -> None:
        """Ask whether somebody has the address already."""
        address.state = AddressState.TENTATIVE
        self._tentative[address.ip] = now + DAD_TIME
        body = ndp.solicit_body(address.ip, None)
        self.link.send_icmp6(ANY6, solicited_node(address.ip), ndp.NEIGHBOR_SOLICIT, 0, 0, body, now)

    def conflict(self, ip: IP, now: float) -> bool:
        """Somebody uses or probes ``ip``: a tentative address is given up; False for an older one."""
        if self._tentative.pop(ip, None) is None:
            return False
        self.link.addresses[ip].state = AddressState.DUPLICATE
        self.link.address_settled(ip, AddressState.DUPLICATE, now)
        return True

    def expires(self, route: Route) -> float | None:
        """When an advertised route ends; None where the route is not an advertised one."""
        return self._expiry.get(route)

    def forget(self, ip: IP) -> None:
        self._tentative.pop(ip, None)

    def start_router_discovery(self, now: float) -> None:
        """Solicit a router at once, and twice more unless one answers."""
        self._solicited, self._solicit_at = 0, now

    def _solicit(self, now: float) -> None:
        self._solicited += 1
        more = self._solicited < MAX_RTR_SOLICITATIONS
        self._solicit_at = now + RTR_SOLICITATION_INTERVAL if more else None
        source = next((a.ip for a in self.link.addresses.values() if is_link_local(a.ip) and a.usable), ANY6)
        body = b"" if is_any(source) else ndp.link_option(ndp.SOURCE_LINK, self.link.mac)
        self.link.send_icmp6(source, ALL_ROUTERS6, ndp.ROUTER_SOLICIT, 0, 0, body, now)

    def advert(self, advert: ndp.RouterAdvert, router: IP, now: float) -> None:
        """A router advertisement from link-local ``router``."""
        if not self.accept_ra:
            return
        self._solicit_at = None
        if advert.hop_limit:
            self.link.hop_limit = advert.hop_limit
        if advert.mtu is not None and MIN_MTU <= advert.mtu <= self.link.mtu:
            self.link.mtu = advert.mtu
        self.dns = advert.dns or self.dns
        self._set_route(Route(ANY6, 0, self.link.name, router, metric=1024), advert.lifetime, now)
        for prefix in advert.prefixes:
            if not is_link_local(prefix.network) and not is_multicast(prefix.network):
                self._learn_prefix(prefix, now)

    def _set_route(self, route: Route, lifetime: int, now: float) -> None:
        if lifetime:
            self._expiry[route] = FOREVER if lifetime == ndp.INFINITE else now + lifetime
            self.link.add_route(route)
        elif self._expiry.pop(route, None) is not None:
            self.link.remove_route(route)

    def _learn_prefix(self, prefix: ndp.Prefix, now: float) -> None:
        if prefix.on_link:
            route = Route(prefix.network, prefix.length, self.link.name, metric=256)
            self._set_route(route, prefix.valid, now)
        if not prefix.autonomous or prefix.length != 64 or prefix.preferred > prefix.valid:
            return
        ip = prefix.network[:8] + eui64(self.link.mac)
        address = self.link.addresses.get(ip)
        if address is None:
            if not prefix.valid or len(self.link.addresses) >= MAX_AUTO_ADDRESSES:
                return
            address = self.link.add_address(ip, 64, now)
            address.valid_until = now
        self._set_lifetimes(address, prefix, now)

    @staticmethod
    def _set_lifetimes(address: Address, prefix: ndp.Prefix, now: float) -> None:
        """A short valid lifetime cannot cut a long one below two hours (RFC 4862, 5.5.3 e)."""
        valid = FOREVER if prefix.valid == ndp.INFINITE else now + prefix.valid
        if prefix.valid > TWO_HOURS or valid > address.valid_until:
            address.valid_until = valid
        else:
            address.valid_until = min(address.valid_until, now + TWO_HOURS)
        address.preferred_until = FOREVER if prefix.preferred == ndp.INFINITE else now + prefix.preferred
        if address.usable:
            alive = address.preferred_until > now
            address.state = AddressState.PREFERRED if alive else AddressState.DEPRECATED

    def expire(self, now: float) -> None:
        """Finish detections, repeat solicitations, age routes and addresses."""
        for ip in [ip for ip, at in self._tentative.items() if at <= now]:
            del self._tentative[ip]
            self.link.addresses[ip].state = AddressState.PREFERRED
            self.link.address_settled(ip, AddressState.PREFERRED, now)
        if self._solicit_at is not None and self._solicit_at <= now:
            self._solicit(now)
        for route in [route for route, at in self._expiry.items() if at <= now]:
            del self._expiry[route]
            self.link.remove_route(route)
        for address in list(self.link.addresses.values()):
            if address.valid_until <= now:
                self.link.remove_address(address.ip, now)
            elif address.preferred_until <= now and address.state is AddressState.PREFERRED:
                address.state = AddressState.DEPRECATED

    def deadline(self) -> float | None:
        times = [*self._tentative.values(), *self._expiry.values()]
        if self._solicit_at is not None:
            times.append(self._solicit_at)
        for address in self.link.addresses.values():
            if address.valid_until < FOREVER:
                times.append(address.valid_until)
            if address.preferred_until < FOREVER and address.state is AddressState.PREFERRED:
                times.append(address.preferred_until)
        earliest = min(times) if times else FOREVER
        return None if earliest == FOREVER else earliest
