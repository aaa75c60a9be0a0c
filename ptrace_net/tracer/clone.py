"""clone(2) and clone3(2) without CLONE_UNTRACED: a child that no tracer follows would run unserviced."""

from __future__ import annotations

import errno
import struct

from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Fail, Native

CLONE_UNTRACED = 0x00800000


def clone(call: Call) -> Answer:
    flags = call.args[0]
    return Native(name="clone", args=(flags & ~CLONE_UNTRACED, *call.args[1:]))


def clone3(call: Call) -> Answer:
    """The flags are the first 64 bits of struct clone_args in memory (linux/sched.h)."""
    address = call.args[0]
    try:
        (flags,) = struct.unpack(call.arch.endian + "Q", call.task.read(address, 8))
    except Errno:
        return NATIVE  # the kernel answers EFAULT itself
    if flags & CLONE_UNTRACED:
        try:
            call.task.write(address, struct.pack(call.arch.endian + "Q", flags & ~CLONE_UNTRACED))
        except Errno:
            return Fail(errno.ENOSYS)  # read-only: clone(2) takes its flags in a register
    return NATIVE


HANDLERS = {"clone": clone, "clone3": clone3}
