"""Calls that the notification engine keeps open until they can go on: their threads sleep in the kernel.

The kernel withdraws such a call when a signal reaches its thread, and tells nobody: it is noticed when the
thread's next call comes, when the thread ends, and now and then.
"""

from __future__ import annotations

import os
import select
import time
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Park, Wait
from ptrace_net.tracer import notification

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.reactor import Reactor, Timer
    from ptrace_net.syscalls.seam import Answer, Call
    from ptrace_net.tracer.thread import Thread


class Pending:
    """A call that waits, with the duplicate that it has of the descriptor it is about (-1 for none)."""

    __slots__ = (
        "answer", "call", "deadline", "fd", "handle", "identity", "listener", "lost", "ready", "thread",
        "timer",
    )  # fmt: skip

    def __init__(
        self,
        listener: int,
        identity: int,
        call: Call,
        answer: Wait | Park,
        thread: Thread,
        fd: int,
        handle: int,
    ) -> None:
        self.listener, self.identity, self.call, self.answer = listener, identity, call, answer
        self.thread, self.fd, self.handle = thread, fd, handle
        self.deadline: float | None = None
        self.timer: Timer | None = None
        self.ready: Callable[[], Answer] | None = None  # what gives its answer now, if not the handler
        self.lost: Callable[[], object] | None = None  # to be called where that is not told

    def is_valid(self) -> bool:
        return notification.is_valid(self.listener, self.identity)


class Waits:
    """Every call that waits, by thread; ``again(pending)`` and ``expired(pending)`` go on with one."""

    def __init__(
        self, reactor: Reactor, again: Callable[[Pending], None], expired: Callable[[Pending], None]
    ) -> None:
        self._reactor, self._again, self._expired = reactor, again, expired
        self._by_thread: dict[int, Pending] = {}
        self.resumed: list[Pending] = []

    def __len__(self) -> int:
        return len(self._by_thread)

    def of(self, tid: int) -> Pending | None:
        return self._by_thread.get(tid)

    def take(self, tid: int) -> Pending | None:
        """The call of ``tid`` that was withdrawn, where it makes another one; it waits no longer."""
        pending = self._by_thread.get(tid)
        if pending is not None:
            self.drop(pending)
        return pending

    def add(self, pending: Pending, deadline: float | None) -> None:
        """Watch until ``deadline`` (time.monotonic()); without one the answer's own timeout begins now."""
        answer, reactor = pending.answer, self._reactor
        self._by_thread[pending.thread.tid] = pending
        if isinstance(answer, Wait) and pending.handle >= 0:
            reactor.add(pending.handle, answer.events | select.EPOLLONESHOT, lambda _: self._go_on(pending))
        pending.thread.watch(proven=pending.handle >= 0)
        if answer.timeout is not None:
            pending.deadline = time.monotonic() + answer.timeout if deadline is None else deadline
            pending.timer = reactor.call_at(pending.deadline, lambda: self._is_over(pending))
        if isinstance(answer, Park):
            answer.start(partial(self._resume, pending))

    def drop(self, pending: Pending) -> None:
        self._let_go(pending)
        if pending.handle >= 0:
            os.close(pending.handle)
            pending.handle = -1

    def ended(self, thread: Thread) -> None:
        self.take(thread.tid)

    def _let_go(self, pending: Pending) -> None:
        if self._by_thread.get(pending.thread.tid) is not pending:
            return
        del self._by_thread[pending.thread.tid]
        pending.thread.watched = False
        if pending.timer is not None:
            self._reactor.cancel(pending.timer)
        if isinstance(pending.answer, Wait):
            self._reactor.remove(pending.handle)

    def go_on_resumed(self) -> None:
        """Dispatch the parked calls whose providers said so."""
        while self.resumed:
            resumed, self.resumed = self.resumed, []
            for pending in resumed:
                if self._by_thread.get(pending.thread.tid) is pending:
                    self._let_go(pending)
                    self._again(pending)

    def leave(self, listener: int) -> None:
        """Nobody is left behind ``listener``."""
        for pending in [each for each in self._by_thread.values() if each.listener == listener]:
            self.drop(pending)

    def sweep(self) -> None:
        for pending in list(self._by_thread.values()):
            if not pending.is_valid():
                self.drop(pending)

    def _resume(
        self,
        pending: Pending,
        ready: Callable[[], Answer] | None = None,
        lost: Callable[[], object] | None = None,
    ) -> bool:
        """Not at once: a handler may be calling."""
        waits = self._by_thread.get(pending.thread.tid) is pending and pending.is_valid()
        if waits:
            pending.ready, pending.lost = ready, lost
            self.resumed.append(pending)
        return waits

    def _go_on(self, pending: Pending) -> None:
        """With the descriptor that it had: so does a call that sleeps in the kernel."""
        if self._by_thread.get(pending.thread.tid) is pending:
            self._let_go(pending)
            if pending.is_valid():
                self._again(pending)
            elif pending.handle >= 0:
                os.close(pending.handle)

    def _is_over(self, pending: Pending) -> None:
        self.drop(pending)
        self._expired(pending)
