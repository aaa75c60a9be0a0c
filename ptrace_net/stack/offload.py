"""Doing in software what a device did not: finishing checksums, and cutting a super-segment (TSO, GSO).

Used where frames leave for something that takes only plain ones: a capture, an impaired link, a switch port
without offload.
"""

import struct

from .checksum import finish, ones_sum
from .ethernet import ETH_HLEN, ETH_P_IP
from .frame import Frame
from .tcp.segment import CHECKSUM_OFFSET, FIN, PSH

_U16 = struct.Struct("!H")


def complete(frame: Frame) -> Frame:
    """The frame with its transport checksum filled in; ``gso_size`` is kept."""
    if not frame.partial:
        return frame
    data = bytearray(frame.data)
    at = frame.csum_start + frame.csum_offset
    _U16.pack_into(data, at, finish(ones_sum(memoryview(data)[frame.csum_start :])))
    return Frame(bytes(data), frame.gso_size, False, frame.verified)


def to_wire(frame: Frame) -> list[Frame]:
    """The frames that a cable would carry for this one."""
    if not frame.gso_size:
        return [complete(frame)]
    return segment(frame)


def segment(frame: Frame) -> list[Frame]:
    """Cut a TCP super-segment into frames of ``gso_size`` payload each, checksums complete."""
    view = memoryview(frame.data)
    transport = frame.csum_start or _transport_offset(view)
    header = bytes(view[: transport + (view[transport + 12] >> 4) * 4])
    payload = view[len(header) :]
    count = -(-len(payload) // frame.gso_size)
    return [
        _one(header, transport, payload, index * frame.gso_size, frame.gso_size, index == count - 1)
        for index in range(count)
    ]


def _transport_offset(view: memoryview) -> int:
    if _U16.unpack_from(view, 12)[0] == ETH_P_IP:
        return ETH_HLEN + (view[ETH_HLEN] & 15) * 4
    return ETH_HLEN + 40


def _one(header: bytes, transport: int, payload: memoryview, offset: int, size: int, last: bool) -> Frame:
    """One segment: lengths, IPv4 identification, sequence number and flags as its place demands."""
    piece = payload[offset : offset + size]
    head = bytearray(header)
    length = len(head) - transport + len(piece)
    if _U16.unpack_from(head, 12)[0] == ETH_P_IP:
        _fix_ipv4(head, transport, length, offset // size)
        pseudo = ones_sum(memoryview(head)[ETH_HLEN + 12 : ETH_HLEN + 20])
    else:
        _U16.pack_into(head, ETH_HLEN + 4, length)
        pseudo = ones_sum(memoryview(head)[ETH_HLEN + 8 : ETH_HLEN + 40])
    seq = int.from_bytes(head[transport + 4 : transport + 8], "big") + offset & 0xFFFFFFFF
    head[transport + 4 : transport + 8] = seq.to_bytes(4, "big")
    if not last:
        head[transport + 13] &= ~(FIN | PSH)
    _U16.pack_into(head, transport + CHECKSUM_OFFSET, 0)
    total = pseudo + 6 + length + ones_sum(memoryview(head)[transport:]) + ones_sum(piece)
    _U16.pack_into(head, transport + CHECKSUM_OFFSET, finish(total))
    return Frame(b"".join((head, piece)))


def _fix_ipv4(head: bytearray, transport: int, length: int, index: int) -> None:
    total = transport - ETH_HLEN + length
    ident = _U16.unpack_from(head, ETH_HLEN + 4)[0] + index & 0xFFFF
    struct.pack_into("!HH", head, ETH_HLEN + 2, total, ident)
    _U16.pack_into(head, ETH_HLEN + 10, 0)
    _U16.pack_into(head, ETH_HLEN + 10, finish(ones_sum(memoryview(head)[ETH_HLEN:transport])))
