"""What the user has written and the peer has not acknowledged, by stream position.

Large writes are kept as they came and cut with memoryviews, so that a 64 KB segment is copied once, into its
frame.  Small writes are gathered, or the list of chunks would grow by one per byte.
"""

from bisect import bisect_right

from ..frame import Buffer

_GATHER_BELOW = 4096
_GATHER_LIMIT = 65536


class SendBuffer:
    """Bytes from ``base`` (the oldest unacknowledged) to ``end``, at most ``limit`` of them."""

    __slots__ = ("_chunks", "_starts", "base", "end", "limit")

    def __init__(self, base: int, limit: int) -> None:
        self.base = self.end = base
        self.limit = limit
        self._chunks: list[memoryview | bytearray] = []
        self._starts: list[int] = []

    def __len__(self) -> int:
        return self.end - self.base

    @property
    def room(self) -> int:
        return max(0, self.limit - (self.end - self.base))

    def write(self, data: Buffer) -> int:
        """Take as much as fits; how many bytes that was."""
        size = min(len(data), self.room)
        if size < _GATHER_BELOW:
            self._gather(data[:size])
        else:
            whole = data if isinstance(data, bytes) else bytes(data[:size])
            self._append(memoryview(whole)[:size])
        self.end += size
        return size

    def _append(self, chunk: memoryview | bytearray) -> None:
        self._chunks.append(chunk)
        self._starts.append(self.end)

    def _gather(self, data: Buffer) -> None:
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, bytearray) and len(last) < _GATHER_LIMIT:
            last += data
        elif data:
            self._append(bytearray(data))

    def peek(self, start: int, size: int) -> Buffer:
        """``size`` bytes from position ``start``, which must be in the buffer."""
        index = bisect_right(self._starts, start) - 1
        piece = self._piece(index, start, size)
        if len(piece) == size:
            return piece
        pieces = [piece]
        missing = size - len(piece)
        while missing:
            index += 1
            piece = self._piece(index, self._starts[index], missing)
            pieces.append(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def _piece(self, index: int, start: int, size: int) -> Buffer:
        chunk = self._chunks[index]
        offset = start - self._starts[index]
        if isinstance(chunk, bytearray):  # it may grow, which a view would forbid
            return bytes(memoryview(chunk)[offset : offset + size])
        return chunk[offset : offset + size]

    def acknowledge(self, position: int) -> None:
        """Forget what lies before ``position``."""
        position = min(position, self.end)
        if position <= self.base:
            return
        done = bisect_right(self._starts, position) - 1
        if position == self.end:
            done = len(self._chunks)
        del self._chunks[:done]
        del self._starts[:done]
        self.base = position

    def clear(self) -> None:
        self.acknowledge(self.end)
