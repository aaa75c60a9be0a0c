"""ECONNRESET that a program shall get as another errno.

read(2) of a connection that broke without an answer gives ETIMEDOUT, or what an ICMP error said, and so does
write(2). The AF_UNIX socket in its place has ECONNRESET for all of that, and EPIPE with SIGPIPE for whoever
writes; neither call is intercepted. Such a break is rare: the threads of the processes that have the socket
are stopped for a moment, and go from system call to system call (PTRACE_SYSCALL) until one of them has been
given the error, or a while has passed.

Everything but ``order`` belongs to the thread that traces.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ptrace_net.tracer import binding
from ptrace_net.tracer.task import thread_group

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor
    from ptrace_net.tracer.registers import Machine

PATIENCE = 30.0  # seconds after which a program will not read any more
_ERESTARTNOINTR = 513  # linux/errno.h
_FOR_EVER = 0xFFFFFFFF
_EPOLL_WAITS = (232, 281)  # epoll_wait, epoll_pwait of x86-64, where ``interrupted`` can tell
_RECEIVES = (0, 19, 45, 47)  # read, readv, recvfrom, recvmsg


class Order:
    """One socket; ``ready()`` is called once no thread can read it unseen, ``told()`` when one has."""

    __slots__ = ("error", "groups", "inode", "pending", "ready", "told", "until")

    def __init__(
        self, inode: int, error: int, groups: Iterable[int], ready: Callable[[], None],
        told: Callable[[], None],
    ) -> None:  # fmt: skip
        self.inode, self.error, self.groups = inode, error, frozenset(groups)
        self.ready, self.told = ready, told
        self.pending: set[int] = set()  # threads that have not stopped yet
        self.until = time.monotonic() + PATIENCE


class Mail:
    """Calls that another thread wants made in the engine's."""

    def __init__(self, reactor: Reactor) -> None:
        self._posted: deque[Callable[[], None]] = deque()
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        reactor.add(self._bell, select.EPOLLIN, self._open)

    def post(self, callback: Callable[[], None]) -> None:
        self._posted.append(callback)
        os.eventfd_write(self._bell, 1)

    def _open(self, _events: int) -> None:
        os.eventfd_read(self._bell)
        while self._posted:
            self._posted.popleft()()


class Mending:
    """The engine asks ``follows`` how to resume a thread, and tells of its stops and of its end."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._orders: deque[Order] = deque()
        self._known: dict[int, Order] = {}
        self._groups: frozenset[int] = frozenset()
        self._files: dict[int, int] = {}  # the first argument of the call that a thread is in
        self._pipes: set[int] = set()  # threads to whom SIGPIPE is on its way that they shall not have

    def order(self, order: Order) -> None:
        """From any thread; ``begin`` does it."""
        self._orders.append(order)

    def begin(self) -> None:
        """Stop the threads that new orders concern."""
        while self._orders:
            order = self._orders.popleft()
            self._known[order.inode] = order
            self._regroup()
            order.pending = {tid for group in order.groups for tid in _threads(group) if _interrupt(tid)}
            if not order.pending:
                order.ready()

    @property
    def pending(self) -> bool:
        """Whether threads are waited for, or a socket's time may be over."""
        return bool(self._known)

    def follows(self, tid: int) -> bool:
        """Whether the thread has to stop at its next call."""
        return bool(self._groups) and thread_group(tid) in self._groups

    def stopped(self, tid: int, *, interrupted: bool = False) -> None:
        """The thread has stopped, or is gone; ``interrupted``: at a PTRACE_EVENT_STOP."""
        for order in list(self._known.values()):
            if tid in order.pending:
                if interrupted:
                    self._spare(tid)
                order.pending.remove(tid)
                if not order.pending:
                    order.ready()
            if order.until < time.monotonic():
                self._drop(order)

    def gone(self, tid: int) -> None:
        self._files.pop(tid, None)
        self._pipes.discard(tid)
        self.stopped(tid)

    def entered(self, tid: int, info: tuple[int, ...]) -> None:
        """``info`` is what ``binding.syscall_entry`` says at the entry of a call."""
        self._files[tid] = info[5]
        self._pipes.discard(tid)

    def left(self, tid: int, result: int) -> None:
        """The exit of a call. Where a write has told, what reads afterwards is at the end of the stream."""
        fd = self._files.pop(tid, -1)
        if result not in (-errno.ECONNRESET, -errno.EPIPE) or not self._known:
            return
        order = self._known.get(_socket(tid, fd))
        if order is None:
            return
        error, order.error = order.error, 0
        if result == -errno.ECONNRESET:
            self._machine.set_result(tid, -error)
            self._drop(order)
        elif error:
            self._machine.set_result(tid, -error)
            self._pipes.add(tid)
        if error:
            order.told()  # the program goes on afterwards

    def is_signalled(self, tid: int, number: int) -> bool:
        """Whether the thread shall have this signal: not SIGPIPE where it gets another errno than EPIPE."""
        return number != signal.SIGPIPE or tid not in self._pipes

    def forked(self, parent: int, child: int) -> None:
        """``child`` has all that ``parent`` has; it may be running already."""
        if self.follows(parent):
            group = thread_group(parent)
            for order in self._known.values():
                if group in order.groups:
                    order.groups |= {child}
            self._regroup()
            _interrupt(child)

    def _spare(self, tid: int) -> None:
        """epoll_wait(2) says EINTR to any interruption, recv(2) where SO_RCVTIMEO is set: they are made
        again, unless epoll_wait would wait too long then.
        """
        audit = binding.syscall_entry(tid)[1]
        call = self._machine.interrupted(tid, audit, errno.EINTR)
        if call is None:
            return
        if call[0] in _RECEIVES or (call[0] in _EPOLL_WAITS and call[4] & 0xFFFFFFFF == _FOR_EVER):
            self._machine.set_result(tid, -_ERESTARTNOINTR)

    def _drop(self, order: Order) -> None:
        if self._known.get(order.inode) is order:
            del self._known[order.inode]
            self._regroup()

    def _regroup(self) -> None:
        self._groups = frozenset(group for order in self._known.values() for group in order.groups)
        if not self._groups:
            self._files.clear()
            self._pipes.clear()


def _threads(group: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{group}/task")]
    except OSError:
        return []


def _interrupt(tid: int) -> bool:
    try:
        binding.request(binding.PTRACE_INTERRUPT, tid)
    except OSError:  # gone, or not ours
        return False
    return True


def _socket(tid: int, fd: int) -> int:
    """The inode of the socket behind ``fd``, or 0."""
    try:
        found = os.stat(f"/proc/{tid}/fd/{fd & 0xFFFFFFFF}")
    except OSError:
        return 0
    return found.st_ino if stat.S_ISSOCK(found.st_mode) else 0
