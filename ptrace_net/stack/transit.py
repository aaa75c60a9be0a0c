"""A gateway that leads nowhere: what it answers to packets that are not for itself (RFC 1812, 5.2.7, 5.3.1).

Where the hop limit ends there it says so, and else that the packet is filtered.
"""

from typing import TYPE_CHECKING

from . import icmp
from .icmp_errors import may_answer
from .packet import IpPacket

if TYPE_CHECKING:
    from .host import Host

_EXCEEDED = {4: (icmp.ICMP_TIME_EXCEEDED, 0), 6: (icmp.ICMPV6_TIME_EXCEED, 0)}
_FILTERED = {4: (icmp.ICMP_DEST_UNREACH, 13), 6: (icmp.ICMPV6_DEST_UNREACH, 1)}


def turn_back(host: "Host", packet: IpPacket, now: float) -> None:
    """Answer a packet to somebody else, within the rules and the rate limit for errors."""
    if may_answer(packet):
        kind, code = (_EXCEEDED if packet.hop_limit <= 1 else _FILTERED)[packet.version]
        host.send_error(packet.src, None, kind, code, 0, packet.quote, now)
