"""The ptrace engine: one thread that waits for stops and carries out the handlers' answers.

Every task is seized (ptrace(2), PTRACE_SEIZE), so that children are followed from their first instruction,
group stops are real stops, and the program dies with its supervisor. Only calls that the seccomp filter
picked stop here; a call is answered in that one stop wherever the handler can, and resumed to its exit only
where its result is wanted.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Answer, Call
from ptrace_net.tracer import binding
from ptrace_net.tracer.answers import Answers
from ptrace_net.tracer.decode import Decoder, code_of
from ptrace_net.tracer.mending import Order
from ptrace_net.tracer.reports import Reports
from ptrace_net.tracer.tracee import Again, Process, Tracee

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


class Engine(Answers):
    """Supervises every task of a run; ``dispatch`` answers the calls."""

    kind = "ptrace"

    def __init__(
        self, dispatch: Callable[[Call], Answer], machine: Machine, *, every_call: bool = False
    ) -> None:
        super().__init__(machine, every_call=every_call)
        self.dispatch = dispatch
        self.tracees: dict[int, Tracee] = {}
        self.processes: dict[int, Process] = {}
        self.root = 0
        self.status = 0  # wait status of the first process
        self.root_ended: Callable[[], None] = lambda: None
        self.stopped_root: Callable[[int], None] = lambda number: None
        self.executed: Callable[[int], None] = lambda tid: None
        self._decoder = Decoder(machine.ARCHES)
        self.reports = Reports(self.reactor)

    def seize(self, tid: int, *, exit_kill: bool = True) -> None:
        """Take ``tid`` under supervision; raises OSError as ptrace(2) does."""
        binding.seize(tid, OPTIONS | (binding.PTRACE_O_EXITKILL if exit_kill else 0))
        self.tracees[tid] = Tracee(tid, self.processes)

    def tasks(self) -> list[Tracee]:
        return list(self.tracees.values())

    def abandoned(self) -> None:
        """Nothing to do: PTRACE_O_EXITKILL is the kernel's."""

    def mend(
        self, inode: int, error: int, groups: Iterable[int], ready: Callable[[], None],
        told: Callable[[], None],
    ) -> bool:
        """Let the next ECONNRESET of a socket be another errno (``mending``)."""
        self.mending.order(Order(inode, error, groups, ready, told))
        self.mending.begin()
        return True

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
                tid, status = self.reports.next(several=len(self.tracees) > 1)
            except ChildProcessError:
                return
            self.handle(tid, status)

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
            if self.mending.pending:
                self.mending.stopped(tid, interrupted=event == binding.PTRACE_EVENT_STOP)
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
        if tracee.injection is not None:
            binding.resume_to_exit(tracee.tid)
            return
        info = binding.syscall_entry(tracee.tid)
        tracee.stack, tracee.entry = info[3], info[4:11]
        call = self._decoder.call(tracee, code_of(info[1], info[4]), info[5:11])
        if call is None:
            self._resume(tracee.tid)
        elif tracee.again is None:
            self._carry_out(tracee, call, self.dispatch(call))
        else:
            self._entered_again(tracee, call, tracee.again)

    def _entered_again(self, tracee: Tracee, call: Call, again: Again) -> None:
        """The call that was put off, or one of a signal handler before it."""
        if again.stack == tracee.stack:
            tracee.again = None
        if again[:3] != (call.name, call.args, tracee.stack):
            self._carry_out(tracee, call, self.dispatch(call))
        else:
            answer = self.dispatch(call) if again.answer is None else again.answer
            self._carry_out(tracee, call, answer, again.deadline)

    def _syscall_stop(self, tracee: Tracee) -> None:
        info = binding.syscall_entry(tracee.tid)
        if info[0] == binding.OP_ENTRY and self._to_next is binding.resume:  # mending follows the thread
            self.mending.entered(tracee.tid, info)
            binding.resume_to_exit(tracee.tid)  # the filter looks at the call next
        elif info[0] == binding.OP_ENTRY:
            self._entered(tracee)
        elif tracee.injection is not None:
            self._injected(tracee, tracee.injection)
        else:
            then, undo, made = tracee.then, tracee.undo, tracee.made
            tracee.then = tracee.undo = tracee.made = None
            if made is not None and binding.exit_result() >= 0:
                self._made(tracee, made, then, undo)
                return
            result = binding.exit_result()
            if then is not None:
                self._left(tracee, then, undo)
            if undo is None:
                self.mending.left(tracee.tid, result)
            self._resume(tracee.tid)

    def _other_stop(self, tracee: Tracee, event: int, number: int) -> None:
        if event == binding.PTRACE_EVENT_STOP and number in _STOP_SIGNALS:
            binding.request(binding.PTRACE_LISTEN, tracee.tid)
            if tracee.tid == self.root:
                self.stopped_root(number)
        elif event == binding.PTRACE_EVENT_EXEC:
            self._exec(tracee)
            self._continue(tracee)
        elif event:
            if event in (binding.PTRACE_EVENT_FORK, binding.PTRACE_EVENT_VFORK) and self.mending.pending:
                self.mending.forked(tracee.tid, binding.event_message(tracee.tid))
            self._continue(tracee)
        else:
            self._continue(tracee, number if self.mending.is_signalled(tracee.tid, number) else 0)

    # Task life

    def _exec(self, tracee: Tracee) -> None:
        """The other threads are gone; the one that called execve(2) has taken the leader's id."""
        former = binding.event_message(tracee.tid)
        if former != tracee.tid:
            self._forget(former)
        tracee.forget()
        self.tracees[tracee.tid] = fresh = Tracee(tracee.tid, self.processes)
        process = self.processes.pop(fresh.tid, None)
        if process is not None:
            process.close()
        self.executed(tracee.tid)

    def _forget(self, tid: int) -> None:
        self.mending.gone(tid)
        tracee = self.tracees.pop(tid, None)
        if tracee is not None:
            tracee.forget()

    def _gone(self, tid: int, status: int) -> None:
        self._forget(tid)
        process = self.processes.pop(tid, None)
        if process is not None:
            process.close()
        if tid == self.root:
            self.status = status
            self.root_ended()
