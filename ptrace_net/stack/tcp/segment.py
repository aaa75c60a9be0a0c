"""TCP segments on the wire (RFC 9293, 3.1)."""

import struct
from typing import NamedTuple

from ..addresses import IP
from ..checksum import finish, ones_sum, pseudo_sum, valid
from ..frame import Buffer, Malformed
from . import options
from .options import Options

IPPROTO_TCP = 6
HEADER_LENGTH = 20
CHECKSUM_OFFSET = 16
FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
_LAYOUT = struct.Struct("!HHIIBBHHH")
_NAMES = "FSRPAUEC"


class Segment(NamedTuple):
    """``seq`` and ``ack`` are wire numbers; ``window`` is not scaled."""

    src_port: int
    dst_port: int
    seq: int
    ack: int
    flags: int
    window: int
    options: Options
    payload: memoryview

    @property
    def length(self) -> int:
        """How much of the sequence space it takes: payload, SYN and FIN."""
        flags = self.flags
        return len(self.payload) + (flags & FIN) + (flags >> 1 & 1)

    def __str__(self) -> str:
        names = "".join(name for bit, name in enumerate(_NAMES) if self.flags >> bit & 1)
        return f"[{names}] seq {self.seq} ack {self.ack} win {self.window} len {len(self.payload)}"


def parse(view: memoryview, src: IP, dst: IP, verified: bool = False) -> Segment:
    """Malformed on a bad length or checksum; ``verified`` skips the sum."""
    if len(view) < HEADER_LENGTH:
        raise Malformed("short TCP segment")
    src_port, dst_port, seq, ack, words, flags, window, _sum, _urgent = _LAYOUT.unpack_from(view)
    offset = words >> 4 << 2
    if not HEADER_LENGTH <= offset <= len(view):
        raise Malformed("TCP data offset")
    if not verified and not valid(view, pseudo_sum(src, dst, IPPROTO_TCP, len(view))):
        raise Malformed("TCP checksum")
    found = options.parse(view[HEADER_LENGTH:offset]) if offset > HEADER_LENGTH else options.NONE
    return Segment(src_port, dst_port, seq, ack, flags, window, found, view[offset:])


class Addressing(NamedTuple):
    """The four-tuple from the sender's side, with the sum of its pseudo header (length left out)."""

    src: IP
    dst: IP
    src_port: int
    dst_port: int
    base: int

    @classmethod
    def of(cls, src: IP, src_port: int, dst: IP, dst_port: int) -> "Addressing":
        return cls(src, dst, src_port, dst_port, pseudo_sum(src, dst, IPPROTO_TCP, 0))


def header(
    ends: Addressing, seq: int, ack: int, flags: int, window: int, opts: bytes, payload: Buffer, partial: bool
) -> bytes:
    """The header before ``payload``; ``partial`` leaves the sum of the bytes to the device.

    ``opts`` is a multiple of four bytes; ``seq`` and ``ack`` are wire numbers.
    """
    size = HEADER_LENGTH + len(opts)
    length = size + len(payload)
    total = ends.base + (length >> 16) + (length & 0xFFFF)
    words = size << 2
    if partial:
        field = total % 0xFFFF
    else:
        total += ends.src_port + ends.dst_port + seq + ack + (words << 8 | flags) + window
        field = finish(total + ones_sum(opts) + ones_sum(payload))
    return _LAYOUT.pack(ends.src_port, ends.dst_port, seq, ack, words, flags, window, field, 0) + opts
