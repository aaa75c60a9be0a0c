"""What a behaviour does to a call: an answer, a signal, or the end of the run with a report."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from ptrace_net.failure import complain
from ptrace_net.policing.calls import program_of
from ptrace_net.syscalls.seam import Answer, Call, Fail, Return
from ptrace_net.tracer import descendants

if TYPE_CHECKING:
    from ptrace_net.policies.values import Behaviour, Entry

_libc = ctypes.CDLL(None)
_NUMBERED = {"panic": 2}  # how often the tasks of a run are looked for: a fork may be under way


class Run(Protocol):
    """What ends with a panic."""

    status: int

    def thread_groups(self) -> set[int]: ...


def send_signal(task_id: int, group: int, number: int) -> None:
    """tgkill(2); a thread that is gone needs none."""
    _libc.tgkill(group, task_id, number)


class Outcomes:
    """Carries behaviours out for one run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.over = False  # a panic has ended the run

    def of(self, entry: Entry, call: Call) -> Answer | None:
        """The answer that ``entry`` has for ``call``; None where it is ``ok``."""
        return self.carry_out(entry.behaviour, call, entry.where)

    def carry_out(self, behaviour: Behaviour, call: Call, where: str) -> Answer | None:
        match behaviour.verb:
            case "ok":
                return None
            case "errno":
                return Fail(behaviour.number)
            case "kill":
                send_signal(call.task.tid, call.task.tgid, behaviour.number)
                return Fail(errno.ENOSYS)
            case "panic":
                self._panic(behaviour, call, where)
                return Fail(errno.EINTR)
        return Return(behaviour.number)

    def _panic(self, behaviour: Behaviour, call: Call, where: str) -> None:
        if self.over:
            return
        from ptrace_net.policing.report import call_line, filled

        text = filled(behaviour.text, call) if behaviour.text else "not implemented"
        made = f"{program_of(call.task)}[{call.task.tgid}]: {call_line(call)}"
        self.over = True
        complain(f"the kernel of this policy panics: {text}")
        complain(f"  at {made}")
        complain(f"  says {where}; the run ends here")
        end(self._run)


def end(run: Run) -> None:
    """Kill every process of ``run``; its status is that of one that SIGKILL ended."""
    run.status = signal.SIGKILL
    for _ in range(_NUMBERED["panic"]):
        _kill(run.thread_groups() | set(descendants.of(os.getpid())))


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
