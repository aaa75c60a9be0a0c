"""Pairs two sequences of steps: global alignment by dynamic programming, with the equal ends cut off first.

Sequences that are too long for the table are taken in pieces: up to the next place where both agree again.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

CELLS = 1_000_000
"""The largest table that is filled (a few seconds at most)."""

_WINDOW = 60
_AGREE = 3
_GAP = -1
T = TypeVar("T")
Pairs = list[tuple[int | None, int | None]]


def align(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> Pairs:
    """Positions paired in order; None is nothing on that side. `score` is 0 for what must not be paired."""
    head = _common(left, right, score)
    tail = _common(left[head:][::-1], right[head:][::-1], score)
    middle_left, middle_right = left[head : len(left) - tail], right[head : len(right) - tail]
    middle = _middle(middle_left, middle_right, score)
    shifted: Pairs = [(None if a is None else a + head, None if b is None else b + head) for a, b in middle]
    ends = [(len(left) - tail + place, len(right) - tail + place) for place in range(tail)]
    return [*((place, place) for place in range(head)), *shifted, *ends]


def _common(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> int:
    """How many elements from the front match in full."""
    count = 0
    for a, b in zip(left, right, strict=False):
        if score(a, b) < _AGREE:
            break
        count += 1
    return count


def _middle(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> Pairs:
    if len(left) * len(right) <= CELLS:
        return _table(left, right, score)
    return _pieces(left, right, score)


def _table(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> Pairs:
    """Needleman-Wunsch; `trail` remembers where each best value came from."""
    width = len(right) + 1
    above = [place * _GAP for place in range(width)]
    trail: list[bytearray] = []
    for row, a in enumerate(left, 1):
        line = [row * _GAP] + [0] * len(right)
        steps = bytearray(width)
        for place, b in enumerate(right, 1):
            points = score(a, b)
            paired = above[place - 1] + points if points else -1 << 30
            up, along = above[place] + _GAP, line[place - 1] + _GAP
            best = max(paired, up, along)
            line[place] = best
            steps[place] = 1 if best == paired else 2 if best == up else 3
        trail.append(steps)
        above = line
    return _walk_back(trail, len(left), len(right))


def _walk_back(trail: list[bytearray], row: int, place: int) -> Pairs:
    pairs: Pairs = []
    while row or place:
        step = trail[row - 1][place] if row and place else 2 if row else 3
        row, place = row - (step != 3), place - (step != 2)
        pairs.append((row if step != 3 else None, place if step != 2 else None))
    return pairs[::-1]


def _pieces(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> Pairs:
    """Walk both; where they part, look for the nearest place in a window where they agree again."""
    pairs: Pairs = []
    a = b = 0
    while a < len(left) and b < len(right):
        if score(left[a], right[b]) >= _AGREE:
            pairs.append((a, b))
            a, b = a + 1, b + 1
            continue
        skip_a, skip_b = _agree_again(left[a : a + _WINDOW], right[b : b + _WINDOW], score)
        inner = _table(left[a : a + skip_a], right[b : b + skip_b], score)
        pairs += [(None if x is None else x + a, None if y is None else y + b) for x, y in inner]
        a, b = a + skip_a, b + skip_b
    return (
        pairs
        + [(place, None) for place in range(a, len(left))]
        + [(None, place) for place in range(b, len(right))]
    )


def _agree_again(left: Sequence[T], right: Sequence[T], score: Callable[[T, T], int]) -> tuple[int, int]:
    """How far to go on each side; both windows in full where nothing agrees."""
    for distance in range(1, len(left) + len(right) - 1):
        for a in range(max(0, distance - len(right) + 1), min(distance, len(left) - 1) + 1):
            if score(left[a], right[distance - a]) >= _AGREE:
                return a, distance - a
    return len(left), len(right)
