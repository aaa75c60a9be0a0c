"""The threads of a run as the ptrace engine knows them, and their processes."""

from __future__ import annotations

import ctypes
import errno
import os
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.arch import Arch
from ptrace_net.syscalls.seam import Answer, Errno
from ptrace_net.tracer import memory
from ptrace_net.tracer.task import PIDFD_THREAD, Task, duplicate, thread_group

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.tracer.inject import Injection
    from ptrace_net.tracer.parking import Parked

_SYS_KCMP, _KCMP_FILES = 312 if os.uname().machine == "x86_64" else 272, 2

_RED_ZONE = 128  # x86-64's; other ABIs have none

_kcmp = ctypes.CDLL(None).syscall
_kcmp.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_int, ctypes.c_uint)
_kcmp.restype = ctypes.c_long


class Process:
    """One thread group and its address space; descriptors are opened at first use."""

    __slots__ = ("_mem", "_pidfd", "tgid")

    def __init__(self, tgid: int) -> None:
        self.tgid = tgid
        self._pidfd = -1
        self._mem = -1

    def mem(self) -> int:
        if self._mem < 0:
            self._mem = os.open(f"/proc/{self.tgid}/mem", os.O_RDONLY | os.O_CLOEXEC)
        return self._mem

    def pidfd(self) -> int:
        if self._pidfd < 0:
            self._pidfd = os.pidfd_open(self.tgid)
        return self._pidfd

    def close(self) -> None:
        """Its end, or an exec: the address space is another one afterwards."""
        for descriptor in (self._pidfd, self._mem):
            if descriptor >= 0:
                os.close(descriptor)
        self._pidfd = self._mem = -1


class Made(NamedTuple):
    """``Native.made`` and the architecture of the call."""

    arch: Arch
    exchange: Callable[[int], int]


class Again(NamedTuple):
    """A call that was put off: it is recognised by its arguments and the stack it is made on."""

    name: str
    args: tuple[int, ...]
    stack: int
    deadline: float | None  # when it began to wait with a timeout
    answer: Answer | None  # for it, where that is known


class Tracee(Task):
    """One thread under a supervisor."""

    __slots__ = (
        "_process",
        "again",
        "entry",
        "injection",
        "made",
        "parked",
        "processes",
        "stack",
        "then",
        "undo",
    )

    def __init__(self, tid: int, processes: dict[int, Process]) -> None:
        super().__init__(tid)
        self.processes = processes
        self.entry: tuple[int, ...] = ()  # the number and the six registers of the call in progress
        self.stack = 0  # the stack pointer at the entry of the call in progress
        self._process: Process | None = None
        self.then: Callable[[int], Answer | None] | None = None  # wants the result of the call in progress
        self.undo: object = None  # the registers that the program had before its call was replaced
        self.made: Made | None = None  # wants the descriptor that the call in progress makes
        self.injection: Injection | None = None  # calls that are made for us
        self.parked: Parked | None = None  # sleeps until somebody says so
        self.again: Again | None = None  # what is known of the call that the thread is about to make again

    @property
    def process(self) -> Process:
        """Found at first need: most threads never make a call that asks for it."""
        if self._process is None:
            tgid = thread_group(self.tid)
            self._process = self.processes.get(tgid) or self.processes.setdefault(tgid, Process(tgid))
        return self._process

    @property
    def tgid(self) -> int:
        return self.process.tgid

    def forget(self) -> None:
        """The thread is gone, or is another program's."""
        if self.parked is not None:
            self.parked.leave()
        if self.injection is not None:
            self.injection.abandon()

    def read_up_to(self, address: int, size: int) -> bytes:
        try:
            return memory.read(self.tid, self.process.mem(), address, size)
        except OSError:  # gone, and its /proc with it; or no descriptor is left for us
            return memory.read_checked(self.tid, address, size)

    def scratch(self, size: int) -> int:
        """Below the red zone of the stack: the thread does not run until its call returns."""
        return (self.stack - _RED_ZONE - size) & ~15

    def borrow(self, fd: int) -> int:
        try:
            return self._borrow(fd)
        except OSError as error:
            if error.errno != errno.EMFILE:
                raise Errno(errno.EBADF) from None
        for process in self.processes.values():  # they are opened again at first need
            process.close()
        try:
            return self._borrow(fd)
        except OSError as error:
            raise Errno(error.errno or errno.EBADF) from None

    def _borrow(self, fd: int) -> int:
        if self._shares_descriptors():
            return duplicate(self.process.pidfd(), fd)
        pidfd = os.pidfd_open(self.tid, PIDFD_THREAD)  # Linux 6.9 and later
        try:
            return duplicate(pidfd, fd)
        finally:
            os.close(pidfd)

    def _shares_descriptors(self) -> bool:
        """Not after unshare(CLONE_FILES), nor with a first thread that has ended (kcmp(2))."""
        return self.tid == self.tgid or _kcmp(_SYS_KCMP, self.tid, self.tgid, _KCMP_FILES) <= 0
