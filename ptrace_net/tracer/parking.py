"""A thread that waits for what no descriptor of its shows sleeps in ppoll(2) on nothing.

Signals end that as they should. When the provider says so, or time is up, PTRACE_INTERRUPT does: the exit
stop comes, and the reason is found here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.tracer import binding

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor, Timer
    from ptrace_net.tracer.tracee import Tracee

RESUMED, EXPIRED = "resumed", "expired"


class Parked:
    """One call that sleeps; ``reason`` is why it was interrupted, if it was."""

    __slots__ = ("_reactor", "_timer", "_tracee", "reason")

    def __init__(self, tracee: Tracee, reactor: Reactor, deadline: float | None) -> None:
        self._tracee, self._reactor = tracee, reactor
        self.reason = ""
        self._timer: Timer | None = None
        if deadline is not None:
            self._timer = reactor.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self.wake(EXPIRED)

    def resume(self, ready: object = None, lost: object = None) -> bool:
        return self.wake(RESUMED)

    def wake(self, reason: str) -> bool:
        if self._tracee.parked is not self or self.reason:
            return False
        self.reason = reason
        try:
            binding.request(binding.PTRACE_INTERRUPT, self._tracee.tid)
        except ProcessLookupError:
            return False  # killed in the meantime
        return True

    def leave(self) -> str:
        """The thread sleeps no more: whether and why it was interrupted."""
        self._tracee.parked = None
        if self._timer is not None:
            self._reactor.cancel(self._timer)
        return self.reason
