"""The sender's scoreboard of selectively acknowledged ranges (RFC 2018, RFC 6675).

Ranges are (start, end) positions, sorted and disjoint, all above the cumulative acknowledgment.
"""

from bisect import bisect_left, bisect_right

DUP_THRESHOLD = 3


class Scoreboard:
    __slots__ = ("ranges", "sacked")

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []
        self.sacked = 0  #: bytes

    @property
    def highest(self) -> int:
        """The end of the last range, or 0 where nothing is SACKed."""
        return self.ranges[-1][1] if self.ranges else 0

    def add(self, start: int, end: int) -> bool:
        """Merge a reported block; whether it told anything new."""
        ranges = self.ranges
        low = bisect_left(ranges, start, key=lambda entry: entry[1])
        high = bisect_right(ranges, end, key=lambda entry: entry[0])
        merged = ranges[low:high]
        before = sum(b - a for a, b in merged)
        if merged:
            start, end = min(start, merged[0][0]), max(end, merged[-1][1])
        ranges[low:high] = [(start, end)]
        self.sacked += end - start - before
        return end - start > before

    def advance(self, una: int) -> None:
        """Everything below ``una`` is acknowledged for good."""
        while self.ranges and self.ranges[0][0] < una:
            start, end = self.ranges.pop(0)
            self.sacked -= min(end, una) - start
            if end > una:
                self.ranges.insert(0, (una, end))
                break

    def clear(self) -> None:
        self.ranges.clear()
        self.sacked = 0

    def lost_edge(self, mss: int) -> int:
        """What is not SACKed below this position is lost (RFC 6675, IsLost); 0 where nothing is.

        Either three ranges, or more than two segments' worth of bytes, were SACKed above it.
        """
        above = 0
        for count, (start, end) in enumerate(reversed(self.ranges), 1):
            above += end - start
            if count >= DUP_THRESHOLD or above > (DUP_THRESHOLD - 1) * mss:
                return start
        return 0

    def hole(self, start: int, limit: int) -> tuple[int, int] | None:
        """The first range in start..limit that is not SACKed."""
        for left, right in self.ranges:
            if start < left:
                break
            start = max(start, right)
        if start >= limit:
            return None
        index = bisect_left(self.ranges, (start, start))
        end = self.ranges[index][0] if index < len(self.ranges) else limit
        return start, min(end, limit)

    def covered(self, start: int, end: int) -> int:
        """How many bytes of start..end are SACKed."""
        return sum(max(0, min(end, right) - max(start, left)) for left, right in self.ranges)
