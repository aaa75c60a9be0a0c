"""Frames: how the bytes of a recording lie in the file. Nothing here knows what a record is.

The file begins with `MAGIC` and the version; then come frames of an eight-byte head (length of the body,
CRC-32 of kind and body), one byte of kind and the body. A frame is written by one write(2), so a recorder
that dies leaves at most one incomplete frame, the last. Bodies are compressed by one deflate stream per
segment, flushed after every frame; a segment begins with a `SEGMENT` frame, whose body is `SYNC`, so that
reading can go on behind damage.
"""

import struct
import zlib
from typing import Final, NamedTuple

MAGIC: Final = b"\x89PTNREC\n"
VERSION: Final = (1, 0)
SYNC: Final = bytes.fromhex("d06a1f9e3b7c52848e15a9c2f7406bd3")

HEADER: Final = 0x48  # 'H': the configuration, JSON, not compressed
SEGMENT: Final = 0x53  # 'S': a new deflate stream begins
RECORD: Final = 0x52  # 'R': one record
END: Final = 0x45  # 'E': the recorder closed the file; body: number of records
KINDS: Final = frozenset((HEADER, SEGMENT, RECORD, END))
_KIND_SUMS: Final = {kind: zlib.crc32(bytes((kind,))) for kind in KINDS}

FILE_HEAD: Final = struct.Struct("<8sHHI")
HEAD: Final = struct.Struct("<IIB")
MAX_BODY: Final = 64 << 20


class Frame(NamedTuple):
    """One frame as it lies in the file; `body` is still compressed."""

    kind: int
    body: bytes


def file_head() -> bytes:
    """The first 16 bytes of a recording: magic, major, minor, reserved."""
    return FILE_HEAD.pack(MAGIC, *VERSION, 0)


def pack(kind: int, body: bytes) -> bytes:
    """A frame's bytes."""
    return HEAD.pack(len(body), check_sum(kind, body), kind) + body


def check_sum(kind: int, body: bytes) -> int:
    """CRC-32 of the kind's byte and the body."""
    return zlib.crc32(body, _KIND_SUMS[kind])


class Damage(NamedTuple):
    """A place where the file is not frames: `offset` in the file, and a phrase."""

    offset: int
    what: str


def next_frame(data: bytes, offset: int) -> tuple[Frame | Damage, int]:
    """The frame at `offset`, or what is wrong there; and where reading goes on (the end, behind `Damage`)."""
    if offset + HEAD.size > len(data):
        return Damage(offset, "the recording ends inside the head of a frame"), len(data)
    length, check, kind = HEAD.unpack_from(data, offset)
    end = offset + HEAD.size + length
    if kind not in KINDS or length > MAX_BODY:
        return Damage(offset, "no frame begins here"), _resync(data, offset + 1)
    if end > len(data):
        return Damage(offset, "the recording ends inside a frame"), _resync(data, offset + 1)
    body = bytes(data[offset + HEAD.size : end])
    if check_sum(kind, body) != check:
        return Damage(offset, "the check sum of a frame does not match"), _resync(data, offset + 1)
    return Frame(kind, body), end


def _resync(data: bytes, offset: int) -> int:
    """Where the next `SEGMENT` frame begins, or the end of the data."""
    found = data.find(SYNC, offset)
    return max(found - HEAD.size, offset) if found >= 0 else len(data)
