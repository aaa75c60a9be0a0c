"""bind(2), connect(2), getsockname(2), getpeername(2): calls that name a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.syscalls.memory import give_name, read_int, read_name
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Return

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Sockets


def bind(call: Call, sockets: Sockets) -> Answer:
    fd, address, length = call.args
    sock = sockets.find(call.task, fd)
    if sock is not None:
        return sock.bind(call.task, fd, read_name(call.task, address, length))
    try:
        name = read_name(call.task, address, length)
    except Errno:
        return NATIVE  # the kernel knows which of its errors comes first
    return sockets.bind_native(call.task, fd, name)


def connect(call: Call, sockets: Sockets) -> Answer:
    fd, address, length = call.args
    sock = sockets.find(call.task, fd)
    if sock is None:
        return NATIVE
    return sock.connect(call.task, fd, read_name(call.task, address, length))


def getsockname(call: Call, sockets: Sockets) -> Answer:
    sock = sockets.find(call.task, call.args[0])
    return NATIVE if sock is None else _give(call, sock.local_name)


def getpeername(call: Call, sockets: Sockets) -> Answer:
    sock = sockets.find(call.task, call.args[0])
    return NATIVE if sock is None else _give(call, sock.peer_name)


def _give(call: Call, name: Callable[[Task, int], bytes]) -> Answer:
    fd, address, length_address = call.args
    value = name(call.task, fd)
    room = read_int(call.task, call.arch, length_address)
    give_name(call.task, call.arch, value, address, length_address, room)
    return Return(0)
