"""sendto(2), recvfrom(2), sendmsg(2), recvmsg(2) and their plural forms: messages with addresses.

Sending is done for the program where an address must be translated; receiving is the kernel's, and what it
wrote is translated at the exit of the call, so that blocking, flags and timeouts are its own.
"""

from __future__ import annotations

import errno
import fcntl
import os
import struct
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.msghdr import cmsg_align, cmsghdr, iovec, mmsghdr, msghdr
from ptrace_net.syscalls.create import translate_name
from ptrace_net.syscalls.memory import read_int, read_name, taken_name
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Fail, Native, Return, Wait
from ptrace_net.syscalls.sockets import Held, Message

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Socket, Sockets

UIO_MAXIOV = 1024
SOCKADDR_STORAGE = 128
MSG_CTRUNC = 0x8
MSG_DONTWAIT = 0x40
POLLOUT = 4
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


def pieces(task: Task, arch: Arch, header: Header) -> list[tuple[int, int]]:
    """``(address, bytes)`` of the iovec; raises Errno(EMSGSIZE, EINVAL or EFAULT)."""
    if header.iov_length > UIO_MAXIOV:
        raise Errno(errno.EMSGSIZE)
    fast = iovec.fast(arch)
    table = task.read(header.iov, header.iov_length * fast.size) if header.iov_length else b""
    places = [fast.unpack(table, offset) for offset in range(0, len(table), fast.size)]
    if any(length >= 1 << (arch.bits - 1) for _, length in places):
        raise Errno(errno.EINVAL)
    return places


def gather(task: Task, arch: Arch, header: Header) -> bytes:
    """The pieces of a message, joined."""
    parts, total = [], 0
    for base, length in pieces(task, arch, header):
        length = min(length, _LONGEST - total)
        parts.append(task.read(base, length) if length else b"")
        total += length
    return b"".join(parts)


def sendto(call: Call, sockets: Sockets) -> Answer:
    fd, address, size, flags, name_address, name_length = call.args
    with sockets.find(call.task, fd) as held:
        if held is None or not name_address:
            return NATIVE
        name = read_name(call.task, name_address, name_length)
        if held.sock.passes(name, b""):
            return NATIVE
        length = min(size, _LONGEST)
        data = call.task.read(address, length) if length else b""
        return _sent(call, held, Message(data, name, b"", flags))


def sendmsg(call: Call, sockets: Sockets) -> Answer:
    fd, address, flags = call.args
    with sockets.find(call.task, fd) as held:
        message = None if held is None else _message(call, held.sock, address, flags)
        return NATIVE if held is None or message is None else _sent(call, held, message)


def _sent(call: Call, held: Held, message: Message) -> Answer:
    try:
        return Return(held.sock.send(held.handle, message, call.arch.word))
    except Errno as error:
        if error.number != errno.EAGAIN or message.flags & MSG_DONTWAIT or not _blocking(held.handle):
            raise
    return Wait(call.args[0], POLLOUT)


def _message(call: Call, sock: Socket, address: int, flags: int) -> Message | None:
    """The message whose msghdr lies at ``address``; None: the kernel may send it as it stands."""
    task = call.task
    header = read_header(task, call.arch, address)
    name = task.read(header.name, header.name_length) if header.name_length else b""
    control = b""
    if header.control and header.control_length:
        control = task.read(header.control, min(header.control_length, _LONGEST))
    if sock.passes(name, control):
        return None
    return Message(gather(task, call.arch, header), name, control, flags)


def sendmmsg(call: Call, sockets: Sockets) -> Answer:
    """One message after the other; what ends it early is told only when nothing was sent."""
    fd, address, count, flags = call.args
    stride, length_at = mmsghdr.fast(call.arch).size, msghdr.size(call.arch)
    sent = 0
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        for at in range(address, address + min(count, UIO_MAXIOV) * stride, stride):
            answer = _send_next(call, held, at, flags, first=not sent)
            if not isinstance(answer, Return):
                return Return(sent) if sent else answer
            call.task.write(at + length_at, struct.pack(call.arch.endian + "I", answer.value))
            sent += 1
    return Return(sent)


def _send_next(call: Call, held: Held, address: int, flags: int, *, first: bool) -> Answer:
    try:
        message = _message(call, held.sock, address, flags)
        return NATIVE if message is None else _sent(call, held, message)
    except Errno as error:
        if first:
            raise
        return Fail(error.number)


def recvfrom(call: Call, sockets: Sockets) -> Answer:
    name_address, length_address = call.args[4:6]
    with sockets.find(call.task, call.args[0]) as held:
        if held is None or not name_address:
            return NATIVE
        sock = held.sock
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
    with sockets.find(call.task, call.args[0]) as held:
        if held is None:
            return NATIVE
        sock = held.sock
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
    with sockets.find(call.task, call.args[0]) as held:
        if held is None:
            return NATIVE
        sock = held.sock
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
            length = min(filled.name_length, SOCKADDR_STORAGE)
            kernel_name = taken_name(task, asked.name, length, asked.name_length)
            name = sock.given_name(kernel_name)
            task.write(asked.name, name[: asked.name_length])
            filled = filled._replace(name_length=len(name))
        if asked.control and filled.control_length:
            raw = task.read(asked.control, min(filled.control_length, asked.control_length, _LONGEST))
            control = sock.received_control(raw, kernel_name, arch.word)
            control, cut = fitted(control, asked.control_length, arch)
            task.write(asked.control, control)
            flags = filled.flags | (MSG_CTRUNC if cut else 0)
            filled = filled._replace(flags=flags, control_length=len(control))
        task.write(address, fast.pack(*filled))
    except Errno:
        return  # unmapped behind the kernel's back: the program cannot look at it either


def fitted(control: bytes, room: int, arch: Arch) -> tuple[bytes, bool]:
    """As much of a control buffer as ``room`` takes, and whether a message of it was cut (put_cmsg())."""
    head, offset = cmsghdr.fast(arch), 0
    while offset + head.size <= len(control):
        length, level, kind = head.unpack(control, offset)
        if offset + head.size > room:
            return control[:offset], True
        if offset + length > room:
            cut = head.pack(room - offset, level, kind)
            return control[:offset] + cut + control[offset + head.size : room], True
        offset += max(cmsg_align(length, arch), head.size)
    return control[:room], False


def _blocking(handle: int) -> bool:
    return not fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_NONBLOCK
