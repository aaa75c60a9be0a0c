"""How the ptrace engine carries out the answers of handlers, in the registers of stopped threads.

Return and Fail skip the call at its entry. Native is resumed to its exit where its result is wanted. A thread
that has to wait is made to sleep in ppoll(2) instead, and issues its call again; descriptors of ours get in
by calls that it makes for us (``inject``).
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net.reactor import Reactor
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Native, Park, Replace, Return, Wait
from ptrace_net.tracer import binding
from ptrace_net.tracer.inject import Injection, closing, exchanging, replacing
from ptrace_net.tracer.mending import Mending
from ptrace_net.tracer.parking import EXPIRED, Parked
from ptrace_net.tracer.task import share_blocking
from ptrace_net.tracer.tracee import Again, Made, Tracee
from ptrace_net.tracer.waiting import poll_call, was_closed

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.tracer.inject import Steps
    from ptrace_net.tracer.registers import Machine

# The kernel's private results of an interrupted call (linux/errno.h): ERESTARTSYS … ERESTART_RESTARTBLOCK.
RESTARTS = {-512, -513, -514, -516}
_ERESTARTSYS = 512


class Answers:
    """The base of the engine."""

    def __init__(self, machine: Machine, *, every_call: bool) -> None:
        self.machine = machine
        self.reactor = Reactor()
        self.mending = Mending(machine)
        self._to_next = binding.resume_to_exit if every_call else binding.resume

    def _resume(self, tid: int, number: int = 0) -> None:
        if self.mending.follows(tid):
            binding.resume_to_exit(tid, number)
        else:
            self._to_next(tid, number)

    # At the entry of a call

    def _carry_out(self, tracee: Tracee, call: Call, answer: Answer, deadline: float | None = None) -> None:
        """``deadline``: of a call that has been waiting before."""
        if type(answer) is Return:
            self.machine.answer(tracee.tid, call.arch, answer.value)
            self._resume(tracee.tid)
        elif type(answer) is Fail:
            self.machine.answer(tracee.tid, call.arch, -answer.errno)
            self._resume(tracee.tid)
        elif type(answer) is Native:
            self._let_through(tracee, call, answer)
        elif type(answer) is Wait:
            self._wait(tracee, call, answer, deadline)
        elif type(answer) is Park:
            self._park(tracee, call, answer, deadline)
        elif type(answer) is Replace:
            tracee.again = Again(call.name, call.args, tracee.stack, deadline, answer.answer)
            self._inject(tracee, call.arch, replacing(tracee, call.arch, answer), entry=True)

    def _let_through(self, tracee: Tracee, call: Call, answer: Native) -> None:
        tracee.then = answer.then
        if answer.made is not None:
            tracee.made = Made(call.arch, answer.made)
            tracee.then = answer.then or _keep
        if answer.name is not None and answer.args is not None:
            number = call.arch.syscalls[answer.name]
            tracee.undo = self.machine.replace(tracee.tid, call.arch, tracee.entry, number, answer.args)
            tracee.then = answer.then or _keep
        self._continue(tracee)

    def _wait(self, tracee: Tracee, call: Call, wait: Wait, deadline: float | None) -> None:
        """Let the thread sleep in ppoll(2) on its own descriptor, where signals reach it as they should."""
        deadline = _deadline(wait.timeout, deadline)

        def woken(result: int) -> Answer:
            if wait.expired is None:
                return wait
            if result in RESTARTS:
                return Return(-_ERESTARTSYS) if wait.restart else Fail(errno.EINTR)
            if result <= 0:
                return Fail(wait.expired) if result == 0 else Return(result)
            if was_closed(tracee, call.arch):
                return Fail(errno.EBADF)
            tracee.again = Again(call.name, call.args, tracee.stack, deadline, None)
            return wait

        try:
            poll = poll_call(tracee, call.arch, wait, _left_until(deadline))
        except Errno as error:
            self._carry_out(tracee, call, Fail(error.number))
        else:
            self._let_through(tracee, call, poll._replace(then=woken))

    def _park(self, tracee: Tracee, call: Call, park: Park, deadline: float | None) -> None:
        """Let the thread sleep in ppoll(2) on nothing."""
        deadline = _deadline(park.timeout, deadline)
        parked = tracee.parked = Parked(tracee, self.reactor, deadline)

        def woken(result: int) -> Answer:
            reason = parked.leave()
            if reason == EXPIRED:
                return Fail(park.expired)
            if not reason and result in RESTARTS:
                return Return(-_ERESTARTSYS) if park.restart else Fail(errno.EINTR)
            tracee.again = Again(call.name, call.args, tracee.stack, deadline, None)
            return park

        park.start(parked.resume)
        self._let_through(tracee, call, Native(woken, "ppoll", (0, 0, 0, 0, 0)))

    # At its exit

    def _left(self, tracee: Tracee, then: Callable[[int], Answer | None], undo: object) -> None:
        result = binding.exit_result()
        try:
            answer = then(result)
        except Errno:
            # The program has closed the descriptor or unmapped the memory: nothing left to translate.
            answer = None
        value = result if answer is None else _value(answer)
        if value is None:  # not yet after all: the program issues its call once more
            self.machine.rewind(tracee.tid, undo)
        elif undo is not None:
            self.machine.finish(tracee.tid, undo, value)
        elif value != result:
            self.machine.set_result(tracee.tid, value)

    # Descriptors

    def _made(
        self, tracee: Tracee, made: Made, then: Callable[[int], Answer | None] | None, undo: object
    ) -> None:
        """The call has made a descriptor: the provider may want another one there."""
        fd = binding.exit_result()
        try:
            handle = tracee.borrow(fd)
        except Errno:  # another thread has closed it already
            handle = -1
        given, failure = handle, 0
        if handle >= 0:
            try:
                given = made.exchange(handle)
            except Errno as error:
                failure = error.number
            else:
                if given != handle:
                    share_blocking(handle, given)
            os.close(handle)
        if given == handle and not failure:
            if then is not None:
                self._left(tracee, then, undo)
            self._resume(tracee.tid)
            return
        if undo is not None:
            self.machine.finish(tracee.tid, undo, fd)
        steps = closing(fd, failure) if failure else exchanging(tracee, made.arch, fd, given, then)
        self._inject(tracee, made.arch, steps, entry=False)

    def _inject(self, tracee: Tracee, arch: Arch, steps: Steps, *, entry: bool) -> None:
        tracee.injection = Injection(tracee.tid, arch, self.machine, steps, entry=entry)
        binding.resume_to_exit(tracee.tid)

    def _injected(self, tracee: Tracee, injection: Injection) -> None:
        """A call that was made for us has ended."""
        answer = injection.go_on(binding.exit_result())
        if answer is None:
            binding.resume_to_exit(tracee.tid)
            return
        tracee.injection = None
        value = _value(answer)
        if value is None:
            self.machine.rewind(tracee.tid, injection.saved)
        else:
            tracee.again = None
            self.machine.finish(tracee.tid, injection.saved, value)
        self._resume(tracee.tid)

    def _continue(self, tracee: Tracee, number: int = 0) -> None:
        if tracee.then is None and tracee.injection is None:
            self._resume(tracee.tid, number)
        else:
            binding.resume_to_exit(tracee.tid, number)


def _keep(result: int) -> None:
    return None


def _value(answer: Answer) -> int | None:
    """The result that the program gets; None where it makes its call again."""
    if type(answer) is Return:
        return answer.value
    return -answer.errno if type(answer) is Fail else None


def _deadline(timeout: float | None, begun: float | None) -> float | None:
    """When a call that waits is over, unless it has been waiting with a deadline before."""
    if timeout is None:
        return None
    return time.monotonic() + timeout if begun is None else begun


def _left_until(deadline: float | None) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0)
