"""The life of the tasks of a run as events of a recording: fork, exec, signals, exit.

They are read off the wait statuses that the engine gets (ptrace(2), PTRACE_EVENT_*), before it acts on them:
whoever is named is still stopped, or a zombie.
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net.record.model import Event, EventKind
from ptrace_net.record.names import syscall_number
from ptrace_net.tracer import binding
from ptrace_net.tracer.engine import Engine
from ptrace_net.tracer.task import thread_group

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Answer, Call
    from ptrace_net.tracer.registers import Machine

_KCMP_FILES = 2
_SYSCALL_STOP = signal.SIGTRAP | 0x80
_BIRTHS = {
    binding.PTRACE_EVENT_FORK: "fork",
    binding.PTRACE_EVENT_VFORK: "vfork",
    binding.PTRACE_EVENT_CLONE: "clone",
}
_syscall = ctypes.CDLL(None, use_errno=True).syscall


class WatchedEngine(Engine):
    """An engine that tells ``watch`` of every event before it deals with it."""

    def __init__(
        self, dispatch: Callable[[Call], Answer], machine: Machine, *, watch: Callable[[Event], None],
        every_call: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(dispatch, machine, every_call=every_call)
        self._watch = watch

    def handle(self, tid: int, status: int) -> None:
        event = event_of(tid, status)
        if event is not None:
            self._watch(event)
        super().handle(tid, status)


def event_of(tid: int, status: int) -> Event | None:
    """What a wait status says of task ``tid``; None for system calls and stops without a meaning here."""
    kind, number = status >> 16, status >> 8 & 0xFF
    if status & 0xFF != 0x7F:
        return ended(tid, status)
    if kind in _BIRTHS:
        return _born(tid, _BIRTHS[kind])
    if kind == binding.PTRACE_EVENT_EXEC:
        return _event(tid, "exec", _program(tid))
    if kind or number == _SYSCALL_STOP:
        return None
    return _event(tid, "signal", signal_name(number), number)


def ended(tid: int, status: int) -> Event:
    """The end of a task, in strace's words."""
    if os.WIFEXITED(status):
        return _event(tid, "exit", f"exited with {os.WEXITSTATUS(status)}", os.WEXITSTATUS(status))
    number = os.WTERMSIG(status)
    core = " (core dumped)" if os.WCOREDUMP(status) else ""
    return _event(tid, "killed", f"killed by {signal_name(number)}{core}", number)


def _event(tid: int, kind: EventKind, text: str, value: int | None = None) -> Event:
    return Event(tid, kind, text, value, round(time.time(), 6))


def _born(parent: int, how: str) -> Event | None:
    try:
        child = binding.event_message(parent)
    except ProcessLookupError:
        return None  # killed in this moment
    return birth(parent, child, how)


def birth(parent: int, child: int, how: str) -> Event:
    """A new task: its text says CLONE_FILES where both have one descriptor table."""
    return _event(parent, "fork", f"{how} CLONE_FILES" if share_files(parent, child) else how, child)


def share_files(one: int, other: int) -> bool:
    """Whether two tasks have one descriptor table: kcmp(2), or, without it, whether they are threads."""
    number = syscall_number("kcmp", os.uname().machine)
    order: int = _syscall(number, one, other, _KCMP_FILES, 0, 0) if number is not None else -1
    return order == 0 if order >= 0 else thread_group(one) == thread_group(other)


def _program(tid: int) -> str:
    try:
        return os.readlink(f"/proc/{tid}/exe")
    except OSError:
        return "?"


def signal_name(number: int) -> str:
    """SIGTERM; realtime signals as ``SIGRT_2``."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"SIGRT_{number - 32}"
    return name
