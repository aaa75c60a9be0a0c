"""The IPv4 header (RFC 791; netinet/ip.h).

``parse`` validates what a host must (version, lengths, checksum) and hands out views.  ``header`` builds the
20 bytes of a packet without options; its checksum is folded from the fields, not from the packed bytes.
"""

import struct
from typing import NamedTuple

from .addresses import IP
from .checksum import checksum, finish, valid
from .frame import Malformed

IP_DF = 0x4000
IP_MF = 0x2000
_OFFSET_MASK = 0x1FFF
HEADER_LENGTH = 20
DEFAULT_TTL = 64
_LAYOUT = struct.Struct("!BBHHHBBH4s4s")
_OPTION_END, _OPTION_NOP, _OPTION_LSRR, _OPTION_SSRR = 0, 1, 0x83, 0x89


class Ipv4Packet(NamedTuple):
    """A parsed packet; ``header`` and ``payload`` are views of the frame."""

    src: IP
    dst: IP
    protocol: int
    ttl: int
    tos: int
    ident: int
    fragment: int  #: the flags and offset field as it is on the wire
    header: memoryview
    payload: memoryview

    @property
    def offset(self) -> int:
        """Where a fragment's payload begins, in bytes."""
        return (self.fragment & _OFFSET_MASK) * 8

    @property
    def more(self) -> bool:
        return bool(self.fragment & IP_MF)

    @property
    def is_fragment(self) -> bool:
        return self.fragment & (IP_MF | _OFFSET_MASK) != 0


def parse(view: memoryview) -> Ipv4Packet:
    """Parse and validate; bytes after the total length (Ethernet padding) are left out."""
    if len(view) < HEADER_LENGTH:
        raise Malformed("short IPv4 packet")
    first, tos, total, ident, fragment, ttl, protocol, _sum, src, dst = _LAYOUT.unpack_from(view)
    length = (first & 15) * 4
    if first >> 4 != 4 or not HEADER_LENGTH <= length <= total <= len(view):
        raise Malformed("IPv4 version or length")
    head = view[:length]
    if not valid(head):
        raise Malformed("IPv4 header checksum")
    return Ipv4Packet(src, dst, protocol, ttl, tos, ident, fragment, head, view[length:total])


def header(
    src: IP, dst: IP, protocol: int, length: int, *, ident: int = 0, fragment: int = 0,
    ttl: int = DEFAULT_TTL, tos: int = 0,
) -> bytes:
    """The header for ``length`` bytes of payload; ``fragment`` is the flags and offset field."""
    total = length + HEADER_LENGTH
    sums = 0x4500 + tos + total + ident + fragment + (ttl << 8) + protocol
    folded = finish(sums + int.from_bytes(src + dst, "big"))
    return _LAYOUT.pack(0x45, tos, total, ident, fragment, ttl, protocol, folded, src, dst)


def header_with_options(
    src: IP, dst: IP, protocol: int, length: int, options: bytes, *, ttl: int = DEFAULT_TTL, tos: int = 0
) -> bytes:
    """As ``header``, with up to 40 bytes of options, which are padded to 32 bits."""
    options += bytes(-len(options) % 4)
    words = (HEADER_LENGTH + len(options)) // 4
    fields = (0x40 | words, tos, length + words * 4, 0, 0, ttl, protocol)
    folded = checksum(_LAYOUT.pack(*fields, 0, src, dst) + options)
    return _LAYOUT.pack(*fields, folded, src, dst) + options


def source_routed(head: memoryview) -> bool:
    """Whether the options ask for source routing (or do not parse): such packets are dropped."""
    position = HEADER_LENGTH
    while position < len(head):
        kind = head[position]
        if kind == _OPTION_END:
            return False
        if kind == _OPTION_NOP:
            position += 1
            continue
        if kind in (_OPTION_LSRR, _OPTION_SSRR) or position + 1 >= len(head) or head[position + 1] < 2:
            return True
        position += head[position + 1]
    return False
