"""``[ports]``: the program's ports are others on the host, and it is told its own.

On the way in the port of an address that is bound, or of this machine's that is connected or sent to, is
replaced; on the way out it is put back wherever an address is told. A port on the host's side of the table
stands for the program's everywhere: the program cannot have both.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ptrace_net.policing.calls import Go, afterwards, onward, with_memory
from ptrace_net.policing.names import (
    GIVEN,
    SOCKADDR_ROOM,
    TOLD,
    endpoint,
    is_local,
    message_name,
    readable,
    with_port,
)
from ptrace_net.syscalls.memory import read_int
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail

if TYPE_CHECKING:
    from ptrace_net.syscalls.msghdr import Header


class Ports:
    """The steps of one table."""

    def __init__(self, ports: Mapping[int, int]) -> None:
        self._there = dict(ports)
        self._own = {there: own for own, there in ports.items()}

    def give(self, call: Call, go: Go) -> Answer:
        """bind, connect, sendto."""
        name = self._on_the_host(call, readable(call))
        if name is None:
            return go(call)
        if not name:
            return Fail(errno.EADDRINUSE)
        place, length = GIVEN[call.name]
        return with_memory(go, call, place, name, {length: len(name)})

    def _on_the_host(self, call: Call, name: bytes) -> bytes | None:
        """The name with the host's port; None where it stays, empty where another has that port."""
        at = endpoint(name, call.arch)
        if at is None or not (call.name == "bind" or is_local(at.address)):
            return None
        if at.port in self._there:
            return with_port(name, self._there[at.port])
        return b"" if call.name == "bind" and at.port in self._own else None

    def told(self, call: Call, go: Go) -> Answer:
        """getsockname, getpeername, accept, recvfrom."""
        place, length = TOLD[call.name]
        address, size = call.args[place], call.args[length]
        if not address:
            return go(call)
        try:
            room = read_int(call.task, call.arch, size)
        except Errno:
            return go(call)

        def put_back(result: int) -> None:
            used = min(room, read_int(call.task, call.arch, size), SOCKADDR_ROOM)
            self._put_back(call, address, used)

        return afterwards(go(call), put_back)

    def _put_back(self, call: Call, address: int, size: int) -> None:
        at = endpoint(call.task.read(address, size), call.arch) if size >= 16 else None
        if at is not None and at.port in self._own:
            call.task.write(address + 2, self._own[at.port].to_bytes(2, "big"))

    def send(self, call: Call, go: Go) -> Answer:
        """sendmsg: a copy of the msghdr with a copy of the name."""
        from ptrace_net.abi.msghdr import msghdr
        from ptrace_net.syscalls.msghdr import read_header

        try:
            name = self._on_the_host(call, message_name(call.task, call.arch, call.args[1]))
            if not name:
                return go(call)
            header = read_header(call.task, call.arch, call.args[1])
        except Errno:
            return go(call)
        address = call.task.scratch(64 + SOCKADDR_ROOM)
        if not address:
            return go(call)
        changed = header._replace(name=address + 64, name_length=len(name))
        try:
            call.task.write(address, msghdr.fast(call.arch).pack(*changed).ljust(64, b"\0") + name)
        except Errno as error:
            return Fail(error.number)
        return onward(go, call, (call.args[0], address, *call.args[2:]))

    def receive(self, call: Call, go: Go) -> Answer:
        """recvmsg and recvmmsg."""
        from ptrace_net.policing.messages import UIO_MAXIOV
        from ptrace_net.syscalls.msghdr import read_header

        several = call.name != "recvmsg"
        places = _headers(call, min(call.args[2], UIO_MAXIOV) if several else 1)
        try:
            before = [read_header(call.task, call.arch, place) for place in places]
        except Errno:
            return go(call)

        def put_back(result: int) -> None:
            for place, header in list(zip(places, before, strict=True))[: result if several else 1]:
                self._in_header(call, place, header)

        return afterwards(go(call), put_back)

    def _in_header(self, call: Call, place: int, before: Header) -> None:
        if before.name:
            word = call.arch.word
            length = struct.unpack(call.arch.endian + "i", call.task.read(place + word, 4))[0]
            self._put_back(call, before.name, min(before.name_length, length))


def _headers(call: Call, count: int) -> list[int]:
    from ptrace_net.abi.msghdr import mmsghdr

    stride = mmsghdr.size(call.arch)
    return [call.args[1] + stride * place for place in range(count)]
