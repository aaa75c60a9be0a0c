"""What happens to sockets' descriptors beside the socket calls: close(2), dup(2), fcntl(2), close_range(2).

None of them is traced otherwise. While recording they stop too, and those that are about a socket are
written, so that the reader of a recording knows which socket a number means. A socket is told by its inode.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ptrace_net.record.model import Call as Recorded
from ptrace_net.record.model import Symbol, Value
from ptrace_net.record.names import errno_name, spell
from ptrace_net.syscalls.seam import Answer, Call, Fail, Native, Return
from ptrace_net.syscalls.table import signed32
from ptrace_net.tracer.filter import Rule, equal

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

F_DUPFD, F_SETFD, F_SETFL, F_DUPFD_CLOEXEC = 0, 2, 4, 1030
CLOSE_RANGE_CLOEXEC = 4
_COMMANDS = {F_DUPFD, F_SETFD, F_SETFL, F_DUPFD_CLOEXEC}
# name -> how many of its first arguments are descriptors
_DESCRIPTORS = {
    "close": 1, "dup": 1, "dup2": 2, "dup3": 2, "fcntl": 1, "fcntl64": 1, "close_range": 0,
    "exit_group": 0,
}  # fmt: skip
_MAKING = {"dup", "dup2", "dup3"}


def rules() -> tuple[Rule, ...]:
    """What the filter has to stop besides the socket calls."""
    plain = (Rule(name) for name in _DESCRIPTORS if not name.startswith("fcntl"))
    commands = (Rule(name, (equal(1, each),)) for name in ("fcntl", "fcntl64") for each in sorted(_COMMANDS))
    return (*plain, *commands)


def labelled(task: Task, fd: int) -> int | Symbol:
    """A descriptor with the socket behind it, as ``strace -y`` has it; just the number for anything else."""
    inode = task.socket_inode(fd) if fd >= 0 else 0
    return Symbol(f"{fd}<socket:[{inode}]>", fd) if inode else fd


class DescriptorCalls:
    """A dispatcher around ``inner`` that gives the calls about sockets' descriptors to ``write``."""

    def __init__(self, inner: Callable[[Call], Answer], write: Callable[[Recorded], None]) -> None:
        self._inner = inner
        self._write = write

    def dispatch(self, call: Call) -> Answer:
        count = _DESCRIPTORS.get(call.name)
        if count is None:
            return self._inner(call)
        if call.name == "exit_group":
            self._write(_ending(call))
        answer = self._inner(call)
        arguments = _range(call) if call.name == "close_range" else _arguments(call, count)
        if not arguments or not isinstance(answer, Native):
            return answer
        started = time.time()

        def tell(result: int) -> None:
            for record in _records(call, arguments, result, started):
                self._write(record)

        return with_result(answer, tell)


def with_result(native: Native, tell: Callable[[int], None]) -> Native:
    """``native``, and ``tell`` gets the result as the program sees it."""

    def returned(result: int) -> Answer | None:
        answer = native.then(result) if native.then is not None else None
        seen = answer.value if isinstance(answer, Return) else result
        tell(-answer.errno if isinstance(answer, Fail) else seen)
        return answer

    return native._replace(then=returned)


def _ending(call: Call) -> Recorded:
    """exit_group(2) closes them all; the end of the task is reported when they are closed."""
    status = signed32(call.args[0])
    return Recorded(call.task.tid, call.name, (status,), outcome="no result", started=round(time.time(), 6))


def _arguments(call: Call, count: int) -> list[Value]:
    """The arguments where a socket is among them, else nothing."""
    values: list[Value] = [labelled(call.task, signed32(each)) for each in call.args[:count]]
    if call.name.startswith("fcntl"):
        values += _command(signed32(call.args[1]), signed32(call.args[2]))
    if not any(isinstance(each, Symbol) for each in values[:count]):
        return []
    return [*values, spell("openflags", call.args[2])] if call.name == "dup3" else values


def _command(command: int, argument: int) -> list[Value]:
    if command not in _COMMANDS:
        return []
    shown: Value = argument
    if command == F_SETFL:
        shown = spell("openflags", argument)
    elif command == F_SETFD and argument == 1:
        shown = Symbol("FD_CLOEXEC", 1)
    return [spell("cmd", command), shown]


def _range(call: Call) -> list[Value]:
    """The sockets between the first and the last descriptor."""
    try:
        numbers = sorted(map(int, os.listdir(f"/proc/{call.task.tid}/fd")))
    except OSError:
        return []
    first, last = (each & 0xFFFFFFFF for each in call.args[:2])
    values = (labelled(call.task, number) for number in numbers if first <= number <= last)
    return [value for value in values if isinstance(value, Symbol)]


def _records(call: Call, arguments: list[Value], result: int, started: float) -> Iterator[Recorded]:
    task, begun, spent = call.task.tid, round(started, 6), round(max(0.0, time.time() - started), 6)
    error = errno_name(-result) if result < 0 else None
    if call.name != "close_range":
        inode = call.task.socket_inode(result) if result >= 0 and _makes(call) else 0
        detail = f"socket:[{inode}]" if inode else ""
        yield Recorded(
            task, call.name, tuple(arguments), max(result, -1), error,
            started=begun, duration=spent, detail=detail,
        )  # fmt: skip
        return
    cloexec = bool(call.args[2] & CLOSE_RANGE_CLOEXEC)
    for value in arguments if result == 0 else ():
        name, row = ("fcntl", (value, *_command(F_SETFD, 1))) if cloexec else ("close", (value,))
        yield Recorded(task, name, row, 0, None, started=begun, duration=spent, notes=("by close_range",))


def _makes(call: Call) -> bool:
    """Whether the result is a descriptor."""
    duplicates = call.name.startswith("fcntl") and signed32(call.args[1]) in (F_DUPFD, F_DUPFD_CLOEXEC)
    return call.name in _MAKING or duplicates
