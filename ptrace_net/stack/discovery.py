"""What ARP packets, neighbor discovery messages and multicast queries do to an interface."""

from collections.abc import Callable

from . import arp, igmp, mld, ndp
from .addresses import ALL_NODES6, ANY4, is_any, is_link_local, is_multicast
from .frame import Malformed
from .icmp import IcmpMessage
from .interface import Interface
from .packet import IpPacket
from .route import Route


def arp_input(interface: Interface, view: memoryview, now: float) -> None:
    """Learn from and answer ARP; gratuitous packets refresh what is known."""
    packet = arp.parse(view)
    if is_multicast(packet.sender_ip) or packet.sender_mac == interface.mac:
        return
    ours = packet.target_ip in interface.addresses
    cache = interface.neighbors4
    if packet.operation == arp.ARPOP_REPLY:
        held = cache.confirm(packet.sender_ip, packet.sender_mac, now, solicited=ours)
        interface.release(held, packet.sender_mac)
    elif packet.operation == arp.ARPOP_REQUEST:
        if packet.sender_ip != ANY4 and (ours or packet.sender_ip in cache.entries):
            interface.release(cache.observe(packet.sender_ip, packet.sender_mac, now), packet.sender_mac)
        if ours:
            interface.answer_arp(packet)


def ndp_input(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    """A neighbor discovery message; Malformed where it breaks the rules of RFC 4861, 7.1."""
    if packet.hop_limit != 255 or message.code != 0:
        raise Malformed("neighbor discovery from afar")
    _NDP[message.type](interface, packet, message, now)


def _neighbor_solicit(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    solicit = ndp.parse_neighbor(message.type, message.rest, message.body)
    address = interface.addresses.get(solicit.target)
    if address is None:
        return
    probing = is_any(packet.src)
    if not address.usable:
        if probing:
            interface.autoconf.conflict(solicit.target, now)
        return
    if solicit.mac and not probing:
        interface.release(interface.neighbors6.observe(packet.src, solicit.mac, now), solicit.mac)
    asked_all = is_multicast(packet.dst)  # who asks us alone knows our link address (RFC 4861, 7.2.4)
    flags = (ndp.NA_OVERRIDE if asked_all else 0) | (0 if probing else ndp.NA_SOLICITED)
    body = ndp.advert_body(solicit.target, interface.mac if asked_all else None)
    destination = ALL_NODES6 if probing else packet.src
    interface.send_icmp6(solicit.target, destination, ndp.NEIGHBOR_ADVERT, 0, flags, body, now)


def _neighbor_advert(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    advert = ndp.parse_neighbor(message.type, message.rest, message.body)
    solicited = bool(advert.flags & ndp.NA_SOLICITED)
    if solicited and is_multicast(packet.dst):
        raise Malformed("solicited advertisement to a group")
    if advert.target in interface.addresses:
        interface.autoconf.conflict(advert.target, now)
        return
    released = interface.neighbors6.confirm(
        advert.target, advert.mac, now, solicited=solicited, override=bool(advert.flags & ndp.NA_OVERRIDE),
        router=bool(advert.flags & ndp.NA_ROUTER),
    )
    if released and advert.mac:
        interface.release(released, advert.mac)


def _router_advert(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    if not is_link_local(packet.src):
        raise Malformed("router advertisement from a global address")
    advert = ndp.parse_advert(message.rest, message.body)
    if advert.mac:
        interface.release(interface.neighbors6.observe(packet.src, advert.mac, now), advert.mac)
    interface.autoconf.advert(advert, packet.src, now)


def _redirect(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    """Believed only from the router that is used for that destination (RFC 4861, 8.1)."""
    redirect = ndp.parse_redirect(message.body)
    route = interface.host.routes.lookup(redirect.destination, interface.name)
    if route is None or route.gateway != packet.src:
        raise Malformed("redirect from somebody else")
    gateway = None if redirect.target == redirect.destination else redirect.target
    interface.add_route(Route(redirect.destination, 128, interface.name, gateway))
    if redirect.mac:
        interface.neighbors6.observe(redirect.target, redirect.mac, now)


def _ignore(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    """Router solicitations are for routers."""


_NDP: dict[int, Callable[[Interface, IpPacket, IcmpMessage, float], None]] = {
    ndp.ROUTER_SOLICIT: _ignore,
    ndp.ROUTER_ADVERT: _router_advert,
    ndp.NEIGHBOR_SOLICIT: _neighbor_solicit,
    ndp.NEIGHBOR_ADVERT: _neighbor_advert,
    ndp.REDIRECT: _redirect,
}
NDP_TYPES = frozenset(_NDP)


def mld_input(interface: Interface, packet: IpPacket, message: IcmpMessage, now: float) -> None:
    """Queries from a link-local source; other hosts' reports need nothing from us."""
    if message.type == mld.QUERY and is_link_local(packet.src):
        interface.groups.query(mld.parse_query(message.rest, message.body), now)


def igmp_input(interface: Interface, packet: IpPacket, now: float) -> None:
    query = igmp.parse_query(packet.payload)
    if query is not None:
        interface.groups.query(query, now)
