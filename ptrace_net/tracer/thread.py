"""Threads as the notification engine knows them: by a pidfd of the thread, which never means another one."""

from __future__ import annotations

import errno
import os
import select
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ptrace_net.reactor import EPOLLIN
from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer import memory
from ptrace_net.tracer.task import PIDFD_THREAD, Task, duplicate, thread_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.reactor import Reactor

_MOST_OPEN: Final = 128  # pidfds kept open
# Addresses above those of any program, in either word size.
_BEYOND: Final = 0x7FFF000000000000
_BEYOND_32: Final = 0xFFFFF000
_PAGE: Final = 4096
_S_IFMT: Final = 0o170000
_S_IFSOCK: Final = 0o140000
_64BIT: Final = 0x80000000 << 32  # __AUDIT_ARCH_64BIT, in a call's code
_fstat: Final = os.fstat
_close: Final = os.close
_MOST = 4096  # threads remembered
_OFTEN: Final = 8  # reads, after which the next are made by a descriptor


class Thread(Task):
    """One thread of the run. It was alive when its call was received; an id that is used again is noticed by
    its pidfd.
    """

    __slots__ = (
        "_aside",
        "_held_fd",
        "_mem",
        "_reads",
        "_registered",
        "_threads",
        "call",
        "fresh",
        "handle",
        "home",
        "moved",
        "pidfd",
        "through",
        "watched",
    )

    def __init__(self, tid: int, threads: Threads) -> None:
        super().__init__(tid)
        self._threads = threads
        self.pidfd = -1
        # The descriptor just installed, and ours of it: the program may have closed it again.
        self.fresh = (-1, -1)
        self.call: tuple[int, ...] = ()  # the notification of its latest one
        self.through = False  # that was left to the kernel
        self.watched = False  # whether it waits
        self._registered = False  # its pidfd, since it waited first
        self.home: bool | None = None  # in our network namespace; None where nobody has looked
        self._mem, self._reads = -1, 0  # a descriptor of its memory, once it has been read often
        self.moved = False  # to another address space (execve(2)), or gone
        self._aside: tuple[int, bytearray] | None = None
        self._held_fd = self.handle = -1  # its descriptor that the call is about, and ours of it

    def begin(self, call: tuple[int, ...]) -> None:
        """A call has been received."""
        self.call, self.through, self._aside = call, False, None
        if self.handle >= 0:
            self.release()

    def socket_inode(self, fd: int) -> int:
        """The duplicate that this takes serves for what else the call does with ``fd``."""
        if self.handle < 0 or fd != self._held_fd:
            if self.handle >= 0:
                self.release()
            try:
                self.handle = self._duplicated(fd)
            except Errno:
                return 0
            self._held_fd = fd
        mode, inode = _fstat(self.handle)[:2]
        return inode if mode & _S_IFMT == _S_IFSOCK else 0

    def release(self) -> None:
        """The call is about to go on: the program alone has its descriptors."""
        if self.handle >= 0:
            _close(self.handle)
            self._held_fd = self.handle = -1

    def held(self, fd: int) -> int:
        return self.handle if fd == self._held_fd else -1

    def take_held(self, fd: int) -> int:
        """The duplicate of ``fd`` that the call has taken, to be closed; another one where it has taken none.
        Raises ``Errno(EBADF)``.
        """
        if self.handle < 0 or fd != self._held_fd:
            return self._duplicated(fd)
        held, self.handle, self._held_fd = self.handle, -1, -1
        return held

    def hold(self, fd: int, handle: int) -> None:
        """The call goes on, with ``handle`` for its ``fd``, whatever that has become meanwhile: so does a
        call that sleeps in the kernel.
        """
        self.release()
        self._held_fd, self.handle = fd, handle

    def scratch(self, size: int) -> int:
        """Memory of ours at an address that no program can have: what reads and writes it is here too."""
        base = _BEYOND if self.call[3] & _64BIT else _BEYOND_32
        self._aside = base, bytearray(min(size, _PAGE))
        return base

    def read_up_to(self, address: int, size: int) -> bytes:
        if self._aside is not None:
            aside = self._inside(address)
            if aside is not None:
                return bytes(aside[:size])
        if self._mem >= 0 and not self.moved:
            return memory.read(self.tid, self._mem, address, size)
        if self._threads.told_of_moves:
            self._reads += 1
            if self._reads > _OFTEN:
                self._open_memory()
        return memory.read_checked(self.tid, address, size)

    def _open_memory(self) -> None:
        """For the next read. Only beside a pidfd: few are open."""
        self._reads = 0
        self._close_memory()
        if self.pidfd >= 0:
            self.moved = False
            with suppress(OSError):
                self._mem = os.open(f"/proc/{self.tid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def _close_memory(self) -> None:
        if self._mem >= 0:
            os.close(self._mem)
            self._mem = -1

    def write(self, address: int, data: bytes) -> None:
        aside = self._inside(address)
        if aside is None:
            super().write(address, data)
        else:
            aside[: len(data)] = data

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        if self._aside is None:
            super().write_two(first, head, second, tail)
        else:
            self.write(first, head)
            self.write(second, tail)

    def _inside(self, address: int) -> memoryview | None:
        if self._aside is None:
            return None
        offset = address - self._aside[0]
        return memoryview(self._aside[1])[offset:] if 0 <= offset < len(self._aside[1]) else None

    @property
    def tgid(self) -> int:
        return thread_group(self.tid)

    def borrow(self, fd: int) -> int:
        if self.handle >= 0 and fd == self._held_fd:
            return os.dup(self.handle)
        return self._duplicated(fd)

    def _duplicated(self, fd: int) -> int:
        if 0 <= fd == self.fresh[0]:
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

    def watch(self, *, proven: bool) -> None:
        """See to it that its end is noticed; ``proven``: something was borrowed by the pidfd in this call."""
        if self.pidfd < 0 or not proven:
            self.close()
            self._threads.open(self)
        self.watched = True
        if not self._registered:
            self._registered = True
            self._threads.reactor.add(self.pidfd, EPOLLIN, self.has_ended)
            self._threads.watch(self)

    def has_ended(self, events: int) -> None:
        self.close()
        self._threads.ended(self)

    def close(self) -> None:
        if self._registered:
            self._registered = False
            self._threads.reactor.remove(self.pidfd)
            self._threads.leave(self)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        self._close_memory()


class Threads:
    """The threads that made calls lately, oldest first; ``ended(thread)`` is called for those that waited."""

    def __init__(self, reactor: Reactor, ended: Callable[[Thread], None]) -> None:
        self.reactor, self.ended = reactor, ended
        self.told_of_moves = False
        self.by_id: dict[int, Thread] = {}
        self._open: list[Thread] = []  # some may be closed again
        self._ends = select.epoll()  # of those that have waited, by pidfd
        self._by_pidfd: dict[int, Thread] = {}

    def get(self, tid: int) -> Thread:
        thread = self.by_id.get(tid)
        if thread is None:
            if len(self.by_id) >= _MOST:
                for each in [tid for tid, old in self.by_id.items() if not old.watched][: _MOST // 2]:
                    self.by_id.pop(each).close()
            thread = self.by_id[tid] = Thread(tid, self)
        return thread

    def moved(self, tid: int) -> None:
        """The thread has executed a program, or is gone. From any thread of ours: it makes no call now."""
        thread = self.by_id.get(tid)
        if thread is not None:
            thread.moved = True

    def known(self, tid: int) -> Thread | None:
        return self.by_id.get(tid)

    def all(self) -> list[Thread]:
        return [thread for tid, thread in list(self.by_id.items()) if os.path.exists(f"/proc/{tid}")]

    def watch(self, thread: Thread) -> None:
        self._by_pidfd[thread.pidfd] = thread
        self._ends.register(thread.pidfd, EPOLLIN)

    def leave(self, thread: Thread) -> None:
        self._ends.unregister(thread.pidfd)
        del self._by_pidfd[thread.pidfd]

    def see_ends(self) -> None:
        """Now, not when the reactor has its turn."""
        for pidfd, events in self._ends.poll(0):
            self._by_pidfd[pidfd].has_ended(events)

    def open(self, thread: Thread) -> int:
        """A pidfd for ``thread``, one of few; raises OSError."""
        if len(self._open) >= _MOST_OPEN:
            self._close_some()
        try:
            thread.pidfd = watch(thread.tid)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise
            self._close_some()
            thread.pidfd = watch(thread.tid)
        self._open.append(thread)
        return thread.pidfd


    def _close_some(self) -> None:
        """All but those that are watched; few are open at any time."""
        former, self._open = self._open, []
        for thread in former:
            if thread.watched:
                self._open.append(thread)
            else:
                thread.close()


def watch(tid: int) -> int:
    """A pidfd of a thread, which can be polled for its end; OSError where the kernel has no PIDFD_THREAD."""
    return os.pidfd_open(tid, PIDFD_THREAD)


def own_pidfd() -> int:
    """One of the calling thread."""
    return watch(threading.get_native_id())
