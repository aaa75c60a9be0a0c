"""A thread that must wait sleeps in the kernel, in ppoll(2) on its own descriptor."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Native, Wait

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task

_ROOM = 64


def poll_call(task: Task, arch: Arch, wait: Wait) -> Native:
    """``ppoll(&pollfd, 1, timeout, NULL)``; raises Errno(EFAULT) where the stack cannot be written."""
    address = task.scratch(_ROOM)
    word = "q" if arch.word == 8 else "i"
    pollfd = struct.pack(arch.endian + "ihh", wait.fd, wait.events, 0)
    timespec = b""
    if wait.timeout is not None:
        seconds = int(wait.timeout)
        timespec = struct.pack(arch.endian + 2 * word, seconds, int((wait.timeout - seconds) * 1e9))
    task.write(address, pollfd.ljust(16, b"\0") + timespec)
    return Native(name="ppoll", args=(address, 1, address + 16 if timespec else 0, 0, 0))
