"""Reports of waitpid(2), beside what else the engine serves.

Being woken on another processor costs more than most pauses between two calls of a program last, so the next
report is looked for a few times before going to sleep. While nothing is registered with the reactor, the
sleep is waitpid(2) itself; else epoll_wait(2), which a signalfd(2) of SIGCHLD wakes.

waitpid(2) gives the latest born first. Of several tasks, all that have something to report are taken before
one of them goes on: else the busiest would keep the others waiting for ever.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net.tracer import binding

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor

LOOKS = 60  # about 40 us; on a single processor the program could not run meanwhile
TURN = 32  # reports after which the reactor is served in any case
_SFD_FLAGS = os.O_CLOEXEC | os.O_NONBLOCK
_MOST = 256  # reports taken at once
_SIGINFO = 128  # sizeof(struct signalfd_siginfo)
_signalfd = ctypes.CDLL(None, use_errno=True).signalfd


class Reports:
    """``next`` gives what the tasks of a run have to report."""

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._looks = LOOKS if len(os.sched_getaffinity(0)) > 1 else 0
        self._signals = -1  # the signalfd, once somebody uses the reactor
        self._ours = 0  # what is registered for this class itself
        self._since = 0  # reports since the reactor was served
        self._taken: deque[tuple[int, int]] = deque()

    def next(self, *, several: bool) -> tuple[int, int]:
        """``(tid, status)``; ChildProcessError when no task is left. ``several``: there is more than one."""
        if self._taken:
            return self._taken.popleft()
        report = self._next()
        if several:
            self._take_all()
        return report

    def _take_all(self) -> None:
        with suppress(ChildProcessError):
            while len(self._taken) < _MOST:
                tid, status = os.waitpid(-1, binding.WALL | os.WNOHANG)
                if not tid:
                    return
                self._taken.append((tid, status))

    def _next(self) -> tuple[int, int]:
        while True:
            beside = len(self._reactor) > self._ours
            if beside:
                self._since += 1
                if self._since >= TURN:
                    self._serve(0)
            for _ in range(max(self._looks, beside)):
                tid, status = os.waitpid(-1, binding.WALL | os.WNOHANG)
                if tid:
                    return tid, status
            if not beside:
                return os.waitpid(-1, binding.WALL)
            self._serve(None)

    def _serve(self, patience: float | None) -> None:
        self._since = 0
        if self._signals < 0:
            self._listen()
            patience = 0  # a report may have come before
        self._reactor.turn(patience)

    def _listen(self) -> None:
        """SIGCHLD is blocked in every thread of ours (``signals.pass_on``), or it would be lost."""
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        mask = ctypes.create_string_buffer(struct.pack("=Q", 1 << signal.SIGCHLD - 1), 128)
        self._signals = _signalfd(-1, mask, _SFD_FLAGS)
        if self._signals < 0:
            raise OSError(ctypes.get_errno(), "signalfd")
        self._ours = 1
        self._reactor.add(self._signals, select.EPOLLIN, lambda events: self._drain())

    def _drain(self) -> None:
        try:
            os.read(self._signals, _SIGINFO)
        except BlockingIOError:
            return
