"""ICMP for this host: echo, neighbor discovery, and errors that belong to a socket."""

from typing import TYPE_CHECKING

from . import icmp, ipv4, ipv6, mld
from .addresses import is_multicast
from .discovery import NDP_TYPES, mld_input, ndp_input
from .frame import Malformed
from .icmp import IcmpMessage
from .ip_output import Flow
from .packet import ErrorReport, IpPacket

if TYPE_CHECKING:
    from .host import Host

_MLD_TYPES = frozenset({mld.QUERY, mld.V1_REPORT, mld.V1_DONE, mld.V2_REPORT})


def input4(host: "Host", packet: IpPacket, now: float) -> None:
    message = icmp.parse(packet.payload, packet.src, packet.dst)
    if message.type == icmp.ICMP_ECHO:
        if packet.unicast:
            _echo(host, packet, message, now)
    elif icmp.is_error(4, message.type):
        _error(host, packet, message, now)


def input6(host: "Host", packet: IpPacket, now: float) -> None:
    message = icmp.parse(packet.payload, packet.src, packet.dst)
    if message.type == icmp.ICMPV6_ECHO_REQUEST:
        _echo(host, packet, message, now)
    elif message.type in NDP_TYPES:
        ndp_input(host.interfaces[packet.interface], packet, message, now)
    elif message.type in _MLD_TYPES:
        mld_input(host.interfaces[packet.interface], packet, message, now)
    elif icmp.is_error(6, message.type):
        _error(host, packet, message, now)


def _echo(host: "Host", packet: IpPacket, message: IcmpMessage, now: float) -> None:
    source = None if is_multicast(packet.dst) else packet.dst
    flow = host.flow(packet.src, packet.protocol, now, src=source, interface=_scope(packet))
    if isinstance(flow, Flow):
        flow.dont_fragment = False
        flow.send(icmp.echo_reply(message, flow.src, flow.dst), b"", now)


def _scope(packet: IpPacket) -> str | None:
    """The interface that a link-local peer is on."""
    return packet.interface if packet.src[:2] == b"\xfe\x80" else None


def _error(host: "Host", packet: IpPacket, message: IcmpMessage, now: float) -> None:
    """Find out which packet of ours it is about, and tell its protocol."""
    verdict = icmp.error_verdict(packet.version, message.type, message.code)
    if verdict is None:
        return
    about = quoted(packet.version, message.body)
    if about.src not in host.local_addresses:
        raise Malformed("ICMP error about somebody else's packet")
    too_big = icmp.ICMPV6_PKT_TOOBIG if packet.version == 6 else icmp.ICMP_DEST_UNREACH
    info = 0
    if message.type == too_big and (packet.version == 6 or message.code == icmp.ICMP_FRAG_NEEDED):
        info = _learn_mtu(host, packet.version, message, about, now)
    report = ErrorReport(
        verdict.errno, verdict.fatal, packet.version, message.type, message.code, info, packet.src,
        about.src, about.dst, about.protocol, about.payload, about.quote,
    )
    host.error_for_protocol(report, now)


def quoted(version: int, body: memoryview) -> IpPacket:
    """The head of our packet; its length fields speak of more than is there."""
    if version == 4:
        if len(body) < ipv4.HEADER_LENGTH or not 5 <= body[0] & 15 <= len(body) // 4:
            raise Malformed("short quotation")
        offset = (body[0] & 15) * 4
        src, dst, protocol = bytes(body[12:16]), bytes(body[16:20]), body[9]
    else:
        if len(body) < ipv6.HEADER_LENGTH:
            raise Malformed("short quotation")
        offset, src, dst, protocol = ipv6.HEADER_LENGTH, bytes(body[8:24]), bytes(body[24:40]), body[6]
        if protocol == ipv6.FRAGMENT:
            protocol, offset = ipv6.parse_fragment(body, offset).next_header, offset + 8
    return IpPacket("", src, dst, protocol, 0, 0, body[offset:], body, True, True)


def _learn_mtu(host: "Host", version: int, message: IcmpMessage, about: IpPacket, now: float) -> int:
    length = int.from_bytes(about.quote[2:4], "big")
    mtu = icmp.next_mtu(version, message.rest, length)
    host.learn_path_mtu(about.dst, mtu, now)
    return mtu
