"""Threads as the notification engine knows them: by a pidfd of the thread, which never means another one."""

from __future__ import annotations

import errno
import os
import threading
from collections import deque

from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer.task import PIDFD_THREAD, Task, duplicate, thread_group

_MOST_OPEN = 32  # pidfds kept open
_MOST = 4096  # threads remembered


class Thread(Task):
    """One thread of the run. It was alive when its call was received; an id that is used again is noticed by
    its pidfd.
    """

    __slots__ = ("_threads", "call", "fresh", "pidfd", "through")

    def __init__(self, tid: int, threads: Threads) -> None:
        super().__init__(tid)
        self._threads = threads
        self.pidfd = -1
        # The descriptor just installed, and ours of it: the program may have closed it again.
        self.fresh = (-1, -1)
        self.call: tuple[int, ...] = ()  # the notification of its latest one
        self.through = False  # that was left to the kernel

    @property
    def tgid(self) -> int:
        return thread_group(self.tid)

    def borrow(self, fd: int) -> int:
        if fd == self.fresh[0]:
            return os.dup(self.fresh[1])
        if self.pidfd >= 0:
            try:
                return duplicate(self.pidfd, fd)
            except OSError as error:
                if error.errno != errno.ESRCH:
                    raise Errno(errno.EBADF) from None
                self.close()  # of another thread, which had this id
        try:
            return duplicate(self._threads.open(self), fd)
        except OSError:
            raise Errno(errno.EBADF) from None

    def close(self) -> None:
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


class Threads:
    """The threads that made calls lately, oldest first."""

    def __init__(self) -> None:
        self._by_id: dict[int, Thread] = {}
        self._open: deque[Thread] = deque()  # some may be closed again

    def get(self, tid: int) -> Thread:
        thread = self._by_id.get(tid)
        if thread is None:
            if len(self._by_id) >= _MOST:
                for each in list(self._by_id)[: _MOST // 2]:
                    self._by_id.pop(each).close()
            thread = self._by_id[tid] = Thread(tid, self)
        return thread

    def known(self, tid: int) -> Thread | None:
        return self._by_id.get(tid)

    def all(self) -> list[Thread]:
        return [thread for tid, thread in list(self._by_id.items()) if os.path.exists(f"/proc/{tid}")]

    def open(self, thread: Thread) -> int:
        """A pidfd for ``thread``, one of few; raises OSError."""
        while len(self._open) >= _MOST_OPEN:
            self._open.popleft().close()
        try:
            thread.pidfd = watch(thread.tid)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            while self._open:
                self._open.popleft().close()
            thread.pidfd = watch(thread.tid)
        self._open.append(thread)
        return thread.pidfd


def watch(tid: int) -> int:
    """A pidfd of a thread, which can be polled for its end; OSError where the kernel has no PIDFD_THREAD."""
    return os.pidfd_open(tid, PIDFD_THREAD)


def own_pidfd() -> int:
    """One of the calling thread."""
    return watch(threading.get_native_id())
