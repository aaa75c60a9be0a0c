"""Messages on connected sockets of ours that all have the same control buffer: their headers are made once.

sendmsg(2) and sendmmsg(2) through ctypes; data passes through one buffer.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Final

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.hostcalls import MSG_DONTWAIT, MSG_NOSIGNAL, address, place

MOST: Final = 64  # messages in one call
ROOM: Final = 1 << 17  # bytes in one call: more than any datagram
_FLAGS: Final = MSG_DONTWAIT | MSG_NOSIGNAL
_MMSGHDR = struct.Struct("=QIxxxxQQQQIxxxxIxxxx")
_HEADER = _MMSGHDR.size - 8  # a msghdr's
_IOV: Final = 16
_pack_iovs: Final = [struct.Struct(f"={2 * count}Q").pack_into for count in range(MOST + 1)]

_libc: Final = ctypes.PyDLL(None, use_errno=True)
_sendmsg: Final = _libc.sendmsg
_sendmmsg: Final = _libc.sendmmsg
_out: Final = bytearray(ROOM)
_iovs: Final = bytearray(_IOV * MOST)
_out_address: Final[int] = place(_out)
_iovs_address: Final[int] = place(_iovs)


class Outgoing:
    """What sends them. Used by one thread, and the same buffers serve all."""

    __slots__ = ("_header", "_headers", "_pointer", "control")

    def __init__(self, control: bytes) -> None:
        self.control = control
        self._header = self._made(0)[:_HEADER]
        self._headers, self._pointer = bytearray(), ctypes.c_void_p()  # for several at once

    def _made(self, index: int) -> bytes:
        size = len(self.control)
        return _MMSGHDR.pack(0, 0, _iovs_address + index * _IOV, 1, address(self.control), size, 0, 0)

    def send(self, handle: int, data: bytes) -> int:
        """Send ``data``, at most 64 KB; 0, or an errno."""
        size = len(data)
        _out[:size] = data
        _pack_iovs[1](_iovs, 0, _out_address, size)
        number = 0 if _sendmsg(handle, self._header, _FLAGS) >= 0 else ctypes.get_errno()
        if hostcalls.watch is not None:
            hostcalls.watch("sendmsg", handle, (data, b"", self.control, _FLAGS), -number or size)
        return number

    def send_many(self, handle: int, messages: Sequence[bytes]) -> tuple[int, int]:
        """Send several, each at most 64 KB: how many of the first have gone, and an errno where the next one
        has failed.
        """
        if hostcalls.watch is not None:  # a trace shows each
            return self._one_by_one(handle, messages)
        sent = 0
        while sent < len(messages):
            count = _laid_out(messages[sent : sent + MOST])
            if not self._headers:
                self._headers += b"".join([self._made(index) for index in range(MOST)])
                self._pointer = ctypes.c_void_p(place(self._headers))
            gone = _sendmmsg(handle, self._pointer, count, _FLAGS)
            if gone < 0:
                return sent, ctypes.get_errno()
            sent += gone
        return sent, 0

    def _one_by_one(self, handle: int, messages: Sequence[bytes]) -> tuple[int, int]:
        for index, message in enumerate(messages):
            number = self.send(handle, message)
            if number:
                return index, number
        return len(messages), 0


def _laid_out(messages: Sequence[bytes]) -> int:
    """Put as many as there is room for into the buffer, and their places into the iovecs."""
    places: list[int] = []
    end = 0
    for message in messages:
        size = len(message)
        if end + size > ROOM:
            break
        _out[end : end + size] = message
        places += _out_address + end, size
        end += size
    count = len(places) // 2
    _pack_iovs[count](_iovs, 0, *places)
    return count
