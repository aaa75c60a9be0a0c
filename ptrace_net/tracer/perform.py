"""Calls that the notification engine performs in the program's place, because their result is wanted.

What the kernel would have written to the program's memory is written here; where a blocking call would sleep,
``Blocked`` says what for. New descriptors are returned as ours, for the engine to install.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import select
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.memory import give_name, read_int
from ptrace_net.syscalls.seam import Call, Errno, Give, Wait
from ptrace_net.tracer.namespaces import made_where

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.msghdr import Header

POLLIN = 1
SOL_SOCKET, SO_RCVTIMEO, SO_ACCEPTCONN = 1, 20, 30
SOCK_CLOEXEC, SOCK_NONBLOCK = 0o2000000, 0o4000
SOCK_FLAGS = SOCK_CLOEXEC | SOCK_NONBLOCK
INET = (2, 10)  # AF_INET and AF_INET6: they belong to a network namespace
MSG_CTRUNC, MSG_ERRQUEUE, MSG_DONTWAIT, MSG_WAITFORONE = 0x8, 0x2000, 0x40, 0x10000
_LONGEST = 1 << 17
_poll = select.poll()
_libc = ctypes.CDLL(None, use_errno=True)


class Blocked(Exception):
    """The call would sleep until ``fd`` is readable, at most ``timeout`` seconds."""

    def __init__(self, fd: int, timeout: float | None) -> None:
        super().__init__(fd)
        self.wait = Wait(fd, POLLIN, timeout, restart=timeout is None)


def create(call: Call, args: tuple[int, ...]) -> Give:
    def make() -> int:
        made: int = _libc.socket(args[0], args[1] | SOCK_CLOEXEC, args[2])
        return made if made >= 0 else -ctypes.get_errno()

    handle = made_where(call.task, make) if args[0] in INET else make()
    if handle < 0:
        raise Errno(-handle)
    return Give(handle, bool(args[1] & SOCK_CLOEXEC))


def create_pair(call: Call, args: tuple[int, ...]) -> int:
    """No family that is mapped has pairs: what is left are the errors, and the numbers that come before."""
    pair = (ctypes.c_int * 2)()
    if _libc.socketpair(*args[:3], pair) == 0:
        os.close(pair[0])
        os.close(pair[1])
        raise Errno(errno.EOPNOTSUPP)
    number = ctypes.get_errno()
    if number != errno.EINVAL or not args[1] & ~SOCK_FLAGS & ~0xF:
        numbers = _lowest_free(call.task.tid)
        if numbers[1] >= resource.prlimit(call.task.tid, resource.RLIMIT_NOFILE)[0]:
            raise Errno(errno.EMFILE)
        call.task.write(args[3], struct.pack(call.arch.endian + "ii", *numbers))
    raise Errno(number)


def _lowest_free(tid: int) -> list[int]:
    """The two descriptors that the program would get next."""
    taken = {int(name) for name in os.listdir(f"/proc/{tid}/fd")}
    return [fd for fd in range(len(taken) + 2) if fd not in taken][:2]


def create_memory(call: Call, args: tuple[int, ...]) -> Give:
    """memfd_create(2), whose name nobody but /proc shows."""
    return Give(os.memfd_create("ptrace-net", os.MFD_CLOEXEC), bool(args[1] & os.MFD_CLOEXEC))


def accept(call: Call, args: tuple[int, ...]) -> Give:
    return accept4(call, (*args[:3], 0))


def accept4(call: Call, args: tuple[int, ...]) -> Give:
    flags = args[3]
    if flags & ~(SOCK_CLOEXEC | SOCK_NONBLOCK):
        raise Errno(errno.EINVAL)
    with hostcalls.borrowed(call.task, args[0]) as listener:
        blocking = os.get_blocking(listener)
        if blocking and _would_wait(listener):
            raise Blocked(args[0], hostcalls.get_timeout(listener, SO_RCVTIMEO))
        try:
            handle, name = hostcalls.accept_now(listener, flags, hostcalls.accept, blocking=blocking)
        except Errno as error:
            if error.number == errno.EAGAIN and blocking:
                raise Blocked(args[0], hostcalls.get_timeout(listener, SO_RCVTIMEO)) from None
            raise
    if args[1]:
        try:
            room = read_int(call.task, call.arch, args[2])
            give_name(call.task, call.arch, name, args[1], args[2], room)
        except Errno:
            os.close(handle)
            raise
    return Give(handle, bool(flags & SOCK_CLOEXEC))


def _would_wait(listener: int) -> bool:
    """Whether nobody has connected yet; False where it does not listen, for accept(2) to say."""
    _poll.register(listener, POLLIN)
    ready = _poll.poll(0)
    _poll.unregister(listener)
    return not ready and hostcalls.get_int(listener, SOL_SOCKET, SO_ACCEPTCONN) == 1


def receive_from(call: Call, args: tuple[int, ...]) -> int:
    fd, address, size, flags, name_address, length_address = args
    with hostcalls.borrowed(call.task, fd) as handle:
        data, name, _, _, total = _receive(fd, handle, min(size, _LONGEST), 0, flags)
    call.task.write(address, data)
    room = read_int(call.task, call.arch, length_address)
    give_name(call.task, call.arch, name, name_address, length_address, room)
    return total


def receive_message(call: Call, args: tuple[int, ...]) -> int:
    with hostcalls.borrowed(call.task, args[0]) as handle:
        return _receive_into(call, handle, args[1], args[2])


def receive_messages(call: Call, args: tuple[int, ...]) -> int:
    """recvmmsg(2): as many as are there, at least one where it may block."""
    from ptrace_net.abi.msghdr import mmsghdr, msghdr
    from ptrace_net.syscalls.msghdr import UIO_MAXIOV

    fd, address, count, flags = args[:4]
    stride, length_at = mmsghdr.fast(call.arch).size, msghdr.size(call.arch)
    done = 0
    with hostcalls.borrowed(call.task, fd) as handle:
        for at in range(address, address + min(count, UIO_MAXIOV) * stride, stride):
            try:
                length = _receive_into(call, handle, at, flags & ~MSG_WAITFORONE)
            except (Blocked, Errno):
                if not done:
                    raise
                break
            call.task.write(at + length_at, struct.pack(call.arch.endian + "I", length))
            done += 1
    return done


def _receive_into(call: Call, handle: int, address: int, flags: int) -> int:
    """recvmsg(2) into the msghdr at ``address``, scattered as its iovec says."""
    from ptrace_net.abi.msghdr import msghdr
    from ptrace_net.syscalls.msghdr import pieces, read_header

    task, arch = call.task, call.arch
    header = read_header(task, arch, address)
    places = pieces(task, arch, header)
    size = min(sum(length for _, length in places), _LONGEST)
    room = min(header.control_length, _LONGEST) if header.control else 0
    data, name, control, out, total = _receive(call.args[0], handle, size, 2 * room, flags)
    _scatter(call, places, data)
    if header.name:
        task.write(header.name, name[: header.name_length])
    control, cut = _as_the_program_has_it(control, room, arch)
    out |= MSG_CTRUNC if cut else 0
    task.write(header.control, control)
    filled: Header = header._replace(
        name_length=len(name) if header.name else header.name_length, control_length=len(control), flags=out
    )
    task.write(address, msghdr.fast(arch).pack(*filled))
    return total


def _as_the_program_has_it(control: bytes, room: int, arch: Arch) -> tuple[bytes, bool]:
    """A control buffer of ours in the program's word size, and whether it was cut to ``room``."""
    from ptrace_net.sockets.control6 import items, packed
    from ptrace_net.syscalls.msghdr import fitted

    return fitted(control if arch.word == 8 else packed(list(items(control, 8)), arch.word), room, arch)


