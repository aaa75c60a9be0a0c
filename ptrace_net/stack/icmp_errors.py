"""When and with what to answer a packet that nobody wants: the rules and the rate limit for ICMP errors."""

from dataclasses import dataclass

from . import icmp
from .addresses import is_any, is_multicast
from .packet import IpPacket

_PER_SECOND = 1000.0  # net.ipv4.icmp_msgs_per_sec
_BURST = 50.0


@dataclass(slots=True)
class ErrorBudget:
    """A token bucket (RFC 1812, 4.3.2.8; RFC 4443, 2.4 f)."""

    tokens: float = _BURST
    last: float = 0.0

    def allow(self, now: float) -> bool:
        self.tokens = min(_BURST, self.tokens + (now - self.last) * _PER_SECOND)
        self.last = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


def error_for(packet: IpPacket, code: int) -> tuple[int, int, int] | None:
    """(type, code, second word) for ICMP_PORT_UNREACH or ICMP_PROT_UNREACH; None where none may be sent."""
    if not may_answer(packet):
        return None
    if packet.version == 4:
        return icmp.ICMP_DEST_UNREACH, code, 0
    if code == icmp.ICMP_PORT_UNREACH:
        return icmp.ICMPV6_DEST_UNREACH, icmp.ICMPV6_PORT_UNREACH, 0
    return icmp.ICMPV6_PARAMPROB, icmp.ICMPV6_UNK_NEXTHDR, 6


def may_answer(packet: IpPacket) -> bool:
    """Whether there may be an error about a packet: never about groups, nobody's, and other errors."""
    nobody = is_any(packet.src) or is_multicast(packet.src)
    return packet.unicast and not nobody and not _is_icmp_error(packet)


def _is_icmp_error(packet: IpPacket) -> bool:
    protocol = icmp.IPPROTO_ICMP if packet.version == 4 else icmp.IPPROTO_ICMPV6
    return packet.protocol == protocol and len(packet.payload) > 0 and icmp.is_error(
        packet.version, packet.payload[0]
    )
