"""One datagram of several writes, several of one write: UDP_CORK, MSG_MORE and UDP_SEGMENT (udp(7))."""

from __future__ import annotations

import errno
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.names import Name

IPPROTO_UDP, UDP_CORK, UDP_SEGMENT = 17, 1, 103
MSG_MORE = 0x8000
_LONGEST, _MOST_SEGMENTS = 65535, 128
_SIZE = struct.Struct("=H")


class Corked(NamedTuple):
    """What waits for the rest; the first write said where it goes."""

    data: bytes
    target: Name
    control: bytes
    word: int


def post(sock: Datagram, piece: Corked, flags: int) -> None:
    """Send ``piece`` after what was held back, or hold it back too."""
    held = sock.corked
    if held is not None:
        if len(held.data) + len(piece.data) > _LONGEST:
            raise Errno(errno.EMSGSIZE)
        piece = held._replace(data=held.data + piece.data)
    if flags & MSG_MORE or sock.options.number(IPPROTO_UDP, UDP_CORK, 0):
        sock.corked = piece
        return
    sock.corked = None
    for data in _segments(sock, piece):
        sock.emit(data, piece.target, piece.control, piece.word)


def uncork(sock: Datagram) -> None:
    """UDP_CORK is off; what sending comes to, nobody hears (udp_lib_setsockopt)."""
    if sock.corked is not None:
        piece = sock.corked
        sock.corked = None
        with suppress(Errno):
            post(sock, piece, 0)


def _segments(sock: Datagram, piece: Corked) -> Iterator[bytes]:
    data, size = piece.data, sock.options.number(IPPROTO_UDP, UDP_SEGMENT, 0)
    if piece.control:
        from ptrace_net.sockets.control6 import items

        for level, kind, payload in items(piece.control, piece.word):
            if (level, kind) == (IPPROTO_UDP, UDP_SEGMENT):
                if len(payload) != _SIZE.size:
                    raise Errno(errno.EINVAL)
                size = _SIZE.unpack(payload)[0]
    if not size or len(data) <= size:
        return iter((data,))
    if len(data) > size * _MOST_SEGMENTS:
        raise Errno(errno.EINVAL)
    return (data[at : at + size] for at in range(0, len(data), size))
