"""A thread that must wait sleeps in the kernel, in ppoll(2) on its own descriptor."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Native, Wait

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task

_ROOM = 64
_POLLNVAL = 32


def poll_call(task: Task, arch: Arch, wait: Wait, timeout: float | None) -> Native:
    """``ppoll(&pollfd, 1, timeout, NULL)``; raises Errno(EFAULT) where the stack cannot be written."""
    address = task.scratch(_ROOM)
    word = "q" if arch.word == 8 else "i"
    pollfd = struct.pack(arch.endian + "ihh", wait.fd, wait.events, 0)
    timespec = b""
    if timeout is not None:
        seconds = int(timeout)
        timespec = struct.pack(arch.endian + 2 * word, seconds, int((timeout - seconds) * 1e9))
    task.write(address, pollfd.ljust(16, b"\0") + timespec)
    return Native(name="ppoll", args=(address, 1, address + 16 if timespec else 0, 0, 0))


def was_closed(task: Task, arch: Arch) -> bool:
    """Whether that call, which has returned, found no such descriptor."""
    (revents,) = struct.unpack(arch.endian + "h", task.read(task.scratch(_ROOM) + 6, 2))
    return bool(revents & _POLLNVAL)
