"""What an engine serves beside its calls: descriptors (epoll(7)) and timers, in the engine's own thread.

Callbacks may add, change and remove anything, their own descriptor too. A descriptor is removed before it is
closed. An event that was fetched for a descriptor removed since is dropped.
"""

from __future__ import annotations

import math
import select
import time
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import TypeAlias

EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP = select.EPOLLIN, select.EPOLLOUT, select.EPOLLERR, select.EPOLLHUP
EPOLLRDHUP = select.EPOLLRDHUP
_BATCH = 256  # events fetched at once
_SLACK = 64  # cancelled timers that stay in the heap, beside as many as there are others


class Timer:
    """A call at a time to come, as ``Reactor.call_at`` gives it for ``cancel``."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None] | None) -> None:
        self.when = when
        self.callback = callback  # None once it has been called or cancelled


Callback: TypeAlias = Callable[[int], None]


class Reactor:
    """``turn`` serves what is registered."""

    __slots__ = ("_callbacks", "_count", "_epoll", "_pending", "_sleeps_until", "_timers", "heavy", "ring")

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._callbacks: dict[int, Callback] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = count()  # timers of the same time keep their order
        self._pending = 0  # timers neither called nor cancelled
        self.heavy = False  # whether there is more to do here than for calls: a device is served
        self.ring: Callable[[], None] = lambda: None  # wakes whoever sleeps for ``patience``
        self._sleeps_until = -math.inf

    def __len__(self) -> int:
        """How many descriptors and timers are registered."""
        return len(self._callbacks) + self._pending

    def add(self, fd: int, events: int, callback: Callback) -> None:
        """Call ``callback(events)`` whenever ``fd`` has one of ``events`` (EPOLL*), EPOLLERR or EPOLLHUP.

        Raises OSError as epoll_ctl(2): EPERM for a regular file, EEXIST for one that is known.
        """
        self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Forget ``fd``; nothing happens when it is not known."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        """Call ``callback()`` once ``time.monotonic()`` has reached ``when``."""
        timer = Timer(when, callback)
        heappush(self._timers, (when, next(self._count), timer))
        self._pending += 1
        if when < self._sleeps_until:
            self._sleeps_until = when
            self.ring()
        return timer

    def cancel(self, timer: Timer) -> None:
        if timer.callback is not None:
            timer.callback = None
            self._pending -= 1
            if len(self._timers) > 2 * self._pending + _SLACK:
                self._timers[:] = [each for each in self._timers if each[2].callback is not None]
                heapify(self._timers)

    def fileno(self) -> int:
        """Readable when a descriptor has something for its callback."""
        return self._epoll.fileno()

    def patience(self) -> int | None:
        """The milliseconds that ``turn`` may wait, for somebody who waits in its place; None: for ever."""
        self._sleeps_until = self._timers[0][0] if self._timers else math.inf
        if not self._timers:
            return None
        return max(0, math.ceil(1000 * (self._sleeps_until - time.monotonic())))

    def turn(self, patience: float | None = None) -> None:
        """Wait for something to do, at most ``patience`` seconds (None: for ever), and do all of it."""
        self._sleeps_until = -math.inf
        timers, known = self._timers, self._callbacks
        if timers:
            due = max(timers[0][0] - time.monotonic(), 0)
            patience = due if patience is None else min(patience, due)
        found = self._epoll.poll(patience, _BATCH)
        if len(found) == 1:
            ((fd, events),) = found
            if fd in known:
                known[fd](events)
        else:
            for fd, events, callback in [(fd, events, known.get(fd)) for fd, events in found]:
                if callback is not None and known.get(fd) is callback:
                    callback(events)
        if timers and timers[0][0] <= time.monotonic():
            self._call_timers()

    def _call_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heappop(self._timers)[2]
            callback = timer.callback
            if callback is not None:
                timer.callback = None
                self._pending -= 1
                callback()
