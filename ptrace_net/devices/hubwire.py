"""What a hub and its ports say to each other: one message per datagram of a SOCK_SEQPACKET socket.

A port introduces itself with HELLO, then both sides send FRAME.  Offload flags travel with the frame, so a
64 KB segment crosses a hub in one piece.
"""

import struct
from typing import NamedTuple, TypeAlias

from ..stack.addresses import MAC
from ..stack.ethernet import ETH_HLEN
from ..stack.frame import Frame, Malformed, Offload

VERSION = 1
HELLO, FRAME = 1, 2
MAX_MESSAGE = 4096 + 65536
_PARTIAL, _VERIFIED = 1, 2
_CHECKSUM, _SEGMENTATION = 1, 2
_HELLO = struct.Struct("!BBBBI6sH")
_FRAME = struct.Struct("!BBHHH")


class Hello(NamedTuple):
    """Who joins: ``name`` is the run's, ``pid`` its supervisor's."""

    mac: MAC
    offload: Offload
    pid: int
    name: str


Message: TypeAlias = Hello | Frame


def pack_hello(hello: Hello) -> bytes:
    flags = _CHECKSUM if hello.offload.tx_checksum else 0
    flags |= _SEGMENTATION if hello.offload.segmentation else 0
    name = hello.name.encode()[:255]
    return _HELLO.pack(HELLO, VERSION, flags, len(name), hello.pid, hello.mac, 0) + name


def pack_frame(frame: Frame) -> bytes:
    flags = (_PARTIAL if frame.partial else 0) | (_VERIFIED if frame.verified else 0)
    head = _FRAME.pack(FRAME, flags, frame.gso_size, frame.csum_start, frame.csum_offset)
    return b"".join((head, frame.data))


def parse(data: bytes) -> Message:
    """Malformed for anything that this version does not say."""
    if data[:1] == bytes((FRAME,)):
        return _parse_frame(data)
    if len(data) < _HELLO.size or data[0] != HELLO:
        raise Malformed("unknown hub message")
    _kind, version, flags, length, pid, mac, _reserved = _HELLO.unpack_from(data)
    if version != VERSION or len(data) != _HELLO.size + length:
        raise Malformed("hub version or length")
    offload = Offload(bool(flags & _CHECKSUM), bool(flags & _SEGMENTATION))
    return Hello(mac, offload, pid, data[_HELLO.size :].decode(errors="replace"))


def _parse_frame(data: bytes) -> Frame:
    if len(data) < _FRAME.size + ETH_HLEN:
        raise Malformed("short frame from the hub")
    _kind, flags, gso_size, start, offset = _FRAME.unpack_from(data)
    body = memoryview(data)[_FRAME.size :]
    partial = bool(flags & _PARTIAL)
    if partial and (start < ETH_HLEN or start + offset + 2 > len(body)):
        raise Malformed("checksum beyond the frame")
    if gso_size and not (partial and start + 20 <= len(body)):
        raise Malformed("segmentation without a transport header")
    return Frame(body, gso_size, partial, bool(flags & _VERIFIED), start, offset)
