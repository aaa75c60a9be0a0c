"""A frame as it passes between the stack and a device, with what ``struct virtio_net_hdr`` would say of it.

Offload is a property of the frame, so that a 64 KB segment crosses a TAP, a hub or ``lo`` in one piece and
nobody sums its bytes: ``partial`` is VIRTIO_NET_HDR_F_NEEDS_CSUM, ``verified`` is ..._F_DATA_VALID, and
``gso_size`` the payload size of the segments that the frame stands for.
"""

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

Buffer: TypeAlias = bytes | bytearray | memoryview


class Malformed(ValueError):
    """A packet that does not parse; the receiver drops and counts it."""


class Frame(NamedTuple):
    """One Ethernet frame without FCS."""

    data: Buffer
    gso_size: int = 0  #: bytes of TCP payload per segment; 0: the frame is one segment
    partial: bool = False  #: the transport checksum holds only the pseudo-header sum
    verified: bool = False  #: the sender vouches for the checksums
    csum_start: int = 0  #: offset of the transport header, where ``partial``
    csum_offset: int = 0  #: offset of the checksum field from ``csum_start``


@dataclass(frozen=True, slots=True)
class Offload:
    """What a device takes off the stack's hands."""

    tx_checksum: bool = False  #: frames may be sent ``partial``
    segmentation: bool = False  #: frames may carry a ``gso_size``; needs ``tx_checksum``
    max_size: int = 65535  #: the largest IP packet in one frame


NO_OFFLOAD = Offload()
FULL_OFFLOAD = Offload(tx_checksum=True, segmentation=True)
