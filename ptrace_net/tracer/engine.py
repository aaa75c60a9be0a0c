"""The ptrace engine: one thread that waits for stops and carries out the handlers' answers.

Every task is seized (ptrace(2), PTRACE_SEIZE), so that children are followed from their first instruction,
group stops are real stops, and the program dies with its supervisor. Only calls that the seccomp filter
picked stop here; a call is answered in that one stop wherever the handler can, and resumed to its exit only
where its result is wanted.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Native, Return, Wait
from ptrace_net.tracer import binding
from ptrace_net.tracer.decode import Decoder
from ptrace_net.tracer.tracee import Process, Tracee
from ptrace_net.tracer.waiting import poll_call

if TYPE_CHECKING:
    from ptrace_net.tracer.registers import Machine

OPTIONS = (
    binding.PTRACE_O_TRACESYSGOOD
    | binding.PTRACE_O_TRACEFORK
    | binding.PTRACE_O_TRACEVFORK
    | binding.PTRACE_O_TRACECLONE
    | binding.PTRACE_O_TRACEEXEC
    | binding.PTRACE_O_TRACESECCOMP
)
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_STOP_SIGNALS = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
# The kernel's private results of an interrupted call (linux/errno.h): ERESTARTSYS … ERESTART_RESTARTBLOCK.
RESTARTS = {-512, -513, -514, -516}
_ERESTARTSYS, _EINTR = 512, 4
LOOKS = 60  # about 40 us; on a single processor the program could not run meanwhile


class Engine:
    """Supervises every task of a run; ``dispatch`` answers the calls."""

    def __init__(
        self, dispatch: Callable[[Call], Answer], machine: Machine, *, every_call: bool = False
    ) -> None:
        self.dispatch = dispatch
        self.machine = machine
        self.tracees: dict[int, Tracee] = {}
        self.processes: dict[int, Process] = {}
        self.root = 0
        self.status = 0  # wait status of the first process
        self.stopped_root: Callable[[int], None] = lambda number: None
        self.executed: Callable[[int], None] = lambda tid: None
        self._decoder = Decoder(machine.ARCHES)
        self._looks = LOOKS if len(os.sched_getaffinity(0)) > 1 else 0
        self._resume = binding.resume_to_exit if every_call else binding.resume

    def seize(self, tid: int, *, exit_kill: bool = True) -> None:
        """Take ``tid`` under supervision; raises OSError as ptrace(2) does."""
        binding.seize(tid, OPTIONS | (binding.PTRACE_O_EXITKILL if exit_kill else 0))
        self.tracees[tid] = Tracee(tid, self.processes)

    def tasks(self) -> list[Tracee]:
        return list(self.tracees.values())

    def abandoned(self) -> None:
        """Nothing to do: PTRACE_O_EXITKILL is the kernel's."""

    def root_is_alive(self) -> bool:
        return self.root in self.tracees

    def thread_groups(self) -> set[int]:
        return {tracee.tgid for tracee in self.tasks()}  # of a copy: signals are passed on by another thread

    def until_executed(self) -> None:
        """Serve until the first exec of the run, or its failure."""
        executed = False

        def notice(tid: int) -> None:
            nonlocal executed
            executed = True

        self.executed = notice
        while self.tracees and not executed:
            self.handle(*os.waitpid(-1, binding.WALL))
        self.executed = lambda tid: None

    def run(self) -> None:
        """Serve stops until no task is left: the kernel knows of children that have not stopped yet."""
        while True:
            try:
                tid, status = self._next_report()
            except ChildProcessError:
                return
            self.handle(tid, status)

    def _next_report(self) -> tuple[int, int]:
        """The next report of waitpid(2), looked for a few times before going to sleep.

        Being woken on another processor costs more than most pauses between two calls of a program last.
        """
        for _ in range(self._looks):
            tid, status = os.waitpid(-1, binding.WALL | os.WNOHANG)
            if tid:
                return tid, status
        return os.waitpid(-1, binding.WALL)

    def handle(self, tid: int, status: int) -> None:
        """Deal with one report of waitpid(2)."""
        if status & 0xFF != 0x7F:
            self._gone(tid, status)
            return
        tracee = self.tracees.get(tid)
        if tracee is None:
            tracee = self.tracees[tid] = Tracee(tid, self.processes)
        event, number = status >> 16, status >> 8 & 0xFF
        try:
            if event == binding.PTRACE_EVENT_SECCOMP:
                self._entered(tracee)
            elif number == _SYSCALL_STOP:
                self._syscall_stop(tracee)
            else:
                self._other_stop(tracee, event, number)
        except ProcessLookupError:
            pass  # killed in the meantime; its exit is reported next

    # Stops

    def _entered(self, tracee: Tracee) -> None:
        info = binding.syscall_entry(tracee.tid)
        tracee.stack, tracee.entry = info[3], info[4:11]
        call = self._decoder.call(tracee, info)
        if call is None:
            self._resume(tracee.tid)
            return
        self._carry_out(tracee, call, self.dispatch(call))

    def _carry_out(self, tracee: Tracee, call: Call, answer: Answer) -> None:
        if type(answer) is Return:
            self.machine.answer(tracee.tid, call.arch, answer.value)
            self._resume(tracee.tid)
        elif type(answer) is Fail:
            self.machine.answer(tracee.tid, call.arch, -answer.errno)
            self._resume(tracee.tid)
        elif type(answer) is Native:
            self._let_through(tracee, call, answer)
        elif type(answer) is Wait:
            self._wait(tracee, call, answer)

    def _let_through(self, tracee: Tracee, call: Call, answer: Native) -> None:
        if answer.name is not None and answer.args is not None:
            number = call.arch.syscalls[answer.name]
            tracee.undo = self.machine.replace(tracee.tid, call.arch, tracee.entry, number, answer.args)
            tracee.then = answer.then or _keep
        else:
            tracee.then = answer.then
        self._continue(tracee)

    def _wait(self, tracee: Tracee, call: Call, wait: Wait) -> None:
        """Let the thread sleep in ppoll(2) on its own descriptor, where signals reach it as they should."""

        def woken(result: int) -> Answer:
            if wait.expired is None:
                return wait
            if result in RESTARTS:
                return Return(-_ERESTARTSYS if wait.restart else -_EINTR)
            if result < 0:
                return Return(result)
            return Fail(wait.expired) if result == 0 else wait

        try:
            poll = poll_call(tracee, call.arch, wait)
        except Errno as error:
            self._carry_out(tracee, call, Fail(error.number))
        else:
            self._let_through(tracee, call, poll._replace(then=woken))

    def _syscall_stop(self, tracee: Tracee) -> None:
        info = binding.syscall_entry(tracee.tid)
        if info[0] == binding.OP_ENTRY:
            self._entered(tracee)
            return
        then, undo = tracee.then, tracee.undo
        tracee.then = tracee.undo = None
        if then is not None:
            self._left(tracee, then, undo)
        self._resume(tracee.tid)

    def _left(self, tracee: Tracee, then: Callable[[int], Answer | None], undo: object) -> None:
        tid = tracee.tid
        result = binding.exit_result()
        try:
            answer = then(result)
        except Errno:
            # The program has closed the descriptor or unmapped the memory: nothing left to translate.
            answer = None
        if answer is None:
            value = result
        elif type(answer) is Return:
            value = answer.value
        elif type(answer) is Fail:
            value = -answer.errno
        else:  # not yet after all: the program issues its call once more
            self.machine.rewind(tid, undo)
            return
        if undo is not None:
            self.machine.finish(tid, undo, value)
        elif value != result:
            self.machine.set_result(tid, value)

    def _other_stop(self, tracee: Tracee, event: int, number: int) -> None:
        if event == binding.PTRACE_EVENT_STOP and number in _STOP_SIGNALS:
            binding.request(binding.PTRACE_LISTEN, tracee.tid)
            if tracee.tid == self.root:
                self.stopped_root(number)
        elif event == binding.PTRACE_EVENT_EXEC:
            self._exec(tracee)
            self._continue(tracee)
        elif event:
            self._continue(tracee)
        else:
            self._continue(tracee, number)

    def _continue(self, tracee: Tracee, number: int = 0) -> None:
        if tracee.then is None:
            self._resume(tracee.tid, number)
        else:
            binding.resume_to_exit(tracee.tid, number)

    # Task life

    def _exec(self, tracee: Tracee) -> None:
        """The other threads are gone; the one that called execve(2) has taken the leader's id."""
        former = binding.event_message(tracee.tid)
        if former != tracee.tid:
            self.tracees.pop(former, None)
        self.tracees[tracee.tid] = fresh = Tracee(tracee.tid, self.processes)
        process = self.processes.pop(fresh.tid, None)
        if process is not None:
            process.close()
        self.executed(tracee.tid)

    def _gone(self, tid: int, status: int) -> None:
        self.tracees.pop(tid, None)
        process = self.processes.pop(tid, None)
        if process is not None:
            process.close()
        if tid == self.root:
            self.status = status


def _keep(result: int) -> None:
    return None
