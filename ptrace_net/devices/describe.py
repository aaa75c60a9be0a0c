"""A frame in one line, as tcpdump(8) would put it: for the trace wrapper and for messages."""

from collections.abc import Callable

from ..stack import arp, ethernet, icmp, ipv4, ipv6, udp
from ..stack.addresses import format_ip, format_mac
from ..stack.frame import Frame, Malformed
from ..stack.tcp import segment


def describe(frame: Frame) -> str:
    """Never raises: what does not parse is said to be malformed."""
    view = memoryview(frame.data)
    try:
        header = ethernet.parse(view)
        upper = _ETHERTYPES.get(header.type)
        body = upper(view[14:]) if upper else f"ethertype 0x{header.type:04x}"
    except Malformed as error:
        return f"malformed ({error}), {len(view)} bytes"
    suffix = f", {-(-len(view) // frame.gso_size)} segments of {frame.gso_size}" if frame.gso_size else ""
    return f"{format_mac(header.src)} > {format_mac(header.dst)} {body}{suffix}"


def _arp(view: memoryview) -> str:
    packet = arp.parse(view)
    target, sender = format_ip(packet.target_ip), format_ip(packet.sender_ip)
    if packet.operation == arp.ARPOP_REQUEST:
        return f"ARP who-has {target} tell {sender}"
    return f"ARP {sender} is-at {format_mac(packet.sender_mac)}"


def _ipv4(view: memoryview) -> str:
    packet = ipv4.parse(view)
    if packet.is_fragment:
        more = "+" if packet.more else ""
        extent = f"{packet.offset}:{packet.offset + len(packet.payload)}{more}"
        ends = f"{format_ip(packet.src)} > {format_ip(packet.dst)}"
        return f"IP {ends}: fragment {extent} proto {packet.protocol}"
    return _transport("IP", packet.src, packet.dst, packet.protocol, packet.payload)


def _ipv6(view: memoryview) -> str:
    packet = ipv6.parse(view)
    upper = ipv6.walk(packet)
    return _transport("IP6", packet.src, packet.dst, upper.protocol, packet.raw[upper.offset :])


def _transport(label: str, src: bytes, dst: bytes, protocol: int, payload: memoryview) -> str:
    source, destination = format_ip(src), format_ip(dst)
    if protocol == segment.IPPROTO_TCP:
        seg = segment.parse(payload, src, dst, verified=True)
        return f"{label} {source}.{seg.src_port} > {destination}.{seg.dst_port}: TCP {seg}"
    if protocol == udp.IPPROTO_UDP:
        datagram = udp.parse(payload, src, dst, verified=True)
        ports = f"{source}.{datagram.src_port} > {destination}.{datagram.dst_port}"
        return f"{label} {ports}: UDP len {len(datagram.payload)}"
    if protocol in (icmp.IPPROTO_ICMP, icmp.IPPROTO_ICMPV6):
        message = icmp.parse(payload, src, dst)
        name = "ICMP" if protocol == icmp.IPPROTO_ICMP else "ICMP6"
        return f"{label} {source} > {destination}: {name} type {message.type} code {message.code}"
    return f"{label} {source} > {destination}: proto {protocol} len {len(payload)}"


_ETHERTYPES: dict[int, Callable[[memoryview], str]] = {
    ethernet.ETH_P_ARP: _arp,
    ethernet.ETH_P_IP: _ipv4,
    ethernet.ETH_P_IPV6: _ipv6,
}
