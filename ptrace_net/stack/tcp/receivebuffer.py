"""What has arrived in order and the user has not read.

Large payloads stay views of their frames and are joined when they are read; small ones are copied together,
so that a view of a byte does not keep a frame alive.
"""

from collections import deque

_GATHER_BELOW = 2048
_GATHER_LIMIT = 65536


class ReceiveBuffer:
    """A queue of bytes with ``len``; ``limit`` (SO_RCVBUF) is enforced by the window, not here."""

    __slots__ = ("_chunks", "_size", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._chunks: deque[memoryview | bytearray] = deque()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def free(self) -> int:
        return max(0, self.limit - self._size)

    def append(self, data: memoryview) -> None:
        self._size += len(data)
        if len(data) >= _GATHER_BELOW:
            self._chunks.append(data)
            return
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, bytearray) and len(last) < _GATHER_LIMIT:
            last += data
        else:
            self._chunks.append(bytearray(data))

    def read(self, size: int) -> bytes:
        """Take up to ``size`` bytes."""
        pieces: list[memoryview | bytearray] = []
        wanted = min(size, self._size)
        self._size -= wanted
        while wanted:
            chunk = self._chunks.popleft()
            if len(chunk) > wanted:
                view = memoryview(chunk)
                self._chunks.appendleft(view[wanted:])
                chunk = view[:wanted]
            pieces.append(chunk)
            wanted -= len(chunk)
        return b"".join(pieces)

    def peek(self, size: int) -> bytes:
        """Up to ``size`` bytes, which stay (MSG_PEEK)."""
        pieces: list[memoryview | bytearray] = []
        for chunk in self._chunks:
            pieces.append(chunk[: max(0, size)])
            size -= len(chunk)
            if size <= 0:
                break
        return b"".join(pieces)

    def clear(self) -> None:
        self._chunks.clear()
        self._size = 0
