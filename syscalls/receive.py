"""recvfrom(2), recvmsg(2), recvmmsg(2): the kernel receives, and what it wrote is translated at the exit.

Blocking, flags and timeouts are the kernel's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import mmsghdr, msghdr
from ptrace_net.syscalls import take, take_several
from ptrace_net.syscalls.create import replace_name, translate_name
from ptrace_net.syscalls.memory import SOCKADDR_STORAGE, read_int, taken_name, write_int
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, Header, checked, fitted, raw_header, read_header
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Socket, Sockets

MSG_CTRUNC = 0x8
_LONGEST = 1 << 17  # of a control buffer: the kernel fills less
_WORD, _HEADER_ROOM = 16, 64
_NAME_ROOM = 256  # for a header or a length, and a name
_ASIDE = 1024  # the same, and control messages


def recvfrom(call: Call, sockets: Sockets) -> Answer:
    name_address, length_address = call.args[4:6]
    with sockets.find(call.task, call.args[0]) as held:
        asks = name_address or call.args[3] & (take.MSG_ERRQUEUE | take.MSG_TRUNC)
        if held is None or not asks:
            return NATIVE
        sock = held.sock
        if sock.receives(named=True):
            return take.received_from(call, held)
        if not name_address or not sock.names_senders():
            return NATIVE
    try:
        room = read_int(call.task, call.arch, length_address)
    except Errno:
        return NATIVE

    def received(result: int) -> Answer | None:
        if result >= 0:
            translate_name(call, sock, name_address, length_address, room)
        return None

    place = call.task.scratch(_NAME_ROOM) if sock.names_outgrow() else 0
    if not place:
        return Native(received)
    write_int(call.task, call.arch, place, SOCKADDR_STORAGE)

    def received_aside(result: int) -> Answer | None:
        if result >= 0:
            length = read_int(call.task, call.arch, place)
            name = sock.given_name(call.task.read(place + _WORD, length)) if length > 0 else b""
            replace_name(call, name, name_address, length_address, room)
        return None

    return Native(received_aside, "recvfrom", (*call.args[:4], place + _WORD, place))


def recv(call: Call, sockets: Sockets) -> Answer:
    """recv(2) of socketcall(2)."""
    return recvfrom(Call(call.task, call.arch, "recvfrom", (*call.args, 0, 0)), sockets)


def recvmsg(call: Call, sockets: Sockets) -> Answer:
    address = call.args[1]
    with sockets.find(call.task, call.args[0]) as held:
        if held is None:
            return NATIVE
        sock = held.sock
        raw = raw_header(call.task, call.arch, address)
        if sock.receives(named=take.asks(raw, call.args[2])):
            return take.received_message(call, held, raw)
        if not sock.names_senders():
            return NATIVE
    asked = checked(raw)
    if not asked.name and not asked.control:
        return NATIVE

    place = call.task.scratch(_ASIDE) if sock.names_outgrow() else 0
    if not place:

        def received(result: int) -> Answer | None:
            if result >= 0:
                _translate_header(call, sock, address, asked)
            return None

        return Native(received)
    return _receive_aside(call, sock, asked, place)


def _receive_aside(call: Call, sock: Socket, asked: Header, place: int) -> Answer:
    """Receive through a header of ours with room for what the kernel has to say; then fill the program's."""
    task, fast, address = call.task, msghdr.fast(call.arch), call.args[1]
    ours = asked._replace(name=place + _HEADER_ROOM, name_length=SOCKADDR_STORAGE)
    if asked.control:
        ours = ours._replace(control=place + _NAME_ROOM, control_length=_ASIDE - _NAME_ROOM)
    task.write(place, fast.pack(*ours))

    def received(result: int) -> Answer | None:
        if result >= 0:
            filled = Header(*fast.unpack(task.read(place, fast.size)))
            name = task.read(ours.name, min(filled.name_length, SOCKADDR_STORAGE))
            seen = sock.given_name(name) if name else b""
            filled = _translate_control(call, sock, asked, filled, name)
            filled = filled._replace(name=asked.name, name_length=0, control=asked.control)
            if asked.name:
                task.write(asked.name, seen[: asked.name_length])
                filled = filled._replace(name_length=len(seen))
            task.write(address, fast.pack(*filled))
        return None

    return Native(received, "recvmsg", (call.args[0], place, call.args[2]))


def recvmmsg(call: Call, sockets: Sockets) -> Answer:
    with sockets.find(call.task, call.args[0]) as held:
        if held is None:
            return NATIVE
        sock = held.sock
        if sock.receives(named=take.first_asks(call)):
            return take_several.received_messages(call, held)
        if not sock.names_senders():
            return NATIVE
    address, count = call.args[1], min(call.args[2], UIO_MAXIOV)
    stride = mmsghdr.fast(call.arch).size
    asked = []
    try:
        for index in range(count):
            asked.append(read_header(call.task, call.arch, address + index * stride))
    except Errno:
        pass  # the kernel fails at the same place, after the messages before it

    def received(result: int) -> Answer | None:
        for index in range(min(result, len(asked))):
            _translate_header(call, sock, address + index * stride, asked[index])
        return None

    return Native(received)


def _translate_header(call: Call, sock: Socket, address: int, asked: Header) -> None:
    """Rewrite the name and the control messages that the kernel gave, in the room that the program had."""
    task, fast = call.task, msghdr.fast(call.arch)
    try:
        filled = Header(*fast.unpack(task.read(address, fast.size)))
        kernel_name = b""
        if asked.name and filled.name_length > 0:
            length = min(filled.name_length, SOCKADDR_STORAGE)
            kernel_name = taken_name(task, asked.name, length, asked.name_length)
            name = sock.given_name(kernel_name)
            task.write(asked.name, name[: asked.name_length])
            filled = filled._replace(name_length=len(name))
        task.write(address, fast.pack(*_translate_control(call, sock, asked, filled, kernel_name)))
    except Errno:
        return  # unmapped behind the kernel's back: the program cannot look at it either


def _translate_control(call: Call, sock: Socket, asked: Header, filled: Header, name: bytes) -> Header:
    """Give the control messages that came from ``name`` as the program sees them; the header then."""
    if not asked.control or not filled.control_length:
        return filled
    room = asked.control_length if filled.control == asked.control else _ASIDE
    size = min(filled.control_length, room, _LONGEST)
    control = sock.received_control(call.task.read(filled.control, size), name, call.arch.word)
    control, cut = fitted(control, asked.control_length, call.arch)
    call.task.write(asked.control, control)
    return filled._replace(flags=filled.flags | (MSG_CTRUNC if cut else 0), control_length=len(control))
