"""Blocks of a pcapng file (draft-ietf-opsawg-pcapng), as bytes.

One function per block; options are (code, value) pairs.  Timestamps are nanoseconds since 1970.
"""

import struct
from collections.abc import Iterable

from ..stack.addresses import MAC
from ..stack.frame import Buffer

LINKTYPE_ETHERNET = 1
OPT_END, OPT_COMMENT = 0, 1
SHB_HARDWARE, SHB_OS, SHB_USERAPPL = 2, 3, 4
IF_NAME, IF_DESCRIPTION, IF_MACADDR, IF_SPEED, IF_TSRESOL = 2, 3, 6, 8, 9
EPB_FLAGS, EPB_DROPCOUNT = 2, 4
ISB_IFRECV, ISB_IFDROP = 4, 5
INBOUND, OUTBOUND = 1, 2
_SECTION, _INTERFACE, _STATISTICS, _PACKET = 0x0A0D0D0A, 1, 5, 6
_BYTE_ORDER = 0x1A2B3C4D
_NANOSECONDS = 9
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_OPTION = struct.Struct("<HH")
_PACKET_HEAD = struct.Struct("<IIIIIII")

Options = Iterable[tuple[int, bytes]]


def _padded(data: Buffer) -> bytes:
    return bytes(data) + bytes(-len(data) % 4)


def _options(options: Options) -> bytes:
    parts = [_OPTION.pack(code, len(value)) + _padded(value) for code, value in options]
    return b"".join((*parts, _OPTION.pack(OPT_END, 0))) if parts else b""


def _block(kind: int, body: bytes) -> bytes:
    length = _U32.pack(len(body) + 12)
    return b"".join((_U32.pack(kind), length, body, length))


def section_header(application: str, comment: str = "") -> bytes:
    """The first block; the section's length is left open, as for a pipe."""
    options = [(SHB_USERAPPL, application.encode())]
    if comment:
        options.append((OPT_COMMENT, comment.encode()))
    return _block(_SECTION, struct.pack("<IHHq", _BYTE_ORDER, 1, 0, -1) + _options(options))


def interface_description(
    name: str, mac: MAC, description: str = "", snaplen: int = 0, speed: int = 0
) -> bytes:
    """Interfaces are numbered from 0 in the order of these blocks; ``speed`` in bits per second."""
    options = [(IF_NAME, name.encode()), (IF_TSRESOL, bytes((_NANOSECONDS,))), (IF_MACADDR, mac)]
    if description:
        options.append((IF_DESCRIPTION, description.encode()))
    if speed:
        options.append((IF_SPEED, _U64.pack(speed)))
    return _block(_INTERFACE, struct.pack("<HHI", LINKTYPE_ETHERNET, 0, snaplen) + _options(options))


def enhanced_packet(
    interface: int, timestamp: int, data: Buffer, direction: int = 0, comment: str = "", dropped: int = 0,
    length: int | None = None,
) -> bytes:
    """One frame; ``length`` is its original length where ``data`` was cut."""
    options = []
    if direction:
        options.append((EPB_FLAGS, _U32.pack(direction)))
    if dropped:
        options.append((EPB_DROPCOUNT, _U64.pack(dropped)))
    if comment:
        options.append((OPT_COMMENT, comment.encode()))
    tail = _options(options)
    padding = -len(data) % 4
    total = 32 + len(data) + padding + len(tail)
    head = _PACKET_HEAD.pack(
        _PACKET, total, interface, timestamp >> 32, timestamp & 0xFFFFFFFF, len(data),
        len(data) if length is None else length,
    )
    return b"".join((head, data, bytes(padding), tail, _U32.pack(total)))


def interface_statistics(interface: int, timestamp: int, received: int, dropped: int) -> bytes:
    body = struct.pack("<III", interface, timestamp >> 32, timestamp & 0xFFFFFFFF)
    counts = [(ISB_IFRECV, _U64.pack(received)), (ISB_IFDROP, _U64.pack(dropped))]
    return _block(_STATISTICS, body + _options(counts))
