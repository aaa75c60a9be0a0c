"""The notification engine: calls arrive through a seccomp user notification descriptor, without ptrace.

One round trip per call. A call that must wait keeps its notification until the descriptor is ready; a signal
makes the kernel withdraw it, and the program issues the call again or sees EINTR as it would natively.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Native, Return, Wait
from ptrace_net.tracer import descendants, notification
from ptrace_net.tracer.decode import Decoder
from ptrace_net.tracer.perform import PERFORM, Blocked, Opened
from ptrace_net.tracer.thread import Thread, Threads

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task

_TICK = 0.5  # seconds after which a withdrawn wait is noticed at the latest


class Pending:
    """A call that waits, with the duplicate that is polled for it."""

    __slots__ = ("call", "deadline", "expired", "handle", "identity", "restart", "tid")

    def __init__(self, identity: int, tid: int, call: Call, wait: Wait, handle: int) -> None:
        self.identity, self.tid, self.call, self.handle = identity, tid, call, handle
        self.deadline = None if wait.timeout is None else time.monotonic() + wait.timeout
        self.expired, self.restart = wait.expired, wait.restart


class NotifyEngine:
    """Serves the calls of a run; offers what ``run`` asks of an engine."""

    def __init__(self, dispatch: Callable[[Call], Answer], arches: Iterable[Arch]) -> None:
        self.dispatch = dispatch
        self.root = 0
        self.status = 0
        self._ended = self._over = False
        self._listener = -1
        self._decoder = Decoder(arches)
        self._threads = Threads()
        self._waiting: dict[int, Pending] = {}  # by our descriptor
        self._waiting_threads: dict[int, Pending] = {}  # the same by thread
        self._poll = select.epoll()
        # Results that a signal kept from their call: tid -> (call, result).
        self._unsent: dict[int, tuple[tuple[object, ...], int]] = {}

    # What run.py asks

    def attend(self, root: int, listener: int) -> None:
        self.root, self._listener = root, listener
        notification.prepare(listener)
        self._poll.register(listener, select.EPOLLIN)

    def abandoned(self) -> None:
        descendants.kill(os.getpid())
        os._exit(125)

    def root_is_alive(self) -> bool:
        return not self._ended

    def thread_groups(self) -> set[int]:
        return set(descendants.of(os.getpid()))

    def run(self) -> None:
        """Serve until no process of the run is left.

        No signal may reach this thread: one in the middle of ADDFD would answer the call without its
        descriptor.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        reaper = threading.Thread(target=self._reap, daemon=True)
        reaper.start()
        while not self._over and not self._serve():
            continue
        reaper.join()

    def _reap(self) -> None:
        """Collect ended children, orphans of the run among them, until there are no more."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            if pid == self.root:
                self.status, self._ended = status, True
        self._over = True

    def _serve(self) -> bool:
        """Deal with the next call or wake-up; True when nobody is left to make one."""
        if not self._waiting:
            return self._next()
        over = False
        deadlines = [each.deadline for each in self._waiting.values() if each.deadline is not None]
        patience = min([_TICK, *(max(deadline - time.monotonic(), 0) for deadline in deadlines)])
        for descriptor, _ in self._poll.poll(patience):
            if descriptor == self._listener:
                over = self._next()
            elif descriptor in self._waiting:
                self._retry(self._waiting[descriptor])
        self._sweep()
        return over

    # Calls

    def _next(self) -> bool:
        """Take one call and answer it; True when the last task has gone."""
        try:
            info = notification.receive(self._listener)
        except FileNotFoundError:  # the thread was killed before its call was taken, or nobody is left
            return any(events & select.EPOLLHUP for fd, events in self._poll.poll(0) if fd == self._listener)
        identity = info[0]
        try:
            thread = self._threads.get(info[1])
            call = self._decoder.call(thread, (0, info[4], 0, 0, info[3], *info[6:]))
            if call is None:
                notification.let_through(self._listener, identity)
            elif not self._unsent or not self._resend(identity, call):
                self._carry_out(identity, call, self.dispatch(call))
        except (FileNotFoundError, ProcessLookupError):
            pass  # withdrawn by a signal, and it comes again; or the thread was killed
        return False

    def _carry_out(self, identity: int, call: Call, answer: Answer) -> None:
        if type(answer) is Return:
            self._answer(identity, call, answer.value)
        elif type(answer) is Fail:
            self._answer(identity, call, -answer.errno)
        elif type(answer) is Wait:
            self._wait(identity, call, answer)
        elif type(answer) is Native:
            if answer.then is None and answer.name is None:
                notification.let_through(self._listener, identity)
            else:
                self._perform(identity, call, answer)

    def _answer(self, identity: int, call: Call, value: int) -> None:
        try:
            notification.answer(self._listener, identity, value)
        except FileNotFoundError:
            # It has happened, but the program does not know: told when the same call comes again.
            self._unsent[call.task.tid] = ((call.name, call.args), value)

    def _resend(self, identity: int, call: Call) -> bool:
        made, value = self._unsent.pop(call.task.tid, (None, 0))
        if made != (call.name, call.args):
            return False
        self._answer(identity, call, value)
        return True

    def _perform(self, identity: int, call: Call, native: Native) -> None:
        """The kernel's part of the call, done here, and then the handler's word on the result."""
        name, args = native.name or call.name, native.args if native.args is not None else call.args
        try:
            result = PERFORM[name](call, args)
        except Errno as error:
            result = -error.number
        except Blocked as blocked:
            self._wait(identity, call, blocked.wait)
            return
        if isinstance(result, Opened):
            self._install(identity, self._threads.get(call.task.tid), call, native, result)
            return
        final = native.then(result) if native.then is not None else None
        self._carry_out(identity, call, Return(result) if final is None else final)

    def _install(self, identity: int, thread: Thread, call: Call, native: Native, opened: Opened) -> None:
        """The descriptor goes in with the answer where no memory is to be written before."""
        at_once = call.name == "socket"
        try:
            fd = notification.install(
                self._listener, identity, opened.handle, cloexec=opened.cloexec, answer=at_once
            )
            thread.fresh = (fd, opened.handle)
            if native.then is not None:
                native.then(fd)
            if not at_once:
                self._answer(identity, call, fd)
        except FileNotFoundError:
            return
        except OSError as error:
            self._answer(identity, call, -(error.errno or 24))
        finally:
            thread.fresh = (-1, -1)
            os.close(opened.handle)

    # Waiting

    def _wait(self, identity: int, call: Call, wait: Wait) -> None:
        try:
            handle = call.task.borrow(wait.fd)
        except Errno as error:
            self._answer(identity, call, -error.number)
            return
        withdrawn = self._waiting_threads.get(call.task.tid)
        if withdrawn is not None:
            self._drop(withdrawn)
            if not withdrawn.restart and withdrawn.call.args == call.args:
                # A signal withdrew it and the kernel restarted it: natively not with a timeout.
                os.close(handle)
                self._answer(identity, call, -errno.EINTR)
                return
        pending = Pending(identity, call.task.tid, call, wait, handle)
        self._waiting[handle] = self._waiting_threads[pending.tid] = pending
        self._poll.register(handle, wait.events | select.EPOLLONESHOT)

    def _retry(self, pending: Pending) -> None:
        self._drop(pending)
        if not notification.is_valid(self._listener, pending.identity):
            return
        try:
            self._carry_out(pending.identity, pending.call, self.dispatch(pending.call))
        except (FileNotFoundError, ProcessLookupError):
            return  # withdrawn in this moment, as in _next

    def _drop(self, *pending: Pending) -> None:
        for each in pending:
            del self._waiting[each.handle], self._waiting_threads[each.tid]
            self._poll.unregister(each.handle)
            os.close(each.handle)

    def _sweep(self) -> None:
        """End waits whose time is up, and forget those whose thread is gone."""
        now = time.monotonic()
        for pending in list(self._waiting.values()):
            if not notification.is_valid(self._listener, pending.identity):
                self._drop(pending)
            elif pending.deadline is not None and now >= pending.deadline:
                self._drop(pending)
                self._answer(pending.identity, pending.call, -pending.expired)

    def tasks(self) -> list[Task]:
        return list(self._threads.all())
