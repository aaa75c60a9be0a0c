"""Reading a program's memory for show: whatever cannot be read is None, never an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.abi.errors import AbiError
from ptrace_net.syscalls.decode.values import Array, Data, Pointer, Value
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.abi.layout import Layout
    from ptrace_net.syscalls.seam import Call, Task

TEXT_LIMIT = 32  # bytes shown of a buffer, as strace -s has it


class View(NamedTuple):
    """The memory of the call's task. ``netlink`` is the protocol of the call's socket, -1 if it has none."""

    task: Task
    arch: Arch
    limit: int = TEXT_LIMIT
    netlink: int = -1

    def read(self, address: int, size: int) -> bytes | None:
        """Exactly ``size`` bytes, or None."""
        if not size:
            return b""
        try:
            data = self.task.read_up_to(address, size)
        except Errno:
            return None
        return data if len(data) == size else None

    def integer(self, address: int, size: int = 4, *, signed: bool = True) -> int | None:
        data = self.read(address, size) if address else None
        return None if data is None else int.from_bytes(data, self.arch.byteorder, signed=signed)

    def values(self, layout: Layout, address: int) -> tuple[int, ...] | None:
        """A struct of numbers, flat."""
        data = self.read(address, layout.size(self.arch)) if address else None
        if data is None:
            return None
        try:
            return layout.fast(self.arch).unpack(data)
        except AbiError:
            return None

    def buffer(self, address: int, total: int) -> Value:
        """The beginning of ``total`` bytes."""
        if not address:
            return Pointer(0)
        data = self.read(address, min(total, self.limit))
        return Pointer(address) if data is None else Data(data, total)

    def integers(self, address: int, count: int) -> Value:
        """An array of C ints, such as the descriptors of socketpair(2)."""
        data = self.read(address, 4 * count) if address else None
        if data is None:
            return Pointer(address)
        items = (data[at : at + 4] for at in range(0, len(data), 4))
        return Array(tuple(int.from_bytes(item, self.arch.byteorder, signed=True) for item in items))


def netlink_protocol(call: Call) -> int:
    """NETLINK_* of the socket that the call is about; -1 when it is none of netlink."""
    import os
    import socket

    try:
        if os.getxattr(f"/proc/{call.task.tid}/fd/{call.args[0]}", "system.sockprotoname") != b"NETLINK\0":
            return -1
        handle = call.task.borrow(call.args[0])
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0, handle) as borrowed:
            return borrowed.getsockopt(socket.SOL_SOCKET, socket.SO_PROTOCOL)
    except (OSError, Errno, ValueError):
        return -1
