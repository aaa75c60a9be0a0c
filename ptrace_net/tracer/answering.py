"""How the answers of handlers are carried out on a notification: results, descriptors, waits."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ptrace_net import placement
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Give, Native, Park, Replace, Return, Wait
from ptrace_net.tracer import notification
from ptrace_net.tracer.notify_waits import Pending, Waits
from ptrace_net.tracer.perform import PERFORM, Blocked
from ptrace_net.tracer.task import share_blocking
from ptrace_net.tracer.thread import Thread, Threads
from ptrace_net.tracer.unsent import Unsent

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor

WITHDRAWN = (FileNotFoundError, ProcessLookupError)  # before ADDFD began, or in the middle of it
_TO_COME = 1 << 30  # a descriptor that the program has not got yet
_TICK = 0.1  # seconds after which a withdrawn wait is noticed at the latest


class Answering:
    """The part of the notification engine that has a call and its answer."""

    def __init__(self, dispatch: Callable[[Call], Answer], reactor: Reactor) -> None:
        self.dispatch = dispatch
        self.reactor = reactor
        self._passing = threading.Lock()
        self._threads = Threads(reactor, lambda thread: self._waits.ended(thread))
        self._current = Thread(0, self._threads)  # whose call is being answered
        self._deadline: float | None = None  # of that call, where it has waited before
        self._waits = Waits(reactor, self._again, self._expired)
        self._unsent = Unsent()
        self._sweeping = False
        # How each kind of answer is carried out: (listener, identity of the notification, call, answer).
        self._carry: dict[type[Any], Callable[[int, int, Call, Any], None]] = {
            Return: self._return,
            Fail: self._fail,
            Native: self._native,
            Give: self._install,
            Replace: self._replace,
            Wait: self._wait,
            Park: self._wait,
        }

    def _carry_out(self, listener: int, identity: int, call: Call, answer: Answer) -> None:
        self._carry[type(answer)](listener, identity, call, answer)

    def _return(self, listener: int, identity: int, call: Call, answer: Return) -> None:
        self._answer(listener, identity, call, answer.value)

    def _fail(self, listener: int, identity: int, call: Call, answer: Fail) -> None:
        self._answer(listener, identity, call, -answer.errno)

    def _native(self, listener: int, identity: int, call: Call, answer: Native) -> None:
        if answer.then is None and answer.name is None and answer.made is None:
            self._let_through(listener, identity)
        else:
            self._perform(listener, identity, call, answer)

    def _let_through(self, listener: int, identity: int) -> None:
        self._current.release()
        with self._passing:  # the escort asks either before or after
            notification.let_through(listener, identity)
            self._current.through = True

    def _answer(self, listener: int, identity: int, call: Call, value: int) -> None:
        if self._current.handle >= 0:
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
        else:
            handle = opened.handle
        self._install(listener, identity, call, Give(handle, opened.cloexec, native.then))

    def _install(self, listener: int, identity: int, call: Call, opened: Give) -> None:
        """The descriptor goes in with the answer, in one: an answer alone may be lost to a signal, and what
        has been accepted with it. What is written to memory is written before.
        """
        handle, then, thread = opened.handle, opened.then, self._current
        if thread.handle >= 0:
            thread.release()
        if then is not None and call.name != "socket":
            self._tell(thread, _TO_COME, opened)
            then = None
        brought = placement.bring(thread.tid)
        try:
            fd = notification.install(listener, identity, handle, cloexec=opened.cloexec, answer=True)
        except WITHDRAWN:
            self._keep(call, opened)
            return
        except OSError as error:
            os.close(handle)
            self._answer(listener, identity, call, -(error.errno or errno.EMFILE))
            return
        finally:
            if brought is not None:
                placement.release(thread.tid, brought)
        try:
            if then is not None:
                self._tell(thread, fd, opened)
        finally:
            os.close(handle)

    def _tell(self, thread: Thread, fd: int, opened: Give) -> None:
        """Call ``then``, to which ``fd`` is the descriptor in hand."""
        thread.fresh = (fd, opened.handle)
        try:
            if opened.then is not None:
                opened.then(fd)
        finally:
            thread.fresh = (-1, -1)

    def _replace(self, listener: int, identity: int, call: Call, answer: Replace) -> None:
        try:
            cloexec = self._current.closes_on_exec(answer.fd)
            old = call.task.borrow(answer.fd)
            share_blocking(old, answer.handle)
            os.close(old)
            self._current.release()
            notification.put(listener, identity, answer.handle, answer.fd, cloexec=cloexec)
        except WITHDRAWN:
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
        if isinstance(answer, Wait):
            fd = answer.fd
            is_held = fd >= 0
        else:
            fd = call.args[0]
            is_held = thread.held(fd) >= 0
        handle = -1
        try:
            if is_held:
                handle = thread.take_held(fd)
        except Errno as error:
            self._answer(listener, identity, call, -error.number)
            return
        if thread.handle >= 0:
            thread.release()
        self._waits.add(Pending(listener, identity, call, answer, thread, fd, handle), self._deadline)
        self._sweep_later()

    def _again(self, pending: Pending) -> None:
        """What the call waited for is there: it is dispatched once more, with what is left of its time."""
        if pending.lost is not None and pending.ready is not None:
            self._finish(pending, pending.ready, pending.lost)
            return
        self._current, self._deadline = pending.thread, pending.deadline
        if pending.handle >= 0:
            pending.thread.hold(pending.fd, pending.handle)
        call = pending.call
        try:
            answer = self.dispatch(call) if pending.ready is None else _answer_of(pending.ready)
            self._carry_out(pending.listener, pending.identity, call, answer)
        except WITHDRAWN:
            pending.thread.release()  # withdrawn in this moment, as in _serve

    def _finish(self, pending: Pending, ready: Callable[[], Answer], lost: Callable[[], object]) -> None:
        """End the call with what has come for it; the program may have closed its own descriptor."""
        if pending.handle >= 0:
            os.close(pending.handle)
        answer = _answer_of(ready)
        assert isinstance(answer, Return | Fail)
        value = answer.value if isinstance(answer, Return) else -answer.errno
        try:
            notification.answer(pending.listener, pending.identity, value)
        except FileNotFoundError:
            lost()

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


def _answer_of(ready: Callable[[], Answer]) -> Answer:
    try:
        return ready()
    except Errno as error:
        return Fail(error.number)
