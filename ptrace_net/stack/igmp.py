"""IGMP version 2 and version 3 reports (RFC 2236, RFC 3376): membership of IPv4 groups.

Reports are version 3 unless a version 2 query was heard in the last 400 s (RFC 3376, 7.2.1).
"""

import struct
from typing import NamedTuple

from .addresses import IP
from .checksum import checksum, valid
from .frame import Malformed

IPPROTO_IGMP = 2
QUERY, V2_REPORT, V2_LEAVE, V3_REPORT = 0x11, 0x16, 0x17, 0x22
ALL_ROUTERS = b"\xe0\x00\x00\x02"
V3_ROUTERS = b"\xe0\x00\x00\x16"
ROUTER_ALERT = b"\x94\x04\x00\x00"
CHANGE_TO_INCLUDE, CHANGE_TO_EXCLUDE, IS_EXCLUDE = 3, 4, 2
_LAYOUT = struct.Struct("!BBH4s")
_REPORT3 = struct.Struct("!BBHHH")


class Query(NamedTuple):
    group: IP  #: all zero for a general query
    max_delay: float  #: seconds within which to answer
    version: int


def parse_query(view: memoryview) -> Query | None:
    """A query, or None for any other valid message; Malformed on a bad length or checksum."""
    if len(view) < _LAYOUT.size or not valid(view):
        raise Malformed("IGMP length or checksum")
    kind, code, _sum, group = _LAYOUT.unpack_from(view)
    if kind != QUERY:
        return None
    if len(view) >= 12:
        return Query(group, _float_code(code) / 10, 3)
    return Query(group, (code or 100) / 10, 2 if code else 1)


def _float_code(code: int) -> int:
    """Max Resp Code above 127 is a small floating-point number (RFC 3376, 4.1.1)."""
    return code if code < 128 else (code & 15 | 16) << ((code >> 4 & 7) + 3)


def _with_sum(message: bytes) -> bytes:
    return message[:2] + checksum(message).to_bytes(2, "big") + message[4:]


def v2_message(kind: int, group: IP) -> bytes:
    """``V2_REPORT`` (sent to the group) or ``V2_LEAVE`` (sent to all routers)."""
    return _with_sum(_LAYOUT.pack(kind, 0, 0, group))


def v3_report(records: list[tuple[int, IP]]) -> bytes:
    """A report of (record type, group) without source lists, sent to 224.0.0.22."""
    body = b"".join(struct.pack("!BBH4s", kind, 0, 0, group) for kind, group in records)
    return _with_sum(_REPORT3.pack(V3_REPORT, 0, 0, 0, len(records)) + body)
