"""The framing of QEMU's ``-netdev stream`` and ``-netdev socket``, which passt speaks too.

Every Ethernet frame on the stream follows its length, 32 bits in network order (net/stream.c, net/socket.c).
"""

import struct

_LENGTH = struct.Struct("!I")
MAX_FRAME = 4096 + 65536  # NET_BUFSIZE
MIN_FRAME = 14


class FramingError(ValueError):
    """The stream is out of step; nothing after this can be understood."""


def encode(data: bytes | bytearray | memoryview) -> bytes:
    """A frame as the stream carries it; ValueError where the other side would not take it."""
    if len(data) > MAX_FRAME:
        raise ValueError(f"{len(data)} bytes do not fit in a frame")
    return _LENGTH.pack(len(data)) + data


class StreamDecoder:
    """Bytes in as they come, whole frames out."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that ``data`` completes; FramingError for an impossible length."""
        buffer = self._buffer
        buffer += data
        frames = []
        at = 0
        while len(buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(buffer, at)
            if not MIN_FRAME <= length <= MAX_FRAME:
                raise FramingError(f"frame of {length} bytes")
            end = at + _LENGTH.size + length
            if end > len(buffer):
                break
            frames.append(bytes(memoryview(buffer)[at + _LENGTH.size : end]))
            at = end
        del buffer[:at]
        return frames

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not whole yet."""
        return len(self._buffer)
