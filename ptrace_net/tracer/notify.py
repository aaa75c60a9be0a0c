"""The notification engine: calls arrive through seccomp user notification descriptors, without ptrace.

One round trip per call. A call that must wait keeps its notification until it can go on; a signal makes the
kernel withdraw it, and the program issues the call again or sees EINTR as it would natively. While there is
one listener and nothing else to serve, the engine sleeps in the listener's own ioctl.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.arch import SOCKETCALL
from ptrace_net.reactor import Reactor
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Give, Native, Park, Replace, Return, Wait
from ptrace_net.tracer import descendants, notification
from ptrace_net.tracer.decode import Decoder
from ptrace_net.tracer.mending import Mail, Order
from ptrace_net.tracer.notify_waits import Pending, Waits
from ptrace_net.tracer.perform import PERFORM, Blocked
from ptrace_net.tracer.task import share_blocking
from ptrace_net.tracer.thread import Thread, Threads
from ptrace_net.tracer.unsent import Unsent

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.tracer.escort import Escort

_ERESTARTNOINTR = 513  # linux/errno.h: the call is made again whatever the handler's flags
_WITHDRAWN = (FileNotFoundError, ProcessLookupError)  # before ADDFD began, or in the middle of it
_MAY_SLEEP = ("accept", "accept4", "recvfrom", "recvmsg", "recvmmsg")
_STOPPED = 5.0  # seconds within which the escort stops threads, on the busiest machine
_TICK = 0.1  # seconds after which a withdrawn wait is noticed at the latest


class Attended(NamedTuple):
    """What the engine knows of a listener."""

    above: int
    ended: Callable[[], None] | None


class NotifyEngine:
    """Serves the calls of a run; offers what ``run`` asks of an engine."""

    kind = "notify"

    def __init__(self, dispatch: Callable[[Call], Answer], arches: Iterable[Arch]) -> None:
        self.dispatch = dispatch
        self.root = 0
        self.status = 0
        self.root_ended: Callable[[], None] = lambda: None
        self.reactor = Reactor()
        self.escort: Escort | None = None  # ptrace beside it, which reaps then
        self._ended = False
        self._passing = threading.Lock()
        self._listeners: dict[int, Attended] = {}
        self._decoder = Decoder(arches)
        self._threads = Threads(self.reactor, lambda thread: self._waits.ended(thread))
        self._current = Thread(0, self._threads)  # whose call is being answered
        self._deadline: float | None = None  # of that call, where it has waited before
        self._waits = Waits(self.reactor, self._again, self._expired)
        self._unsent = Unsent()
        self._sweeping = False
        self._mail: Mail | None = None  # from the escort

    # What run.py asks

    def attend(
        self, root: int, listener: int, ended: Callable[[], None] | None = None, *, above: int = 0
    ) -> None:
        """Serve ``listener`` too, the filter's of ``root`` and all below it; at any time, any number of them.

        The first one's root is the run's, whose status it gives. ``ended()`` is called when the last task of
        this listener has gone; the engine closes it then. The run ends with the last of them. ``above`` is
        the process that all tasks of this listener descend from, where it is not ours.
        """
        self.root = self.root or root
        notification.prepare(listener)
        self._listeners[listener] = Attended(above or os.getpid(), ended)
        self.reactor.add(listener, select.EPOLLIN, lambda events: self._called(listener, events))

    def abandoned(self) -> None:
        descendants.kill(os.getpid())
        os._exit(125)

    def root_is_alive(self) -> bool:
        return not self._ended

    def thread_groups(self) -> set[int]:
        """Those below us, and below the processes that stand above other commands."""
        above = {os.getpid(), *(attended.above for attended in list(self._listeners.values()))}
        groups = {pid for each in above for pid in descendants.of(each)}
        return groups if self.escort is None else groups | self.escort.thread_groups()

    def tasks(self) -> list[Task]:
        tasks: dict[int, Task] = {thread.tid: thread for thread in self._threads.all()}
        for tgid in self.thread_groups() - tasks.keys():
            tasks[tgid] = self._threads.get(tgid)
        return list(tasks.values())

    def withdrawn(self, tid: int, name: str, call: tuple[int, ...]) -> int | None:
        """The result instead of -ERESTARTSYS for ``call`` (its number and arguments), which the filter hands
        over and a signal interrupts; None to leave it. The escort asks, from its thread.
        """
        if name == "socketcall":
            name, _ = SOCKETCALL.get(call[1] & 0xFFFFFFFF, (name, 0))
        thread = self._threads.known(tid)
        taken = thread is not None and (thread.call[3:4] + thread.call[6:]) == call
        if thread is not None and taken:
            pending = self._waits.of(tid)
            if pending is not None and pending.identity == thread.call[0]:
                return None if pending.answer.restart else -errno.EINTR
        if name in _MAY_SLEEP:
            # It ends as the handler says: made again it might sleep, and the signal had come for nothing.
            # What was done for it already is kept for the next one.
            return None
        if thread is None or not taken:
            return -_ERESTARTNOINTR
        with self._passing:
            return None if thread.through else -_ERESTARTNOINTR

    def mend(
        self, inode: int, error: int, groups: Iterable[int], ready: Callable[[], None],
        told: Callable[[], None],
    ) -> bool:
        """Let the next ECONNRESET of a socket be another errno (``mending``): False without an escort."""
        if self.escort is None:
            return False
        waiting = [ready]

        def go_on() -> None:
            if waiting:
                waiting.pop()()

        self.reactor.call_at(time.monotonic() + _STOPPED, go_on)  # a thread in vfork(2) does not stop
        mail = self._mail = self._mail or Mail(self.reactor)
        self.escort.mend(Order(inode, error, groups, lambda: mail.post(go_on), told))
        return True

    def run(self) -> None:
        """Serve until no task of the run is left.

        No signal may reach this thread: one in the middle of ADDFD would answer the call without its
        descriptor.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        reaper = threading.Thread(target=self._reap, daemon=True)
        if self.escort is None:
            reaper.start()
        while self._listeners:
            if self._waits.resumed:
                self._waits.go_on_resumed()
            elif len(self.reactor) == 1 == len(self._listeners):
                self._next(next(iter(self._listeners)))
            else:
                self.reactor.turn()
        if self.escort is None:
            reaper.join()
        else:
            self.escort.join()

    def ended(self, status: int) -> None:
        """The first process has."""
        self.status, self._ended = status, True
        self.root_ended()

    def _reap(self) -> None:
        """Collect ended children, orphans of the run among them, until there are no more."""
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                return
            if pid == self.root:
                self.ended(status)

    # Calls

    def _called(self, listener: int, events: int) -> None:
        if events & select.EPOLLIN:
            self._next(listener)
        else:
            self._leave(listener)

    def _leave(self, listener: int) -> None:
        self.reactor.remove(listener)
        ended = self._listeners.pop(listener).ended
        self._waits.leave(listener)
        os.close(listener)
        if ended is not None:
            ended()

    def _next(self, listener: int) -> None:
        """Take one call, waiting for it, and answer it."""
        try:
            info = notification.receive(listener)
        except FileNotFoundError:  # the thread was killed before its call was taken, or nobody is left
            if notification.is_deserted(listener):
                self._leave(listener)
            return
        identity, thread = info[0], self._threads.get(info[1])
        self._current, self._deadline = thread, None
        thread.begin(info)
        try:
            call = self._decoder.call(thread, (0, info[4], 0, 0, info[3], *info[6:]))
            if call is None:
                self._let_through(listener, identity)
                return
            answer = self._unsent.take(call) if self._unsent else None
            self._carry_out(listener, identity, call, self.dispatch(call) if answer is None else answer)
        except _WITHDRAWN:
            thread.release()  # withdrawn by a signal, and it comes again; or the thread was killed

    def _carry_out(self, listener: int, identity: int, call: Call, answer: Answer) -> None:
        if type(answer) is Return:
            self._answer(listener, identity, call, answer.value)
        elif type(answer) is Fail:
            self._answer(listener, identity, call, -answer.errno)
        elif isinstance(answer, Native):
            if answer.then is None and answer.name is None and answer.made is None:
                self._let_through(listener, identity)
            else:
                self._perform(listener, identity, call, answer)
        elif isinstance(answer, Replace):
            self._replace(listener, identity, call, answer)
        elif isinstance(answer, Give):
            self._install(listener, identity, call, answer)
        elif isinstance(answer, Wait | Park):
            self._wait(listener, identity, call, answer)

    def _let_through(self, listener: int, identity: int) -> None:
        self._current.release()
        with self._passing:  # the escort asks either before or after
            notification.let_through(listener, identity)
            self._current.through = True

    def _answer(self, listener: int, identity: int, call: Call, value: int) -> None:
        self._current.release()
        try:
            notification.answer(listener, identity, value)
        except FileNotFoundError:
            self._keep(call, Return(value))

    def _keep(self, call: Call, answer: Answer) -> None:
        self._unsent.keep(call, answer)
        self._sweep_later()

    def _perform(self, listener: int, identity: int, call: Call, native: Native) -> None:
        """The kernel's part of the call, done here, and then the handler's word on the result."""
        name, args = native.name or call.name, native.args if native.args is not None else call.args
        try:
            result = PERFORM[name](call, args)
        except Errno as error:
            result = -error.number
        except Blocked as blocked:
            self._wait(listener, identity, call, blocked.wait)
            return
        if isinstance(result, Give):
            self._install_new(listener, identity, call, native, result)
            return
        final = native.then(result) if native.then is not None else None
        self._carry_out(listener, identity, call, Return(result) if final is None else final)

    # Descriptors

    def _install_new(
        self, listener: int, identity: int, call: Call, native: Native, opened: Give
    ) -> None:
        if native.made is not None:
            try:
                handle = native.made(opened.handle)
            except Errno as error:
                os.close(opened.handle)
                self._answer(listener, identity, call, -error.number)
                return
            if handle != opened.handle:
                share_blocking(opened.handle, handle)
                os.close(opened.handle)
                opened = opened._replace(handle=handle)
        self._install(listener, identity, call, opened._replace(then=native.then))

    def _install(self, listener: int, identity: int, call: Call, opened: Give) -> None:
        """The descriptor goes in with the answer where no memory is to be written before."""
        then = opened.then
        at_once = then is None or call.name == "socket"
        thread = self._current
        thread.release()
        try:
            fd = notification.install(
                listener, identity, opened.handle, cloexec=opened.cloexec, answer=at_once
            )
        except _WITHDRAWN:
            self._keep(call, opened)
            return
        except OSError as error:
            os.close(opened.handle)
            self._answer(listener, identity, call, -(error.errno or errno.EMFILE))
            return
        thread.fresh = (fd, opened.handle)
        try:
            if then is not None:
                then(fd)
            if not at_once:
                self._answer(listener, identity, call, fd)
        finally:
            thread.fresh = (-1, -1)
            os.close(opened.handle)

    def _replace(self, listener: int, identity: int, call: Call, answer: Replace) -> None:
        try:
            cloexec = self._current.closes_on_exec(answer.fd)
            old = call.task.borrow(answer.fd)
            share_blocking(old, answer.handle)
            os.close(old)
            self._current.release()
            notification.put(listener, identity, answer.handle, answer.fd, cloexec=cloexec)
        except _WITHDRAWN:
            self._keep(call, answer)
            return
        except (Errno, OSError) as error:
            os.close(answer.handle)
            number = error.number if isinstance(error, Errno) else error.errno or errno.EBADF
            self._answer(listener, identity, call, -number)
            return
        os.close(answer.handle)
        self._carry_out(listener, identity, call, answer.answer)

    # Waiting

    def _wait(self, listener: int, identity: int, call: Call, answer: Wait | Park) -> None:
        thread = self._current
        withdrawn = self._waits.take(thread.tid)
        if withdrawn is not None and not withdrawn.answer.restart and withdrawn.call.args == call.args:
            # A signal withdrew it and the kernel restarted it: natively not with a timeout.
            self._answer(listener, identity, call, -errno.EINTR)
            return
        fd, handle = (answer.fd if isinstance(answer, Wait) else call.args[0]), -1
        try:
            if (isinstance(answer, Wait) and fd >= 0) or thread.held(fd) >= 0:
                handle = thread.take_held(fd)
        except Errno as error:
            self._answer(listener, identity, call, -error.number)
            return
        thread.release()
        self._waits.add(Pending(listener, identity, call, answer, thread, fd, handle), self._deadline)
        self._sweep_later()

    def _again(self, pending: Pending) -> None:
        """What the call waited for is there: it is dispatched once more, with what is left of its time."""
        self._current, self._deadline = pending.thread, pending.deadline
        if pending.handle >= 0:
            pending.thread.hold(pending.fd, pending.handle)
        try:
            self._carry_out(pending.listener, pending.identity, pending.call, self.dispatch(pending.call))
        except _WITHDRAWN:
            pending.thread.release()  # withdrawn in this moment, as in _next

    def _expired(self, pending: Pending) -> None:
        if pending.answer.expired is None:  # a delay, which is over
            pending.deadline = None
            self._again(pending)
            return
        self._current = pending.thread
        self._answer(pending.listener, pending.identity, pending.call, -pending.answer.expired)

    def _sweep_later(self) -> None:
        if not self._sweeping:
            self._sweeping = True
            self.reactor.call_at(time.monotonic() + _TICK, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = False
        self._waits.sweep()
        self._unsent.sweep()
        if self._waits or self._unsent:
            self._sweep_later()
