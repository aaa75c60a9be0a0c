"""Messages that have come to sockets of ours, several in one call: recvmmsg(2) through ctypes."""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Sequence
from itertools import islice
from typing import Final

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.hostcalls import MSG_DONTWAIT, place

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

# For those whose control buffers are wanted too.
_CONTROL: Final = 32  # bytes of one: room for a descriptor
_control, _wanted = bytearray(MOST * _CONTROL), bytearray(MOST * _IOV.size)
_full: Final = bytearray(MOST * _MMSGHDR.size)
_full_pointer: Final = ctypes.c_void_p(place(_full))
_empty: Final = b"".join(
    _MMSGHDR.pack(0, 0, place(_wanted) + at * _IOV.size, 1, place(_control) + at * _CONTROL, 24, 0, 0)
    for at in range(MOST)
)
_control_view: Final = memoryview(_control)
_at: Final = [place(_in) + index * _ROOM for index in range(MOST)]
_filled: Final = struct.Struct("=40xQIxxxxIxxxx").iter_unpack


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


def received_many(handle: int, sizes: Sequence[int], flags: int) -> list[tuple[bytes, bytes, int, int]]:
    """What waits for calls with room for ``sizes`` bytes, ``MOST`` at the most: of each the data, the control
    buffer, msg_flags, and the result, as ``hostcalls.recvmsg`` has it. None where there is an error.
    """
    count = min(len(sizes), MOST)
    for index in range(count):
        _IOV.pack_into(_wanted, index * _IOV.size, _at[index], min(sizes[index], _ROOM))
    _full[:] = _empty
    got: int = _recvmmsg(handle, _full_pointer, count, flags | MSG_DONTWAIT, None)
    messages = []
    for index, (control, out, length) in enumerate(islice(_filled(_full), max(got, 0))):
        at, size = index * _ROOM, min(length, sizes[index])
        described = _control_view[index * _CONTROL :][:control].tobytes() if control else b""
        messages.append((_view[at : at + size].tobytes(), described, out, length))
    return messages
