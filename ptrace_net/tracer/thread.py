"""Threads as the notification engine knows them: by a pidfd of the thread, which never means another one."""

from __future__ import annotations

import errno
import os
import signal
import threading

from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer.task import PIDFD_THREAD, Task, duplicate, thread_group

_MOST = 1024  # pidfds kept open


class Thread(Task):
    """One thread of the run, held by its pidfd."""

    __slots__ = ("fresh", "pidfd", "waits")

    def __init__(self, tid: int) -> None:
        super().__init__(tid)
        self.pidfd = os.pidfd_open(tid, PIDFD_THREAD)
        # The descriptor just installed, and ours of it: the program may have closed it again.
        self.fresh = (-1, -1)
        self.waits = False  # in a call: its pidfd is watched

    @property
    def tgid(self) -> int:
        return thread_group(self.tid)

    def is_alive(self) -> bool:
        try:
            signal.pidfd_send_signal(self.pidfd, 0)
        except OSError:
            return False
        return True

    def close(self) -> None:
        os.close(self.pidfd)

    def borrow(self, fd: int) -> int:
        if fd == self.fresh[0]:
            return os.dup(self.fresh[1])
        try:
            return duplicate(self.pidfd, fd)
        except OSError:
            raise Errno(errno.EBADF) from None


class Threads:
    """The threads that made calls lately, oldest first; a reused id is noticed."""

    def __init__(self) -> None:
        self._by_id: dict[int, Thread] = {}

    def get(self, tid: int) -> Thread:
        """Raises ProcessLookupError for a thread that is gone."""
        thread = self._by_id.get(tid)
        if thread is not None and thread.is_alive():
            return thread
        if thread is not None:
            thread.close()
        elif len(self._by_id) >= _MOST:
            self._shrink(_MOST // 2)
        self._by_id.pop(tid, None)
        thread = self._by_id[tid] = self._opened(tid)
        return thread

    def _opened(self, tid: int) -> Thread:
        try:
            return Thread(tid)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
        self._shrink(len(self._by_id))
        return Thread(tid)

    def all(self) -> list[Thread]:
        return [thread for thread in self._by_id.values() if thread.is_alive()]

    def _shrink(self, count: int) -> None:
        for tid in [tid for tid, thread in self._by_id.items() if not thread.waits][:count]:
            self._by_id.pop(tid).close()


def has_thread_pidfds() -> bool:
    """Whether the kernel has PIDFD_THREAD."""
    try:
        os.close(os.pidfd_open(threading.get_native_id(), PIDFD_THREAD))
    except OSError:
        return False
    return True
