"""Messages that have come to sockets of ours, several in one call: recvmmsg(2) through ctypes."""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Final

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.hostcalls import place

MOST: Final = 16  # messages in one call
_ROOM: Final = 1 << 17  # bytes for each: more than any datagram
_IOV, _MMSGHDR = struct.Struct("=QQ"), struct.Struct("=QIxxxxQQQQIxxxxIxxxx")

_libc: Final = ctypes.PyDLL(None, use_errno=True)
_recvmmsg: Final = _libc.recvmmsg
_in = mmap.mmap(-1, MOST * _ROOM)
_iovs, _headers = bytearray(MOST * _IOV.size), bytearray(MOST * _MMSGHDR.size)
_view: Final = memoryview(_in)
_pointer: Final = ctypes.c_void_p(place(_headers))
for _index in range(MOST):
    _IOV.pack_into(_iovs, _index * _IOV.size, place(_in) + _index * _ROOM, _ROOM)
    _place = place(_iovs) + _index * _IOV.size
    _MMSGHDR.pack_into(_headers, _index * _MMSGHDR.size, 0, 0, _place, 1, 0, 0, 0, 0)
_lengths: Final = struct.Struct("=" + "56xIxxxx" * MOST).unpack


def received_all(handle: int, most: int) -> list[bytes]:
    """What waits on a non-blocking socket of ours, ``most`` messages or a few more; no end of file."""
    messages: list[bytes] = []
    while len(messages) < most:
        several = _received_several(handle)
        if several and not several[-1] and hostcalls.hung_up(handle):
            return messages + [message for message in several if message]  # the end comes again and again
        messages += several
        if len(several) < MOST:
            break
    return messages


def _received_several(handle: int) -> list[bytes]:
    count: int = _recvmmsg(handle, _pointer, MOST, 0, None)
    if count <= 0:
        return []
    messages, at = [], 0
    for length in _lengths(_headers)[:count]:
        messages.append(_view[at : at + length].tobytes())
        at += _ROOM
    return messages
