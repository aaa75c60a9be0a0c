"""getsockopt(2) and setsockopt(2): lengths and copying; what an option means is the provider's."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from ptrace_net.syscalls.memory import read_int, write_int
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Sockets

_LONGEST = 1 << 16  # no option that a provider answers has a longer value


def setsockopt(call: Call, sockets: Sockets) -> Answer:
    fd, level, option, address, length = call.args
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        if length < 0:
            raise Errno(errno.EINVAL)
        value = call.task.read_up_to(address, min(length, _LONGEST))
        if len(value) < min(length, 4):
            raise Errno(errno.EFAULT)
        return held.sock.set_option(held.handle, level, option, value)


def getsockopt(call: Call, sockets: Sockets) -> Answer:
    fd, level, option, address, length_address = call.args
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        size = read_int(call.task, call.arch, length_address)
        if size < 0:
            raise Errno(errno.EINVAL)
        value = held.sock.get_option(held.handle, level, option, size)
    if value is None:
        return NATIVE
    write_int(call.task, call.arch, length_address, len(value))
    call.task.write(address, value)
    return Return(0)
