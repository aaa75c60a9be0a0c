"""Serving the stack: frames, timers and the handles that changed, whenever the reactor says so."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.devices.attached import AttachedHost

_ROUNDS = 32  # then the program's calls have their turn
EPOLLIN = 1


class Reactor(Protocol):
    """Who watches descriptors and the time for us; callbacks get the events of epoll(7)."""

    heavy: bool

    def add(self, fd: int, events: int, ready: Callable[[int], None], /) -> None: ...
    def remove(self, fd: int, /) -> None: ...
    def call_at(self, when: float, callback: Callable[[], None], /) -> object: ...


class Woken(Protocol):
    """The tag of a handle: who is told that it changed."""

    def woken(self, now: float) -> None: ...


class Lane:
    """``clock`` is the stack's time, and the reactor's."""

    def __init__(
        self, attached: AttachedHost, reactor: Reactor, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.attached, self.host, self.reactor, self.clock = attached, attached.host, reactor, clock
        reactor.heavy = True
        attached.clock = clock
        self._due: float | None = None  # when the earliest timer of ours comes
        self._soon = False
        self._serving = False
        self.changed: Callable[[], None] = lambda: None  # asked for after frames: addresses may be others
        self._watched: list[int] = []
        self.watch()

    def watch(self) -> None:
        """Look at the devices' descriptors; those of a device that broke are gone."""
        now = self.attached.descriptors()
        for fd in self._watched:
            if fd not in now:
                self.reactor.remove(fd)
        for fd in now:
            if fd not in self._watched:
                self.reactor.add(fd, EPOLLIN, self._stirred)
        self._watched = now

    def _stirred(self, _events: int) -> None:
        self.serve()
        if len(self.attached.descriptors()) != len(self._watched):
            self.watch()

    def serve(self) -> None:
        """Move frames and bytes until nothing moves, and arrange to be called when something is due."""
        if self._serving:
            return  # a handle that is woken uses the stack: the loop below sees it
        self._serving = True
        try:
            again = True
            for _ in range(_ROUNDS):
                now = self.clock()
                again = self.attached.service(now, 1)
                events = self.host.take_events()
                for handle, _bits in events:
                    tag = handle.tag
                    if tag is not None:
                        tag.woken(now)  # type: ignore[attr-defined]  # the tag of every handle is a Woken
                if not events and not again:
                    break
        finally:
            self._serving = False
        self.changed()
        self._arrange(self.clock() if again else self.attached.deadline())

    def soon(self) -> None:
        """Serve before the reactor waits again, once for all that asked."""
        if not self._soon and not self._serving:
            self._soon = True
            self.reactor.call_at(0.0, self._now)

    def _now(self) -> None:
        self._soon = False
        self.serve()

    def _arrange(self, when: float | None) -> None:
        """Be called at ``when``, unless something earlier is arranged already."""
        if when is None or (self._due is not None and self._due <= when):
            return
        self._due = when
        self.reactor.call_at(when, lambda: self._timer(when))

    def _timer(self, when: float) -> None:
        if self._due == when:
            self._due = None
            self.serve()
