"""IP packets on their way up: validation, addressing, reassembly, and the choice of the protocol.

The end of the path for everything that is not for us; a host does not forward.
"""

from typing import TYPE_CHECKING

from . import dhcp, icmp, ipv4, ipv6
from .addresses import BROADCAST4, IP, is_any, is_loopback, is_multicast
from .fragment import FragmentKey
from .frame import Malformed
from .interface import Interface
from .packet import IpPacket
from .udp import IPPROTO_UDP

if TYPE_CHECKING:
    from .host import Host


def input4(host: "Host", interface: Interface, view: memoryview, verified: bool, now: float) -> None:
    """An IPv4 packet from the link."""
    packet = ipv4.parse(view)
    _check_source(interface, packet.src)
    if len(packet.header) > ipv4.HEADER_LENGTH and ipv4.source_routed(packet.header):
        raise Malformed("source routing")
    if not _for_us(host, interface, packet.dst) and not _dhcp_reply(interface, packet):
        if host.transit is not None and not packet.offset and not is_multicast(packet.dst):
            about = (packet.protocol, packet.ttl, packet.tos, packet.payload)
            host.transit(IpPacket(interface.name, packet.src, packet.dst, *about, view, True, True), now)
            return
        interface.counters.rx_dropped += 1
        return
    quote = view[: len(packet.header) + len(packet.payload)]
    if packet.is_fragment:
        key = FragmentKey(packet.src, packet.dst, packet.ident, packet.protocol)
        whole = host.reassembly4.add(key, packet.offset, packet.more, packet.payload, now, quote)
        if whole is None:
            return
        head = ipv4.header(
            packet.src, packet.dst, packet.protocol, len(whole), ident=packet.ident, ttl=packet.ttl,
            tos=packet.tos,
        )
        quote, verified = memoryview(head + whole), False
        packet = ipv4.parse(quote)
    unicast = not is_multicast(packet.dst) and not interface.is_broadcast(packet.dst)
    _deliver(host, IpPacket(
        interface.name, packet.src, packet.dst, packet.protocol, packet.ttl, packet.tos, packet.payload,
        quote, verified, unicast,
    ), now)


def input6(host: "Host", interface: Interface, view: memoryview, verified: bool, now: float) -> None:
    """An IPv6 packet from the link."""
    packet = ipv6.parse(view)
    _check_source(interface, packet.src)
    if not _for_us(host, interface, packet.dst):
        if host.transit is not None and not is_multicast(packet.dst):
            about = (packet.next_header, packet.hop_limit, packet.traffic_class, packet.payload, packet.raw)
            host.transit(IpPacket(interface.name, packet.src, packet.dst, *about, True, True), now)
            return
        interface.counters.rx_dropped += 1
        return
    try:
        upper = ipv6.walk(packet)
    except ipv6.ParameterProblem as problem:
        _report_problem(host, packet, problem, now)
        raise
    payload, quote = packet.raw[upper.offset :], packet.raw
    protocol = upper.protocol
    if upper.fragment is not None:
        whole = _reassemble6(host, packet, upper.fragment, packet.raw[upper.offset + 8 :], now)
        if whole is None:
            return
        payload, protocol, verified = memoryview(whole), upper.fragment.next_header, False
        quote = memoryview(ipv6.header(packet.src, packet.dst, protocol, len(whole)) + whole)
    _deliver(host, IpPacket(
        interface.name, packet.src, packet.dst, protocol, packet.hop_limit, packet.traffic_class, payload,
        quote, verified, not is_multicast(packet.dst),
    ), now)


def _reassemble6(
    host: "Host", packet: ipv6.Ipv6Packet, fragment: ipv6.FragmentHeader, payload: memoryview, now: float
) -> bytes | memoryview | None:
    if not fragment.offset and not fragment.more:
        return payload  # an atomic fragment is whole (RFC 6946)
    key = FragmentKey(packet.src, packet.dst, fragment.ident, 0)
    return host.reassembly6.add(key, fragment.offset, fragment.more, payload, now, packet.raw)


def _report_problem(
    host: "Host", packet: ipv6.Ipv6Packet, problem: ipv6.ParameterProblem, now: float
) -> None:
    multicast = is_multicast(packet.dst)
    if is_any(packet.src) or (multicast and not problem.even_multicast):
        return
    source = None if multicast else packet.dst
    host.send_error(
        packet.src, source, icmp.ICMPV6_PARAMPROB, problem.code, problem.pointer, packet.raw, now
    )


def _check_source(interface: Interface, src: IP) -> None:
    """Martians: groups and broadcasts never send, and loopback addresses stay on the loopback."""
    if is_multicast(src) or src == BROADCAST4 or (is_loopback(src) and not interface.loopback):
        raise Malformed("impossible source address")


def _for_us(host: "Host", interface: Interface, dst: IP) -> bool:
    if dst in host.local_addresses or dst in interface.groups.joined:
        return not (is_loopback(dst) and not interface.loopback)
    return (len(dst) == 4 and interface.is_broadcast(dst)) or (interface.loopback and is_loopback(dst))


def _dhcp_reply(interface: Interface, packet: ipv4.Ipv4Packet) -> bool:
    """Servers may send to the address that they are about to give (RFC 2131, 4.1)."""
    udp = interface.configuring and packet.protocol == IPPROTO_UDP and not packet.is_fragment
    return udp and packet.payload[2:4] == dhcp.CLIENT_PORT.to_bytes(2, "big")


def _deliver(host: "Host", packet: IpPacket, now: float) -> None:
    """To raw sockets, then to the protocol; unreachable where there is neither."""
    taken = host.raw.input(packet, now)
    handler = host.protocols.get((packet.version, packet.protocol))
    if handler is not None:
        handler(packet, now)
    elif not taken and packet.protocol != ipv6.NO_NEXT:
        host.unreachable(packet, icmp.ICMP_PROT_UNREACH, now)
