"""The impairment wrapper: delay, jitter, loss, duplication, reordering, corruption and a rate, both ways.

Frames are first cut into what a cable would carry, or one lost frame would be 64 KB.  All chances come from a
generator with a seed, so the same traffic meets the same fate.
"""

import heapq
import random
from dataclasses import dataclass, field

from ..stack import offload
from ..stack.addresses import ZERO_MAC
from ..stack.frame import NO_OFFLOAD, Frame, Offload
from .device import Device, Wrapper
from .impairment import Impairment

_REORDER_BEHIND = 0.001  # how far a frame falls back on a link without delay


@dataclass(slots=True)
class ImpairmentCounters:
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    corrupted: int = 0
    overflowed: int = 0


@dataclass(slots=True)
class Direction:
    """One way of a link: a queue ordered by the time at which frames come out."""

    impairment: Impairment
    random: random.Random
    counters: ImpairmentCounters = field(default_factory=ImpairmentCounters)
    _queue: list[tuple[float, int, Frame]] = field(default_factory=list)
    _order: int = 0
    _busy_until: float = 0.0
    _last: float = 0.0

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self.random.random() < chance

    def put(self, frame: Frame, now: float) -> bool:
        """Let a frame in; False where the queue is full.  A lost frame counts as taken."""
        impairment, counters = self.impairment, self.counters
        if len(self._queue) >= impairment.limit:
            counters.overflowed += 1
            return False
        if self._happens(impairment.loss):
            counters.lost += 1
            return True
        if self._happens(impairment.corrupt):
            counters.corrupted += 1
            frame = self._corrupt(frame)
        self._schedule(frame, now)
        if self._happens(impairment.duplicate):
            counters.duplicated += 1
            self._schedule(frame, now)
        return True

    def _corrupt(self, frame: Frame) -> Frame:
        """One bit somewhere, which the checksums have to find."""
        data = bytearray(frame.data)
        bit = self.random.randrange(len(data) * 8)
        data[bit >> 3] ^= 1 << (bit & 7)
        return Frame(bytes(data))

    def _schedule(self, frame: Frame, now: float) -> None:
        impairment = self.impairment
        start = max(now, self._busy_until)
        if impairment.rate:
            start = self._busy_until = start + len(frame.data) * 8 / impairment.rate
        due = start + impairment.delay
        if impairment.jitter:
            due = max(now, due + impairment.jitter * (2 * self.random.random() - 1))
        if self._happens(impairment.reorder):
            self.counters.reordered += 1
            due += impairment.delay / 2 or _REORDER_BEHIND
        else:
            due = self._last = max(due, self._last)
        self._order += 1
        heapq.heappush(self._queue, (due, self._order, frame))

    def take(self, now: float) -> list[Frame]:
        """The frames whose time has come."""
        frames = []
        while self._queue and self._queue[0][0] <= now:
            frames.append(heapq.heappop(self._queue)[2])
        return frames

    def deadline(self) -> float | None:
        return self._queue[0][0] if self._queue else None


class Impair(Wrapper):
    """``outward`` and ``inward`` have the same impairment and generators of their own.

    What passes a loopback passes it once: it is impaired on the way out.
    """

    def __init__(self, inner: Device, impairment: Impairment) -> None:
        super().__init__(inner)
        back = impairment if inner.mac != ZERO_MAC else Impairment(limit=impairment.limit)
        seed = impairment.seed or 0
        self.outward = Direction(impairment, random.Random(seed))
        self.inward = Direction(back, random.Random(seed + 1))

    def change(self, impairment: Impairment) -> None:
        """Another impairment from now on; what is on its way stays so."""
        self.outward.impairment = impairment
        if self.inner.mac != ZERO_MAC:
            self.inward.impairment = impairment

    @property
    def offload(self) -> Offload:
        return NO_OFFLOAD

    def send(self, frame: Frame, now: float) -> bool:
        taken = [self.outward.put(piece, now) for piece in offload.to_wire(frame)]
        self._flush(now)
        return all(taken)

    def _flush(self, now: float) -> None:
        for frame in self.outward.take(now):
            self.inner.send(frame, now)

    def receive(self, now: float) -> list[Frame]:
        self._flush(now)
        for frame in self.inner.receive(now):
            for piece in offload.to_wire(frame):
                self.inward.put(piece, now)
        return self.inward.take(now)

    def deadline(self) -> float | None:
        times = (self.outward.deadline(), self.inward.deadline(), self.inner.deadline())
        return min((at for at in times if at is not None), default=None)
