"""socket(2), socketpair(2), listen(2), accept(2), accept4(2), shutdown(2): how sockets begin and end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.syscalls.memory import give_name, read_int, taken_name
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.syscalls.sockets import Socket, Sockets


def socket(call: Call, sockets: Sockets) -> Answer:
    return sockets.create(call.task, *call.args[:3])


def socketpair(call: Call, sockets: Sockets) -> Answer:
    return sockets.create_pair(call.task, *call.args[:4])


def listen(call: Call, sockets: Sockets) -> Answer:
    fd, backlog = call.args
    with sockets.find(call.task, fd) as held:
        if held is not None:
            return held.sock.listen(held.handle, backlog)
    return sockets.listen_native(call.task, fd, backlog)


def accept(call: Call, sockets: Sockets) -> Answer:
    with sockets.find(call.task, call.args[0]) as held:
        return NATIVE if held is None else held.sock.accept(call, held.handle)


def accept_translated(call: Call, sock: Socket, accepted: Callable[[int], bytes]) -> Answer:
    """The kernel accepts, and blocks where it must; the new socket and its peer's name are then made ours.

    ``accepted(fd)`` gives the peer's name, none when it is gone already.
    """
    address, length_address = call.args[1:3]
    room = _room(call, length_address) if address else 0

    def then(fd: int) -> Answer | None:
        if fd >= 0:
            name = accepted(fd)
            if address and name:
                replace_name(call, name, address, length_address, room)
            elif address:
                translate_name(call, sock, address, length_address, room)
        return None

    return Native(then)


def shutdown(call: Call, sockets: Sockets) -> Answer:
    fd, how = call.args
    with sockets.find(call.task, fd) as held:
        return NATIVE if held is None else held.sock.shutdown(held.handle, how)


def translate_name(call: Call, sock: Socket, address: int, length_address: int, room: int) -> None:
    """Replace the address that the kernel copied out by what the program shall see."""
    task, arch = call.task, call.arch
    try:
        length = read_int(task, arch, length_address)
        if length > 0:
            name = sock.given_name(taken_name(task, address, length, room))
            give_name(task, arch, name, address, length_address, room)
    except Errno:
        return  # the memory went away after the kernel wrote to it: nobody can read it either


def replace_name(call: Call, name: bytes, address: int, length_address: int, room: int) -> None:
    """Copy out ``name`` over what the kernel wrote."""
    try:
        give_name(call.task, call.arch, name, address, length_address, room)
    except Errno:
        return  # as above


def _room(call: Call, length_address: int) -> int:
    try:
        return read_int(call.task, call.arch, length_address)
    except Errno:
        return 0  # the kernel is about to answer EFAULT
