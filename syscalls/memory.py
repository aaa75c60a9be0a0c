"""Addresses and options between the program's memory and bytes: net/socket.c's copying rules, once.

Everything is read once; whatever cannot be read or written is an ``Errno``, as the kernel answers it.
"""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task

SOCKADDR_STORAGE = 128
_INT = {"<": struct.Struct("<i"), ">": struct.Struct(">i")}


def read_int(task: Task, arch: Arch, address: int) -> int:
    """A C int; raises Errno(EFAULT)."""
    value: int = _INT[arch.endian].unpack(task.read(address, 4))[0]
    return value


def write_int(task: Task, arch: Arch, address: int, value: int) -> None:
    task.write(address, _INT[arch.endian].pack(value))


def read_name(task: Task, address: int, length: int) -> bytes:
    """The sockaddr of bind, connect and sendto (move_addr_to_kernel); raises Errno(EINVAL or EFAULT)."""
    if not 0 <= length <= SOCKADDR_STORAGE:
        raise Errno(errno.EINVAL)
    return task.read(address, length) if length else b""


def give_name(task: Task, arch: Arch, name: bytes, address: int, length_address: int, room: int) -> None:
    """Copy out at most ``room`` bytes of ``name`` and its full length (move_addr_to_user)."""
    if room < 0:
        raise Errno(errno.EINVAL)
    task.write_two(length_address, _INT[arch.endian].pack(len(name)), address, name[:room])


def taken_name(task: Task, address: int, length: int, room: int) -> bytes:
    """What the kernel wrote at ``address``: an address of ``length`` bytes, zeros where ``room`` cut it."""
    length = min(length, SOCKADDR_STORAGE)  # another thread may have changed what the kernel wrote
    return task.read_up_to(address, min(length, room)).ljust(length, b"\0")
