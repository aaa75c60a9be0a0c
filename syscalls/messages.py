"""sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and their plural forms: messages with addresses.

Sending is done for the program where an address must be translated; receiving is the kernel's, and what it wrote
is translated at the exit of the call, so that blocking, flags and timeouts are its own.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.msghdr import iovec, mmsghdr, msghdr
from ptrace_net.syscalls.create import translate_name
from ptrace_net.syscalls.memory import read_int, read_name, taken_name
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native, Return, Wait
from ptrace_net.syscalls.sockets import Message

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Socket, Sockets

UIO_MAXIOV = 1024
SOCKADDR_STORAGE = 128
MSG_CTRUNC = 0x8
MSG_CMSG_CLOEXEC = 0x40000000
# More than any datagram: what lies behind is not read, and the kernel answers EMSGSIZE all the same.
_LONGEST = 1 << 17


class Header(NamedTuple):
    """``struct msghdr`` in the program's memory, read once."""

    name: int
    name_length: int
    iov: int
    iov_length: int
    control: int
    control_length: int
    flags: int


def read_header(task: Task, arch: Arch, address: int) -> Header:
    fast = msghdr.fast(arch)
    header = Header(*fast.unpack(task.read(address, fast.size)))
    if header.name_length < 0:
        raise Errno(errno.EINVAL)
    if not header.name:
        return header._replace(name_length=0)
    return header._replace(name_length=min(header.name_length, SOCKADDR_STORAGE))


def gather(task: Task, arch: Arch, header: Header) -> bytes:
    """The pieces of a message, joined; raises Errno(EMSGSIZE, EINVAL or EFAULT)."""
    if header.iov_length > UIO_MAXIOV:
        raise Errno(errno.EMSGSIZE)
    fast = iovec.fast(arch)
    table = task.read(header.iov, header.iov_length * fast.size) if header.iov_length else b""
    pieces, total = [], 0
    for offset in range(0, len(table), fast.size):
        base, length = fast.unpack(table, offset)
        if length >= 1 << (arch.bits - 1):
            raise Errno(errno.EINVAL)
        length = min(length, _LONGEST - total)
        pieces.append(task.read(base, length) if length else b"")
        total += length
    return b"".join(pieces)


def sendto(call: Call, sockets: Sockets) -> Answer:
    fd, address, size, flags, name_address, name_length = call.args
    sock = sockets.find(call.task, fd)
    if sock is None or not name_address:
        return NATIVE
    name = read_name(call.task, name_address, name_length)
    if sock.passes(name, b""):
        return NATIVE
    length = min(size, _LONGEST)
    data = call.task.read(address, length) if length else b""
    return sock.send(call.task, fd, Message(data, name, b"", flags))


def sendmsg(call: Call, sockets: Sockets) -> Answer:
    fd, address, flags = call.args
    sock = sockets.find(call.task, fd)
    if sock is None:
        return NATIVE
    return _send_one(call, sock, address, flags) or NATIVE


def _send_one(call: Call, sock: Socket, address: int, flags: int) -> Answer | None:
    """None: the kernel may send it as it stands."""
    task = call.task
    header = read_header(task, call.arch, address)
    name = task.read(header.name, header.name_length) if header.name_length else b""
    control = b""
    if header.control and header.control_length:
        control = task.read(header.control, min(header.control_length, _LONGEST))
    if sock.passes(name, control):
        return None
    message = Message(gather(task, call.arch, header), name, control, flags)
    return sock.send(task, call.args[0], message)


def sendmmsg(call: Call, sockets: Sockets) -> Answer:
    """One message after the other; an error ends it and is told only when nothing was sent."""
    fd, address, count, flags = call.args
    sock = sockets.find(call.task, fd)
    if sock is None:
        return NATIVE
    return _send_from(call, sock, 0)


def _send_from(call: Call, sock: Socket, first: int) -> Answer:
    _, address, count, flags = call.args
    stride = mmsghdr.fast(call.arch).size
    for index in range(first, min(count, UIO_MAXIOV)):
        at = address + index * stride
        try:
            answer = _send_one(call, sock, at, flags)
        except Errno:
            if index:
                return Return(index)
            raise
        if answer is None:
            return Return(index) if index else NATIVE
        if isinstance(answer, Wait):
            return answer._replace(retry=lambda index=index: _send_from(call, sock, index))  # type: ignore[misc]
        sent = answer.value if isinstance(answer, Return) else 0
        call.task.write(at + msghdr.size(call.arch), struct.pack(call.arch.endian + "I", sent))
    return Return(min(count, UIO_MAXIOV))


def recvfrom(call: Call, sockets: Sockets) -> Answer:
    sock = sockets.find(call.task, call.args[0])
    name_address, length_address = call.args[4:6]
    if sock is None or not name_address:
        return NATIVE
    try:
        room = read_int(call.task, call.arch, length_address)
    except Errno:
        return NATIVE

    def received(result: int) -> Answer | None:
        if result >= 0:
            translate_name(call, sock, name_address, length_address, room)
        return None

    return Native(received)


def recvmsg(call: Call, sockets: Sockets) -> Answer:
    sock = sockets.find(call.task, call.args[0])
    if sock is None:
        return NATIVE
    address = call.args[1]
    asked = read_header(call.task, call.arch, address)
    if not asked.name and not asked.control:
        return NATIVE

    def received(result: int) -> Answer | None:
        if result >= 0:
            _translate_header(call, sock, address, asked)
        return None

    return Native(received)


def recvmmsg(call: Call, sockets: Sockets) -> Answer:
    sock = sockets.find(call.task, call.args[0])
    if sock is None:
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
    task, arch = call.task, call.arch
    fast = msghdr.fast(arch)
    try:
        filled = Header(*fast.unpack(task.read(address, fast.size)))
        kernel_name = b""
        if asked.name and filled.name_length > 0:
            kernel_name = taken_name(task, asked.name, filled.name_length, asked.name_length)
            name = sock.given_name(kernel_name)
            task.write(asked.name, name[: asked.name_length])
            filled = filled._replace(name_length=len(name))
        if asked.control and filled.control_length:
            raw = task.read(asked.control, filled.control_length)
            control = sock.received_control(raw, kernel_name)
            if len(control) > asked.control_length:
                filled = filled._replace(flags=filled.flags | MSG_CTRUNC)
                control = control[: asked.control_length]
            task.write(asked.control, control)
            filled = filled._replace(control_length=len(control))
        task.write(address, fast.pack(*filled))
    except Errno:
        return  # unmapped behind the kernel's back: the program cannot look at it either
