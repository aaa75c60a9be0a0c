"""The IPv6 header and its extension headers (RFC 8200).

``parse`` checks the fixed header; ``walk`` follows the extension headers up to the upper layer and says what
a host must do about each: skip it, reassemble, or answer with an ICMPv6 parameter problem.
"""

import struct
from typing import NamedTuple

from .addresses import IP
from .frame import Malformed

HEADER_LENGTH = 40
DEFAULT_HOP_LIMIT = 64
HOP_BY_HOP, ROUTING, FRAGMENT, NO_NEXT, DESTINATION = 0, 43, 44, 59, 60
_LAYOUT = struct.Struct("!IHBB16s16s")
_FRAGMENT = struct.Struct("!BBHI")
_OPTION_PAD1 = 0
#: what the two high bits of an unknown option ask for (RFC 8200, 4.2)
_SKIP, _DISCARD, _REPORT, _REPORT_UNICAST = range(4)


class Ipv6Packet(NamedTuple):
    """A parsed packet; ``raw`` is the whole packet, ``payload`` what follows the fixed header."""

    src: IP
    dst: IP
    next_header: int
    hop_limit: int
    traffic_class: int
    flow_label: int
    raw: memoryview
    payload: memoryview


class FragmentHeader(NamedTuple):
    next_header: int
    offset: int  #: bytes
    more: bool
    ident: int


class ParameterProblem(Malformed):
    """The packet is to be answered with ICMPv6 type 4 (RFC 4443, 3.4)."""

    def __init__(self, code: int, pointer: int, even_multicast: bool = False) -> None:
        super().__init__(f"parameter problem, code {code} at {pointer}")
        self.code = code
        self.pointer = pointer
        self.even_multicast = even_multicast


class Upper(NamedTuple):
    """Where the extension headers end: the upper layer, or a fragment."""

    protocol: int
    offset: int  #: from the start of the packet
    fragment: FragmentHeader | None = None


def parse(view: memoryview) -> Ipv6Packet:
    if len(view) < HEADER_LENGTH:
        raise Malformed("short IPv6 packet")
    first, length, next_header, hop_limit, src, dst = _LAYOUT.unpack_from(view)
    if first >> 28 != 6 or HEADER_LENGTH + length > len(view):
        raise Malformed("IPv6 version or length")
    raw = view[: HEADER_LENGTH + length]
    return Ipv6Packet(
        src, dst, next_header, hop_limit, first >> 20 & 0xFF, first & 0xFFFFF, raw, raw[HEADER_LENGTH:]
    )


def header(
    src: IP, dst: IP, next_header: int, length: int, *, hop_limit: int = DEFAULT_HOP_LIMIT,
    traffic_class: int = 0, flow_label: int = 0,
) -> bytes:
    """The fixed header for ``length`` bytes of extension headers and payload."""
    first = 6 << 28 | traffic_class << 20 | flow_label
    return _LAYOUT.pack(first, length, next_header, hop_limit, src, dst)


def fragment_header(next_header: int, offset: int, more: bool, ident: int) -> bytes:
    """``offset`` is in bytes, a multiple of 8."""
    return _FRAGMENT.pack(next_header, 0, offset | more, ident)


def walk(packet: Ipv6Packet) -> Upper:
    """Follow the extension headers; Malformed or ParameterProblem where they do not add up."""
    raw = packet.raw
    kind, at, kind_at = packet.next_header, HEADER_LENGTH, 6
    while kind in (HOP_BY_HOP, ROUTING, DESTINATION):
        if kind == HOP_BY_HOP and at != HEADER_LENGTH:
            raise ParameterProblem(1, kind_at)
        end = _extension_end(raw, at)
        if kind == ROUTING:
            _check_routing(raw, at)
        else:
            _check_options(raw, at + 2, end)
        kind_at, kind, at = at, raw[at], end
    if kind == FRAGMENT:
        return Upper(FRAGMENT, at, parse_fragment(raw, at))
    return Upper(kind, at)


def _extension_end(raw: memoryview, at: int) -> int:
    if at + 8 > len(raw):
        raise Malformed("short extension header")
    end = at + 8 + raw[at + 1] * 8
    if end > len(raw):
        raise Malformed("extension header beyond the packet")
    return end


def parse_fragment(raw: memoryview, at: int) -> FragmentHeader:
    if at + 8 > len(raw):
        raise Malformed("short fragment header")
    next_header, _reserved, field, ident = _FRAGMENT.unpack_from(raw, at)
    return FragmentHeader(next_header, field & 0xFFF8, bool(field & 1), ident)


def _check_routing(raw: memoryview, at: int) -> None:
    """A routing header with segments left is for a router, which a host is not (RFC 5095)."""
    if raw[at + 3]:
        raise ParameterProblem(0, at + 2)


def _check_options(raw: memoryview, at: int, end: int) -> None:
    """Unknown options say themselves whether they may be skipped."""
    while at < end:
        kind = raw[at]
        if kind == _OPTION_PAD1:
            at += 1
            continue
        if at + 2 > end or at + 2 + raw[at + 1] > end:
            raise Malformed("option beyond its header")
        action = kind >> 6
        if action == _DISCARD:
            raise Malformed("unknown option: discard")
        if action in (_REPORT, _REPORT_UNICAST):
            raise ParameterProblem(2, at, even_multicast=action == _REPORT)
        at += 2 + raw[at + 1]
