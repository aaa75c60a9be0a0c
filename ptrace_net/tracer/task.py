"""What every engine reaches of a thread: memory and descriptors (``syscalls.seam.Task``)."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
from typing import TYPE_CHECKING, Final

from ptrace_net.syscalls.seam import Errno
from ptrace_net.tracer import memory
from ptrace_net.tracer.spawn import has_privilege

if TYPE_CHECKING:
    from collections.abc import Sequence

PIDFD_THREAD = os.O_EXCL
_SYS_PIDFD_GETFD: Final = 438

# Small numbers all: without declared types a call takes half the time.
_getfd: Final = ctypes.PyDLL(None, use_errno=True).syscall


class Task:
    """One thread of a run, known by its id; engines add how they get at its descriptors."""

    __slots__ = ("tid",)

    def __init__(self, tid: int) -> None:
        self.tid = tid

    def read(self, address: int, size: int) -> bytes:
        data = self.read_up_to(address, size)
        if len(data) < size:
            raise Errno(errno.EFAULT)
        return data

    def read_up_to(self, address: int, size: int) -> bytes:
        return memory.read_checked(self.tid, address, size)

    def write(self, address: int, data: bytes) -> None:
        if data and not memory.write(self.tid, address, data):
            raise Errno(errno.EFAULT)

    def read_two(self, first: int, size: int, second: int, more: int) -> tuple[bytes, bytes]:
        return memory.read_two(self.tid, first, size, second, more)

    def read_many(self, places: Sequence[tuple[int, int]]) -> bytes:
        return memory.read_many(self.tid, places)

    def write_all(self, pieces: Sequence[tuple[int, bytes]]) -> None:
        if not memory.write_all(self.tid, pieces):
            raise Errno(errno.EFAULT)

    def write_two(self, first: int, head: bytes, second: int, tail: bytes) -> None:
        if not memory.write_two(self.tid, first, head, second, tail):
            raise Errno(errno.EFAULT)

    def scratch(self, size: int) -> int:
        return 0

    def held(self, fd: int) -> int:
        return -1

    def socket_inode(self, fd: int) -> int:
        try:
            link = os.readlink(f"/proc/{self.tid}/fd/{fd}")
        except OSError:
            return 0
        return int(link[8:-1]) if link.startswith("socket:[") else 0

    def closes_on_exec(self, fd: int) -> bool:
        """FD_CLOEXEC of ``fd``; raises ``Errno(EBADF)``."""
        try:
            with open(f"/proc/{self.tid}/fdinfo/{fd}") as info:
                for line in info:
                    if line.startswith("flags:"):
                        return bool(int(line.split()[1], 8) & os.O_CLOEXEC)
        except OSError:
            pass
        raise Errno(errno.EBADF)

    def has_privilege(self, capability: int) -> bool:
        return has_privilege(self.tid, capability)


def duplicate(pidfd: int, fd: int) -> int:
    """pidfd_getfd(2): the process's descriptor as one of ours; raises OSError."""
    result: int = _getfd(_SYS_PIDFD_GETFD, pidfd, fd, 0)
    if result < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    return result


def share_blocking(old: int, new: int) -> None:
    """Set O_NONBLOCK on ``new`` where ``old`` has it."""
    if fcntl.fcntl(old, fcntl.F_GETFL) & os.O_NONBLOCK:
        fcntl.fcntl(new, fcntl.F_SETFL, fcntl.fcntl(new, fcntl.F_GETFL) | os.O_NONBLOCK)


def thread_group(tid: int) -> int:
    """The thread group of ``tid`` (proc(5), status); ``tid`` itself when it is gone already."""
    try:
        with open(f"/proc/{tid}/status") as status:
            for line in status:
                if line.startswith("Tgid:"):
                    return int(line[5:])
    except OSError:
        pass
    return tid
