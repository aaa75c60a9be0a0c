"""Threads as the notification engine knows them: by a pidfd of the thread, which cannot come to mean another
one.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import threading

from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer import memory
from ptrace_net.tracer.spawn import may_bind_privileged
from ptrace_net.tracer.tracee import PIDFD_THREAD, thread_group

_SYS_PIDFD_GETFD = 438
_MOST = 1024  # pidfds kept open

_getfd = ctypes.CDLL(None, use_errno=True).syscall
_getfd.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_uint)
_getfd.restype = ctypes.c_long


class Thread:
    """One thread of the run; implements ``syscalls.seam.Task``."""

    __slots__ = ("_pidfd", "fresh", "tid")

    def __init__(self, tid: int) -> None:
        self.tid = tid
        self._pidfd = os.pidfd_open(tid, PIDFD_THREAD)
        # The descriptor just installed, and ours of it: the program may have closed it again.
        self.fresh = (-1, -1)

    @property
    def tgid(self) -> int:
        return thread_group(self.tid)

    def is_alive(self) -> bool:
        try:
            signal.pidfd_send_signal(self._pidfd, 0)
        except OSError:
            return False
        return True

    def close(self) -> None:
        os.close(self._pidfd)

    def read(self, address: int, size: int) -> bytes:
        data = memory.read_checked(self.tid, address, size)
        if len(data) < size:
            raise Errno(errno.EFAULT)
        return data

    def read_up_to(self, address: int, size: int) -> bytes:
        return memory.read_checked(self.tid, address, size)

    def write(self, address: int, data: bytes) -> None:
        if data and not memory.write(self.tid, address, data):
            raise Errno(errno.EFAULT)

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        if not memory.write_two(self.tid, first, head, second, tail):
            raise Errno(errno.EFAULT)

    def socket_inode(self, fd: int) -> int:
        try:
            link = os.readlink(f"/proc/{self.tid}/fd/{fd}")
        except OSError:
            return 0
        return int(link[8:-1]) if link.startswith("socket:[") else 0

    def scratch(self, size: int) -> int:
        return 0  # the thread's registers are not known here

    def borrow(self, fd: int) -> int:
        if fd == self.fresh[0]:
            return os.dup(self.fresh[1])
        result: int = _getfd(_SYS_PIDFD_GETFD, self._pidfd, fd, 0)
        if result < 0:
            raise Errno(errno.EBADF)
        return result

    def may_bind_privileged(self) -> bool:
        return may_bind_privileged(self.tid)


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
        for tid in list(self._by_id)[:count]:
            self._by_id.pop(tid).close()


def has_thread_pidfds() -> bool:
    """Whether the kernel has PIDFD_THREAD."""
    try:
        os.close(os.pidfd_open(threading.get_native_id(), PIDFD_THREAD))
    except OSError:
        return False
    return True
