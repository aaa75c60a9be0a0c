"""Calls with other arguments, and questions to the provider, whichever it is.

A step that changes a call hands a changed copy on (``onward``); what has to lie in the program's memory is
put below its stack, where the thread leaves it alone until the call returns.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import (
    Answer,
    Call,
    Errno,
    Fail,
    Native,
    Park,
    Replace,
    Return,
    Wait,
)

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

Go: TypeAlias = Callable[[Call], Answer]
Step: TypeAlias = Callable[[Call, Go], Answer]

SOCKADDR_STORAGE = 128
_ROOM = 256
_INT = struct.Struct("=i")


def onward(go: Go, call: Call, args: tuple[int, ...]) -> Answer:
    """Hand ``call`` on with ``args``; where the kernel performs it, it gets them too."""
    name, args = _direct(call.name, args)
    answer = go(Call(call.task, call.arch, name, args))
    if isinstance(answer, Native) and answer.name is None:
        return answer._replace(name=name, args=args)
    return answer


def _direct(name: str, args: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """A call that every architecture has a number for: i386 has these three in socketcall alone."""
    if name in ("send", "recv"):
        return ("sendto" if name == "send" else "recvfrom"), (*args[:4], 0, 0)
    return ("accept4", (*args[:3], 0)) if name == "accept" else (name, args)


def with_memory(go: Go, call: Call, place: int, data: bytes, extra: dict[int, int] | None = None) -> Answer:
    """Hand ``call`` on with ``data`` behind argument ``place``, and the arguments ``extra`` changed."""
    address = call.task.scratch(max(len(data), _ROOM))
    if not address:
        return go(call)
    try:
        call.task.write(address, data)
    except Errno as error:
        return Fail(error.number)
    changed = {place: address, **(extra or {})}
    args = tuple(changed.get(index, argument) for index, argument in enumerate(call.args))
    return onward(go, call, args)


def afterwards(answer: Answer, done: Callable[[int], None]) -> Answer:
    """``answer``, with ``done(result)`` called when the result is known; its Errno stands for the result."""

    def then(result: int, inner: Callable[[int], Answer | None] | None = None) -> Answer | None:
        final = inner(result) if inner is not None else None
        if isinstance(final, Return):
            result = final.value
        elif isinstance(final, Fail):
            return final
        elif final is not None:
            return afterwards(final, done)
        if result >= 0:
            try:
                done(result)
            except Errno as error:
                return Fail(error.number)
        return final

    if isinstance(answer, Return):
        return then(answer.value) or answer
    if isinstance(answer, Native):
        inner = answer.then
        return answer._replace(then=lambda result: then(result, inner))
    if isinstance(answer, Replace):
        rest = afterwards(answer.answer, done)
        return answer._replace(answer=rest) if isinstance(rest, Return | Fail | Wait | Park) else answer
    return answer


def ask_name(go: Go, call: Call, question: str, fd: int) -> bytes:
    """What getsockname or getpeername tells the program of ``fd``; empty where it fails."""
    task = call.task
    address = task.scratch(_ROOM)
    if address:
        try:
            task.write(address, _INT.pack(SOCKADDR_STORAGE) + bytes(SOCKADDR_STORAGE))
            asked = Call(task, call.arch, question, (fd, address + 4, address))
            answer = go(asked)
            if isinstance(answer, Return):
                length = _INT.unpack(task.read(address, 4))[0]
                return task.read(address + 4, min(max(length, 0), SOCKADDR_STORAGE))
            if isinstance(answer, Fail):
                return b""
        except Errno:
            return b""
    try:
        with hostcalls.borrowed(task, fd) as handle:
            ask = hostcalls.getsockname if question == "getsockname" else hostcalls.getpeername
            return ask(handle)
    except Errno:
        return b""


def ask_option(go: Go, call: Call, fd: int, level: int, option: int) -> int | None:
    """The int that getsockopt tells the program; None where it fails."""
    task = call.task
    address = task.scratch(_ROOM)
    if address:
        try:
            task.write(address, _INT.pack(4) + _INT.pack(-1))
            args = (fd, level, option, address + 4, address)
            answer = go(Call(task, call.arch, "getsockopt", args))
            if isinstance(answer, Return):
                value: int = _INT.unpack(task.read(address + 4, 4))[0]
                return value
            if isinstance(answer, Fail):
                return None
        except Errno:
            return None
    try:
        with hostcalls.borrowed(task, fd) as handle:
            return hostcalls.get_int(handle, level, option)
    except Errno:
        return None


def program_of(task: Task) -> str:
    """The name of the program that a thread runs: its file's, or of the link that it was started by."""
    path, name = _file(task), _called(task)
    folder, file = os.path.split(path)
    if name != file and name and os.path.realpath(os.path.join(folder, name)) == path:
        return name
    return file


def runs_program(task: Task, pattern: str) -> bool:
    """Whether the program's file, or the process, has a name of this pattern."""
    return fnmatchcase(os.path.basename(_file(task)), pattern) or fnmatchcase(_called(task), pattern)


def _file(task: Task) -> str:
    try:
        return os.readlink(f"/proc/{task.tid}/exe").removesuffix(" (deleted)")
    except OSError:
        return ""


def _called(task: Task) -> str:
    """The name of the process: execve(2) takes it from the path, cut at 15 bytes."""
    try:
        with open(f"/proc/{task.tgid}/comm", errors="surrogateescape") as comm:
            return comm.read().removesuffix("\n")
    except OSError:
        return ""


def string_at(task: Task, address: int, most: int = 4096) -> str | None:
    """The C string at ``address``; None where there is none."""
    data = task.read_up_to(address, most)
    end = data.find(b"\0")
    return None if end < 0 else os.fsdecode(data[:end])


def faulty(error: Errno) -> bool:
    """Whether the program's memory is bad: the kernel itself has the word then."""
    return error.number == errno.EFAULT
