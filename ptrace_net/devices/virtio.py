"""``struct virtio_net_hdr`` (linux/virtio_net.h), as a TAP with IFF_VNET_HDR puts it before each frame.

Ten bytes in the machine's byte order.  What it says is what ``Frame`` says.
"""

import struct

from ..stack.ethernet import ETH_HLEN
from ..stack.frame import Buffer, Frame, Malformed

HEADER_LENGTH = 10
NEEDS_CSUM, DATA_VALID = 1, 2
GSO_NONE, GSO_TCPV4, GSO_UDP, GSO_TCPV6, GSO_ECN = 0, 1, 3, 4, 0x80
_LAYOUT = struct.Struct("=BBHHHH")
_PLAIN = bytes(HEADER_LENGTH)


def pack(frame: Frame) -> bytes:
    """The header for a frame that goes to the kernel."""
    if not frame.partial:
        return _LAYOUT.pack(DATA_VALID, 0, 0, 0, 0, 0) if frame.verified else _PLAIN
    gso_type = GSO_NONE
    header_length = 0
    if frame.gso_size:
        gso_type = GSO_TCPV4 if frame.data[ETH_HLEN] >> 4 == 4 else GSO_TCPV6
        header_length = frame.csum_start + (frame.data[frame.csum_start + 12] >> 4) * 4
    return _LAYOUT.pack(
        NEEDS_CSUM, gso_type, header_length, frame.gso_size, frame.csum_start, frame.csum_offset
    )


def unpack(data: Buffer) -> Frame:
    """A frame as it was read, header first; Malformed where it is short or not TCP segmentation."""
    if len(data) < HEADER_LENGTH + ETH_HLEN:
        raise Malformed("short frame from the TAP")
    flags, gso_type, _header_length, gso_size, start, offset = _LAYOUT.unpack_from(data)
    body = memoryview(data)[HEADER_LENGTH:]
    partial = bool(flags & NEEDS_CSUM)
    if partial and start + offset + 2 > len(body):
        raise Malformed("checksum beyond the frame")
    if gso_type & ~GSO_ECN not in (GSO_NONE, GSO_TCPV4, GSO_TCPV6):
        raise Malformed(f"segmentation type {gso_type}")
    return Frame(
        body, gso_size if gso_type else 0, partial, bool(flags & DATA_VALID), start if partial else 0,
        offset if partial else 0,
    )
