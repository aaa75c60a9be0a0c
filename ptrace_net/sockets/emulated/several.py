"""recvmmsg(2) on a blocking socket waits until all of the datagrams that it asks for are there.

None of them is taken before: a signal that ends the call would lose those that were.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Park

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.reactor import Reactor
    from ptrace_net.syscalls.seam import Call

SO_RCVTIMEO = 20
_ENOUGH = 64  # more are not waited for: the queue must never be full of what nobody takes
_LONG_AGO = float("-inf")


class Several:
    """The threads that wait so for one socket."""

    __slots__ = ("_begun", "_reactor", "_resumes")

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._begun: dict[int, tuple[tuple[int, ...], float]] = {}  # by thread: its call, and since when
        self._resumes: dict[int, Callable[[], bool]] = {}

    def more(self, call: Call, handle: int, count: int, timeout: float | None) -> Park | None:
        """Sleep until ``count`` datagrams are there, one came after ``timeout``, or none for SO_RCVTIMEO;
        None: take what is there.
        """
        tid, now = call.task.tid, time.monotonic()
        args, begun = self._begun.pop(tid, ((), now))
        begun = begun if args == call.args else now
        there = hostcalls.queued(handle, min(count, _ENOUGH))
        late = begun == _LONG_AGO or (timeout is not None and now >= begun + timeout)
        if there == min(count, _ENOUGH) or (there and late):
            return None
        self._begun[tid] = call.args, begun
        if not there:
            return None  # the first is waited for as by recvmsg(2)
        patience = hostcalls.get_timeout(handle, SO_RCVTIMEO)
        return Park(lambda resume: self._sleep(tid, call.args, resume, patience), restart=patience is None)

    def arrived(self) -> None:
        """A datagram was put into the queue."""
        resumes, self._resumes = self._resumes, {}
        for resume in resumes.values():
            resume()

    def _sleep(
        self, tid: int, args: tuple[int, ...], resume: Callable[[], bool], patience: float | None
    ) -> None:
        self._resumes[tid] = resume
        if patience is None:
            return

        def over() -> None:
            if self._resumes.get(tid) is resume:
                del self._resumes[tid]
                self._begun[tid] = args, _LONG_AGO
                resume()

        self._reactor.call_at(time.monotonic() + patience, over)
