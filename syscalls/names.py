"""bind(2), connect(2), getsockname(2), getpeername(2): calls that name a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.syscalls.memory import give_name, read_int, read_name
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Sockets


def bind(call: Call, sockets: Sockets) -> Answer:
    fd, address, length = call.args
    with sockets.find(call.task, fd) as held:
        if held is not None:
            return held.sock.bind(call.task, held.handle, read_name(call.task, address, length))
    try:
        name = read_name(call.task, address, length)
    except Errno:
        return NATIVE  # the kernel knows which of its errors comes first
    return sockets.bind_native(call.task, fd, name)


def connect(call: Call, sockets: Sockets) -> Answer:
    fd, address, length = call.args
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        return held.sock.connect(held.handle, read_name(call.task, address, length), fd)


def getsockname(call: Call, sockets: Sockets) -> Answer:
    with sockets.find(call.task, call.args[0]) as held:
        if held is None:
            return NATIVE
        return _give(call, held.sock.settled_name() or held.sock.local_name(held.handle))


def getpeername(call: Call, sockets: Sockets) -> Answer:
    with sockets.find(call.task, call.args[0]) as held:
        return NATIVE if held is None else _give(call, held.sock.peer_name(held.handle))


def _give(call: Call, name: bytes) -> Answer:
    _, address, length_address = call.args
    room = read_int(call.task, call.arch, length_address)
    give_name(call.task, call.arch, name, address, length_address, room)
    return Return(0)
