"""Segments that came ahead of their turn, by stream position.

Pieces are kept sorted and disjoint; what overlaps an earlier piece is cut off (the first copy wins).  The
window bounds the bytes and ``MAX_PIECES`` the number of pieces.  ``blocks`` is what SACK reports (RFC 2018).
"""

from bisect import bisect_left

from .receivebuffer import ReceiveBuffer

MAX_PIECES = 4096
_COPY_BELOW = 2048


class Reassembly:
    __slots__ = ("_pieces", "_recent", "_starts")

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._pieces: list[memoryview] = []
        self._recent: list[tuple[int, int]] = []

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def size(self) -> int:
        return sum(map(len, self._pieces))

    def insert(self, start: int, data: memoryview) -> bool:
        """Keep a piece; False where nothing of it was new or there is no place."""
        if len(self._starts) >= MAX_PIECES:
            return False
        begin, end = start, start + len(data)
        index = bisect_left(self._starts, start)
        if index:
            before = self._starts[index - 1] + len(self._pieces[index - 1])
            start = max(start, before)
        added = False
        while start < end:
            stop = min(end, self._starts[index]) if index < len(self._starts) else end
            if stop > start:
                self._place(index, start, data[start - begin : stop - begin])
                added = True
                index += 1
            if index >= len(self._starts):
                break
            start = max(stop, self._starts[index] + len(self._pieces[index]))
            index += 1
        self._note(begin, end)
        return added

    def _place(self, index: int, start: int, data: memoryview) -> None:
        self._starts.insert(index, start)
        self._pieces.insert(index, memoryview(bytes(data)) if len(data) < _COPY_BELOW else data)

    def take(self, position: int, into: ReceiveBuffer) -> int:
        """Move what continues ``position`` into the buffer; the position after it."""
        count = 0
        for start, piece in zip(self._starts, self._pieces, strict=True):
            if start > position:
                break
            fresh = piece[position - start :]
            if fresh:
                into.append(fresh)
                position += len(fresh)
            count += 1
        del self._starts[:count]
        del self._pieces[:count]
        self._recent = [block for block in self._recent if block[0] > position]
        return position

    def _note(self, begin: int, end: int) -> None:
        """Remember the run that this segment belongs to as the most recent one."""
        runs = self._runs()
        block = next((run for run in runs if run[0] <= begin and end <= run[1]), (begin, end))
        others = [old for old in self._recent if old[1] < block[0] or old[0] > block[1]]
        self._recent = [block, *others][:8]

    def _runs(self) -> list[tuple[int, int]]:
        runs: list[tuple[int, int]] = []
        for start, piece in zip(self._starts, self._pieces, strict=True):
            if runs and runs[-1][1] == start:
                runs[-1] = (runs[-1][0], start + len(piece))
            else:
                runs.append((start, start + len(piece)))
        return runs

    def blocks(self, limit: int) -> list[tuple[int, int]]:
        """Up to ``limit`` runs of positions, the most recently changed first."""
        return self._recent[:limit]
