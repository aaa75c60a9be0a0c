"""recvfrom(2), recvmsg(2), recvmmsg(2): the kernel receives, and what it wrote is translated at the exit.

Blocking, flags and timeouts are the kernel's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import cmsg_align, cmsghdr, mmsghdr, msghdr
from ptrace_net.syscalls.create import translate_name
from ptrace_net.syscalls.memory import SOCKADDR_STORAGE, read_int, taken_name
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, Header, read_header
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.sockets import Socket, Sockets

MSG_CTRUNC = 0x8
_LONGEST = 1 << 17  # of a control buffer: the kernel fills less


def recvfrom(call: Call, sockets: Sockets) -> Answer:
    name_address, length_address = call.args[4:6]
    with sockets.find(call.task, call.args[0]) as held:
        if held is None or not name_address or not held.sock.names_senders():
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
        if held is None or not held.sock.names_senders():
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
        if held is None or not held.sock.names_senders():
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