def _scatter(call: Call, places: list[tuple[int, int]], data: bytes) -> None:
    offset = 0
    for base, length in places:
        call.task.write(base, data[offset : offset + length])
        offset += length


def _receive(fd: int, handle: int, size: int, room: int, flags: int) -> tuple[bytes, bytes, bytes, int, int]:
    """``(data, name, control, msg_flags, result)``; raises Blocked where a blocking call would sleep."""
    try:
        return hostcalls.recvmsg(handle, size, room, flags)
    except Errno as error:
        may_block = not flags & (MSG_DONTWAIT | MSG_ERRQUEUE) and hostcalls.is_blocking(handle)
        if error.number != errno.EAGAIN or not may_block:
            raise
        if hostcalls.hung_up(handle):  # shut down for reading: no datagram will come
            return b"", b"", b"", 0, 0
        raise Blocked(fd, hostcalls.get_timeout(handle, SO_RCVTIMEO)) from None


PERFORM: Mapping[str, Callable[[Call, tuple[int, ...]], int | Give]] = {
    "socket": create,
    "socketpair": create_pair,
    "memfd_create": create_memory,
    "accept": accept,
    "accept4": accept4,
    "recvfrom": receive_from,
    "recvmsg": receive_message,
    "recvmmsg": receive_messages,
    "recvmmsg_time64": receive_messages,
}
