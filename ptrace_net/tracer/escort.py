"""ptrace beside the notification engine, in a thread of its own: for what a notification cannot do.

A signal makes the kernel withdraw a call. Where its handler was installed without SA_RESTART the program
would see EINTR of calls that natively never sleep (setsockopt, bind). But first the signal stops the thread
here, and the private result ERESTARTSYS is made ERESTARTNOINTR: the call is made again in any case. Beyond
that tasks are seized so that they die with their supervisor (PTRACE_O_EXITKILL). No system call stops here.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net.tracer import binding
from ptrace_net.tracer.mending import Mending, Order
from ptrace_net.tracer.task import thread_group

if TYPE_CHECKING:
    from ptrace_net.tracer.registers import Machine

_OPTIONS = (
    binding.PTRACE_O_TRACESYSGOOD
    | binding.PTRACE_O_TRACEFORK
    | binding.PTRACE_O_TRACEVFORK
    | binding.PTRACE_O_TRACECLONE
    | binding.PTRACE_O_TRACEEXEC
    | binding.PTRACE_O_EXITKILL
)
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_STOP_SIGNALS = {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}

Verdict = Callable[[int, int, tuple[int, ...]], int | None]


class Escort:
    """Follows every task of a run. ``verdict(tid, audit, call)`` gives the result that an interrupted call
    (its number and arguments) shall have instead of -ERESTARTSYS, or None. ``ended(status)`` is called when
    the first process has.
    """

    def __init__(self, machine: Machine, verdict: Verdict, ended: Callable[[int], None]) -> None:
        self.root = 0
        self._ended = ended
        self.stopped_root: Callable[[int], None] = lambda number: None
        self.executed: Callable[[int], None] = lambda tid: None
        self.gone: Callable[[int], None] = lambda tid: None
        self._machine, self._verdict = machine, verdict
        self._tids: set[int] = set()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._mending = Mending(machine)
        self._seized = threading.Event()
        self._error: OSError | None = None

    def seize(self, pid: int) -> None:
        """Begin with ``pid``, which has not executed anything; raises OSError as ptrace(2) does."""
        self.root = pid
        self._thread.start()
        self._seized.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def join(self) -> None:
        self._thread.join()

    def mend(self, order: Order) -> None:
        """From another thread: what ``order`` says, whose ``ready`` and ``told`` are called from ours."""
        self._mending.order(order)
        if not os.fork():  # the end of a child of ours wakes waitpid(2)
            os._exit(0)

    def thread_groups(self) -> set[int]:
        return {thread_group(tid) for tid in list(self._tids) if os.path.exists(f"/proc/{tid}")}

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are other threads' business
        try:
            binding.seize(self.root, _OPTIONS)
        except OSError as error:
            self._error = error
            return
        finally:
            self._seized.set()
        while True:
            try:
                tid, status = os.waitpid(-1, binding.WALL)
            except ChildProcessError:
                return
            self._tids.add(tid)
            self._mending.begin()
            if status & 0xFF != 0x7F:
                self._gone(tid, status)
                continue
            try:
                self._stopped(tid, status >> 16, status >> 8 & 0xFF)
            except ProcessLookupError:
                continue  # killed in the meantime; its exit is reported next

    def _gone(self, tid: int, status: int) -> None:
        self._tids.discard(tid)
        self._mending.gone(tid)
        self.gone(tid)
        if tid == self.root:
            self._ended(status)

    def _stopped(self, tid: int, event: int, number: int) -> None:
        if number == _SYSCALL_STOP:
            self._mending.stopped(tid)
            info = binding.syscall_entry(tid)
            if info[0] == binding.OP_ENTRY:
                self._mending.entered(tid, info)
            else:
                self._mending.left(tid, binding.exit_result())
            self._resume(tid)
            return
        self._mending.stopped(tid, interrupted=event == binding.PTRACE_EVENT_STOP)
        if event == binding.PTRACE_EVENT_STOP and number in _STOP_SIGNALS:
            binding.request(binding.PTRACE_LISTEN, tid)
            if tid == self.root:
                self.stopped_root(number)
        elif event:
            if event in (binding.PTRACE_EVENT_FORK, binding.PTRACE_EVENT_VFORK) and self._mending.pending:
                self._mending.forked(tid, binding.event_message(tid))
            if event == binding.PTRACE_EVENT_EXEC:
                self.executed(tid)
            self._resume(tid)
        else:
            self._restart(tid)
            self._resume(tid, number if self._mending.is_signalled(tid, number) else 0)

    def _resume(self, tid: int, number: int = 0) -> None:
        if self._mending.follows(tid):
            binding.resume_to_exit(tid, number)
        else:
            binding.resume(tid, number)

    def _restart(self, tid: int) -> None:
        """A signal is about to be delivered: maybe in the middle of a call of ours."""
        audit = binding.syscall_entry(tid)[1]
        interrupted = self._machine.interrupted(tid, audit)
        if interrupted is not None:
            result = self._verdict(tid, audit, interrupted)
            if result is not None:
                self._machine.set_result(tid, result)
