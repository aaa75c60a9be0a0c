"""What is said when time runs out: about fragments without a whole, and neighbors that are silent."""

import errno
from typing import TYPE_CHECKING

from . import icmp, icmp_input
from .ethernet import ETH_HLEN
from .fragment import Expired
from .frame import Frame
from .neighbor import Unresolved
from .packet import ErrorReport

if TYPE_CHECKING:
    from .host import Host

#: type and code of "host unreachable", as a router would send it
_UNREACHABLE = {4: (icmp.ICMP_DEST_UNREACH, 1), 6: (icmp.ICMPV6_DEST_UNREACH, 3)}


def report_fragment_timeouts(host: "Host", now: float) -> None:
    """Time exceeded, to the sender of each first fragment (RFC 792; RFC 8200, 4.5)."""
    for reassembler, kind in (
        (host.reassembly4, icmp.ICMP_TIME_EXCEEDED), (host.reassembly6, icmp.ICMPV6_TIME_EXCEED),
    ):
        deadline = reassembler.deadline()
        if deadline is not None and deadline <= now:
            for expired in reassembler.expire(now):
                _fragment_timeout(host, expired, kind, now)


def _fragment_timeout(host: "Host", expired: Expired, kind: int, now: float) -> None:
    if expired.first is not None and expired.key.dst in host.local_addresses:
        packet = memoryview(expired.first)
        host.send_error(expired.key.src, expired.key.dst, kind, icmp.ICMP_FRAG_TIME, 0, packet, now)


def report_unresolved(host: "Host", unresolved: Unresolved, now: float) -> None:
    """Nobody has that address: what waited for it fails with EHOSTUNREACH, as if a router had said so."""
    version = 4 if len(unresolved.address) == 4 else 6
    for frame in unresolved.held:
        host.error_for_protocol(_unreachable(version, frame), now)


def _unreachable(version: int, frame: Frame) -> ErrorReport:
    about = icmp_input.quoted(version, memoryview(frame.data)[ETH_HLEN:])
    kind, code = _UNREACHABLE[version]
    return ErrorReport(
        errno.EHOSTUNREACH, False, version, kind, code, 0, about.src, about.src, about.dst, about.protocol,
        about.payload, about.quote,
    )
