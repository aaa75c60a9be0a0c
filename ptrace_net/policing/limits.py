"""Steps for ``[limits]``: what there is less of than the provider has."""

from __future__ import annotations

import errno
import os
import struct
from typing import TYPE_CHECKING

from ptrace_net.policing.calls import Go, onward, with_memory
from ptrace_net.policing.names import endpoint, readable
from ptrace_net.syscalls.memory import read_int
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail

if TYPE_CHECKING:
    from ptrace_net.policies.values import Limits

SOL_SOCKET, SO_SNDBUF, SO_RCVBUF = 1, 7, 8
MAKING = ("socket", "socketpair", "accept", "accept4")


class LimitSteps:
    """The steps of one policy's limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._buffers = {SO_SNDBUF: limits.sndbuf, SO_RCVBUF: limits.rcvbuf}

    def listen(self, call: Call, go: Go) -> Answer:
        """listen(2) itself cuts what it is asked for (net.core.somaxconn); a negative number is large."""
        fd, asked = call.args[:2]
        most = self._limits.backlog
        if most is None or asked & 0xFFFFFFFF <= most:
            return go(call)
        return onward(go, call, (fd, most))

    def buffer(self, call: Call, go: Go) -> Answer:
        most = self._buffers.get(call.args[2])
        if call.args[1] != SOL_SOCKET or most is None or call.args[4] < 4:
            return go(call)
        try:
            asked = read_int(call.task, call.arch, call.args[3])
        except Errno:
            return go(call)
        if 0 <= asked <= most:
            return go(call)
        return with_memory(go, call, 3, struct.pack(call.arch.endian + "i", most), {4: 4})

    def make(self, call: Call, go: Go) -> Answer:
        most = self._limits.descriptors
        if most is None:
            return go(call)
        wanted = 2 if call.name == "socketpair" else 1
        try:
            count = len(os.listdir(f"/proc/{call.task.tid}/fd"))
        except OSError:
            return go(call)
        return Fail(errno.EMFILE) if count + wanted > most else go(call)

    def bind(self, call: Call, go: Go) -> Answer:
        at = endpoint(readable(call), call.arch)
        ports = self._limits.ports
        if at is None or ports is None or not at.port or ports[0] <= at.port <= ports[1]:
            return go(call)
        return Fail(errno.EACCES)
