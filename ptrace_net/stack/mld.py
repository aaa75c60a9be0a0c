"""MLD version 1 queries and version 2 reports (RFC 2710, RFC 3810): membership of IPv6 groups.

The messages are ICMPv6; they travel with hop limit 1 and a router alert option in a hop-by-hop header.
"""

import struct
from typing import NamedTuple

from .addresses import IP
from .frame import Malformed

QUERY, V1_REPORT, V1_DONE, V2_REPORT = 130, 131, 132, 143
V2_ROUTERS = b"\xff\x02" + bytes(13) + b"\x16"
CHANGE_TO_INCLUDE, CHANGE_TO_EXCLUDE, IS_EXCLUDE = 3, 4, 2
#: hop-by-hop header: next header ICMPv6, router alert (RFC 2711), PadN
HOP_BY_HOP_ALERT = bytes((58, 0, 5, 2, 0, 0, 1, 0))


class Query(NamedTuple):
    group: IP  #: all zero for a general query
    max_delay: float  #: seconds within which to answer
    version: int


def parse_query(rest: int, body: memoryview) -> Query:
    """The query of an ICMPv6 message with second word ``rest`` and ``body``."""
    if len(body) < 16:
        raise Malformed("short MLD query")
    code = rest >> 16
    if len(body) >= 20:
        delay = code if code < 0x8000 else (code & 0xFFF | 0x1000) << ((code >> 12 & 7) + 3)
        return Query(bytes(body[:16]), delay / 1000, 2)
    return Query(bytes(body[:16]), code / 1000, 1)


def v2_records(records: list[tuple[int, IP]]) -> bytes:
    """The body of a version 2 report; the count belongs into the message's second word."""
    return b"".join(struct.pack("!BBH16s", kind, 0, 0, group) for kind, group in records)
