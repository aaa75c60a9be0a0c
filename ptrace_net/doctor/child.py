"""Children in which something is tried that cannot be undone, or that are looked into."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

SECONDS = 5  # after which a child is ended


def status_of(act: Callable[[], int]) -> int:
    """The exit status of a child that does ``act()``; 255 where that raises or takes too long."""
    pid = os.fork()
    if pid == 0:
        _act(act)
    status = os.waitpid(pid, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 255


@contextmanager
def child(act: Callable[[], int]) -> Iterator[int]:
    """A child that does ``act()``, by its process id; it is ended with the block."""
    pid = os.fork()
    if pid == 0:
        _act(act)
    try:
        yield pid
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)


def _act(act: Callable[[], int]) -> None:
    status = 255
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        status = act()
    finally:
        os._exit(status)


def sleep() -> int:
    """What a child that is looked into does."""
    signal.pause()
    return 0
