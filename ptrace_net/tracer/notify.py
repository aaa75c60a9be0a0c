"""The notification engine: calls arrive through seccomp user notification descriptors, without ptrace.

One round trip per call. A call that must wait keeps its notification until it can go on; a signal makes the
kernel withdraw it, and the program issues the call again or sees EINTR as it would natively. The engine
sleeps in the ioctl of one listener; other listeners and all else are served beside it.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.arch import SOCKETCALL
from ptrace_net.reactor import Reactor
from ptrace_net.tracer import descendants, notification
from ptrace_net.tracer.answering import WITHDRAWN, Answering
from ptrace_net.tracer.beside import Beside
from ptrace_net.tracer.decode import Decoder
from ptrace_net.tracer.mending import Mail, Order
from ptrace_net.tracer.task import duplicate
from ptrace_net.tracer.thread import watch

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Answer, Call, Task
    from ptrace_net.tracer.escort import Escort

_ERESTARTNOINTR = 513  # linux/errno.h: the call is made again whatever the handler's flags
# What the kernel itself may have interrupted, where it was left to it: all else ends at once.
_SLEEPS_NATIVELY = frozenset(
    ("connect", "send", "sendto", "sendmsg", "sendmmsg", "open", "openat", "openat2", "ioctl")
)
_MAY_SLEEP = ("accept", "accept4", "recv", "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64")
# It matters to them which sockets are open. A killed thread has what it waited with until its end is seen;
# natively not, once its parent knows.
_LOOK_AROUND = frozenset(("connect", "bind", "listen"))
_TCP_CLOSE = b"\7"
_STOPPED = 5.0  # seconds within which the escort stops threads, on the busiest machine


class Attended(NamedTuple):
    """What the engine knows of a listener."""

    above: int
    ended: Callable[[], None] | None


class NotifyEngine(Answering):
    """Serves the calls of a run; offers what ``run`` asks of an engine."""

    kind = "notify"

    def __init__(self, dispatch: Callable[[Call], Answer], arches: Iterable[Arch]) -> None:
        super().__init__(dispatch, Reactor())
        self.root = 0
        self.status = 0
        self.root_ended: Callable[[], None] = lambda: None
        self.escort: Escort | None = None  # ptrace beside it, which reaps then
        self._ended = False
        self._listeners: dict[int, Attended] = {}
        self._decoder = Decoder(arches)
        self._beside = Beside(self.reactor, self._waits.go_on_resumed, self.abandoned)
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
        self.reactor.add(listener, select.EPOLLIN, partial(self._called, listener))

    def hear_of_moves(self, escort: Escort, executed: Callable[[int], None]) -> None:
        """``escort`` is about to begin; ``executed(tid)`` is for whoever else wants to know."""

        def moved(tid: int) -> None:
            self._threads.moved(tid)
            executed(tid)

        escort.executed, escort.gone = moved, self._threads.moved
        self._threads.told_of_moves = True

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
        taken = thread is not None and (thread.call[3] & 0xFFFFFFFF, *thread.call[5:]) == call
        if thread is not None and taken:
            pending = self._waits.of(tid)
            if pending is not None and pending.identity == thread.call[0]:
                return None if pending.answer.restart else -errno.EINTR
        if name in _MAY_SLEEP:
            # It ends as the handler says: made again it might sleep, and the signal had come for nothing.
            # What was done for it already is kept for the next one.
            return None
        if thread is None or not taken or name not in _SLEEPS_NATIVELY:
            return -_ERESTARTNOINTR
        with self._passing:
            through = thread.through
        if through and name == "connect":
            through = _has_begun(tid, call[1])
        return None if through else -_ERESTARTNOINTR

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
        with self._beside.lock:
            heavy = self.reactor.heavy
            if not heavy:
                self._beside.start()
            while self._listeners:
                if not heavy:
                    self._serve_own()
                    continue
                self.reactor.turn()
                if self._waits.resumed:
                    self._waits.go_on_resumed()
        self._beside.end()
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
        if not events & select.EPOLLIN:
            self._leave(listener)
            return
        try:
            info = notification.receive(listener)
        except FileNotFoundError:
            self._missed(listener)
        else:
            self._serve(listener, info)

    def _leave(self, listener: int) -> None:
        self.reactor.remove(listener)
        ended = self._listeners.pop(listener).ended
        self._waits.leave(listener)
        os.close(listener)
        if ended is not None:
            ended()

    def _serve_own(self) -> None:
        """Take the calls of a listener of our own, one by one, and answer them; until one is missed."""
        listener, waits = next(iter(self._listeners)), self._waits
        acquire, release = self._beside.lock.acquire, self._beside.lock.release
        self.reactor.remove(listener)
        while listener in self._listeners:
            release()
            try:
                info = notification.receive(listener)
            except FileNotFoundError:
                info = ()
            finally:
                acquire()
            if info:
                self._serve(listener, info)
                if waits.resumed:
                    waits.go_on_resumed()
            else:
                self._missed(listener)

    def _missed(self, listener: int) -> None:
        """The thread was killed before its call was taken, or nobody is left."""
        if notification.is_deserted(listener):
            self._leave(listener)

    def _serve(self, listener: int, info: tuple[int, ...]) -> None:
        """Answer a call."""
        identity, tid = info[0], info[1]
        thread = self._threads.by_id.get(tid) or self._threads.get(tid)
        thread.begin(info)
        self._current, self._deadline = thread, None
        try:
            call = self._decoder.call(thread, info[3], info[5:])
            if call is None:
                self._let_through(listener, identity)
                return
            if call.name in _LOOK_AROUND and self._waits:
                self._threads.see_ends()
            answer = self._unsent.take(call) if self._unsent.by_thread else None
            if answer is None:
                answer = self.dispatch(call)
            if self._waits.resumed:
                # Whom this call wakes goes on first. When this thread then looks for what the other one did,
                # that is there: it need not sleep, and nobody is woken on another CPU.
                self._waits.go_on_resumed()
                self._current, self._deadline = thread, None
            self._carry[type(answer)](listener, identity, call, answer)
        except WITHDRAWN:
            thread.release()  # withdrawn by a signal, and it comes again; or the thread was killed


def _has_begun(tid: int, fd: int) -> bool:
    """Whether the kernel has seen a connect(2) that was left to it: a signal in the moment of that answer
    takes the call back all the same (seccomp_do_user_notification). Such a socket is TCP_CLOSE still.
    """
    try:
        pidfd = watch(tid)
        try:
            with socket.socket(fileno=duplicate(pidfd, fd)) as handle:
                return handle.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1) != _TCP_CLOSE
        finally:
            os.close(pidfd)
    except OSError:
        return True  # no TCP: what it does, it does at once
