"""UDP (RFC 768) and its checksum over IPv6, where it is mandatory (RFC 8200, 8.1)."""

import struct
from typing import NamedTuple

from .addresses import IP
from .checksum import finish, ones_sum, pseudo_sum, valid
from .frame import Buffer, Malformed

IPPROTO_UDP = 17
HEADER_LENGTH = 8
MAX_PAYLOAD = 65535 - HEADER_LENGTH
CHECKSUM_OFFSET = 6
_LAYOUT = struct.Struct("!HHHH")


class UdpDatagram(NamedTuple):
    src_port: int
    dst_port: int
    payload: memoryview


def parse(view: memoryview, src: IP, dst: IP, verified: bool = False) -> UdpDatagram:
    """Malformed on a bad length or checksum; ``verified`` skips the sum."""
    if len(view) < HEADER_LENGTH:
        raise Malformed("short UDP datagram")
    src_port, dst_port, length, field = _LAYOUT.unpack_from(view)
    if not HEADER_LENGTH <= length <= len(view):
        raise Malformed("UDP length")
    datagram = view[:length]
    if field == 0:
        if len(src) == 16:
            raise Malformed("UDP over IPv6 without a checksum")
    elif not verified and not valid(datagram, pseudo_sum(src, dst, IPPROTO_UDP, length)):
        raise Malformed("UDP checksum")
    return UdpDatagram(src_port, dst_port, datagram[HEADER_LENGTH:])


def header(src: IP, dst: IP, src_port: int, dst_port: int, payload: Buffer) -> bytes:
    """The 8 bytes before ``payload``, checksum included (never 0, which would mean none)."""
    length = HEADER_LENGTH + len(payload)
    total = pseudo_sum(src, dst, IPPROTO_UDP, length) + src_port + dst_port + length + ones_sum(payload)
    return _LAYOUT.pack(src_port, dst_port, length, finish(total) or 0xFFFF)
