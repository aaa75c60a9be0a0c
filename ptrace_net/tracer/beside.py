"""What the notification engine serves beside its calls: the reactor, in a thread of its own.

The engine sleeps in the listener's ioctl, the shortest way to a call, on which the kernel wakes it on the
program's CPU. One of the two threads works at a time: the engine gives up ``lock`` for its sleep only.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.reactor import Reactor


class Beside:
    """Turns ``reactor`` whenever that has something to do; ``after()`` is called each time."""

    def __init__(self, reactor: Reactor, after: Callable[[], None], failed: Callable[[], None]) -> None:
        self.lock = threading.Lock()
        self._reactor, self._after, self._failed = reactor, after, failed
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ends = False

    def start(self) -> None:
        """From the thread that has the lock, and blocks all signals."""
        bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

        def ring() -> None:
            os.eventfd_write(bell, 1)

        def rung(_events: int) -> None:
            os.eventfd_read(bell)

        self._reactor.add(bell, select.EPOLLIN, rung)
        self._reactor.ring = ring
        self._thread.start()

    def end(self) -> None:
        """Let the thread go, and wait for it; without the lock."""
        if self._thread.is_alive():
            self._ends = True
            self._reactor.ring()
            self._thread.join()

    def _run(self) -> None:
        try:
            sleep = select.poll()
            sleep.register(self._reactor.fileno(), select.POLLIN)
            while not self._ends:
                with self.lock:
                    patience = self._reactor.patience()
                sleep.poll(patience)
                with self.lock:
                    self._reactor.turn(0)
                    self._after()
        except BaseException:  # the engine sleeps, and nobody else would tell
            sys.excepthook(*sys.exc_info())
            self._failed()
