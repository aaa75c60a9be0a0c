"""struct msghdr in the program's memory, read once (net/socket.c, __copy_msghdr; lib/iov_iter.c)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.msghdr import cmsg_align, cmsghdr, iovec, mmsghdr, msghdr
from ptrace_net.syscalls.memory import SOCKADDR_STORAGE
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task

UIO_MAXIOV = 1024
_FEW = 64  # pieces, or messages
_INT_MAX = (1 << 31) - 1
_LONGEST_CONTROL = 1 << 17  # net.core.optmem_max: more is ENOBUFS


class Header(NamedTuple):
    """The fields of ``struct msghdr``, as the kernel takes them over."""

    name: int
    name_length: int
    iov: int
    iov_length: int
    control: int
    control_length: int
    flags: int


def read_header(task: Task, arch: Arch, address: int) -> Header:
    return checked(raw_header(task, arch, address))


def raw_header(task: Task, arch: Arch, address: int) -> Header:
    """The fields as they lie in memory."""
    fast = msghdr.fast(arch)
    return Header(*fast.unpack(task.read(address, fast.size)))


def raw_headers(task: Task, arch: Arch, address: int, count: int) -> list[Header]:
    """Those of the first of ``count`` mmsghdr at ``address``, at most 64, as far as they can be read."""
    fast = mmsghdr.fast(arch)
    table = task.read_up_to(address, min(count, _FEW) * fast.size)
    last = len(table) - fast.size
    return [Header(*fast.unpack(table, at)[:-1]) for at in range(0, last + 1, fast.size)]


def checked(header: Header) -> Header:
    """The fields as the kernel uses them; raises Errno(EINVAL)."""
    length = header.name_length
    if not header.name:
        return header._replace(name_length=0) if length else header
    if length < 0:
        raise Errno(errno.EINVAL)
    return header if length <= SOCKADDR_STORAGE else header._replace(name_length=SOCKADDR_STORAGE)


def pieces(task: Task, arch: Arch, header: Header) -> list[tuple[int, int]]:
    """``(address, bytes)`` of the iovec; raises Errno(EMSGSIZE, EINVAL or EFAULT)."""
    size = _table_size(header, arch)
    return _places(task.read(header.iov, size) if size else b"", arch)


def name_and_pieces(task: Task, arch: Arch, header: Header) -> tuple[bytes, list[tuple[int, int]]]:
    """The sockaddr and ``pieces``, in one access to memory where that goes well; raises Errno as the kernel,
    which reads the name first.
    """
    if header.name_length and 0 < header.iov_length <= _FEW:
        size = _table_size(header, arch)
        name, table = task.read_two(header.name, header.name_length, header.iov, size)
        if len(table) == size:
            return name, _places(table, arch)
    name = task.read(header.name, header.name_length) if header.name_length else b""
    return name, pieces(task, arch, header)


def _table_size(header: Header, arch: Arch) -> int:
    if header.iov_length > UIO_MAXIOV:
        raise Errno(errno.EMSGSIZE)
    return header.iov_length * iovec.fast(arch).size


def _places(table: bytes, arch: Arch) -> list[tuple[int, int]]:
    fast = iovec.fast(arch)
    places = [fast.unpack(table, offset) for offset in range(0, len(table), fast.size)]
    if any(length >= 1 << (arch.bits - 1) for _, length in places):
        raise Errno(errno.EINVAL)
    return places


def read_control(task: Task, arch: Arch, header: Header) -> bytes:
    """The control buffer that goes with a message; raises Errno(ENOBUFS, EINVAL or EFAULT)."""
    if header.control_length > _INT_MAX:
        raise Errno(errno.ENOBUFS)
    if arch.word == 4 and header.control_length:
        return _read_compat_control(task, arch, header)
    if header.control_length > _LONGEST_CONTROL:
        raise Errno(errno.ENOBUFS)
    return task.read(header.control, header.control_length) if header.control_length else b""


def _read_compat_control(task: Task, arch: Arch, header: Header) -> bytes:
    """For 32-bit programs the kernel walks the messages as it copies (net/compat.c): none is EINVAL."""
    if not header.control or header.control_length < cmsghdr.size(arch):
        raise Errno(errno.EINVAL)
    return task.read(header.control, min(header.control_length, _LONGEST_CONTROL))


def fitted(control: bytes, room: int, arch: Arch) -> tuple[bytes, bool]:
    """As much of a control buffer as ``room`` takes, and whether a message of it was cut (put_cmsg())."""
    head, offset = cmsghdr.fast(arch), 0
    while offset + head.size <= len(control):
        length, level, kind = head.unpack(control, offset)
        if offset + head.size > room:
            return control[: min(offset, room)], True
        if offset + length > room:
            cut = head.pack(room - offset, level, kind)
            return control[:offset] + cut + control[offset + head.size : room], True
        offset += max(cmsg_align(length, arch), head.size)
    return control[:room], False
