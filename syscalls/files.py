"""open(2), openat(2), openat2(2) of files that show the network: the program gets a memfd with the run's
own.

The call becomes a memfd_create(2) with the path as the name, so that the file need not exist; what it
holds is written before the program sees its descriptor. Every other path is the kernel's.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Sockets

_LONGEST = 128  # of a path that is looked at
_PREFIXES = (b"/proc/", b"/sys/class/net/")
O_ACCMODE, O_CLOEXEC, O_PATH, O_DIRECTORY = 3, 0o2000000, 0o10000000, 0o200000
MFD_CLOEXEC = 1


def open_(call: Call, sockets: Sockets) -> Answer:
    return _opened(call, sockets, call.args[0], call.args[1])


def openat(call: Call, sockets: Sockets) -> Answer:
    """A path relative to a descriptor is the kernel's."""
    return _opened(call, sockets, call.args[1], call.args[2])


def openat2(call: Call, sockets: Sockets) -> Answer:
    """The flags are the first field of struct open_how."""
    path = _path(call, call.args[1])
    if path is None:
        return NATIVE
    flags = int.from_bytes(call.task.read(call.args[2], 8), "little")
    return _opened(call, sockets, call.args[1], flags)


def _path(call: Call, address: int) -> str | None:
    """The path, where it begins as one of the network's does."""
    data = call.task.read_up_to(address, _LONGEST)
    if not data.startswith(_PREFIXES):
        return None
    end = data.find(b"\0")
    return data[:end].decode("utf-8", "surrogateescape") if end >= 0 else None


def _opened(call: Call, sockets: Sockets, address: int, flags: int) -> Answer:
    path = _path(call, address)
    if path is None or flags & (O_PATH | O_DIRECTORY):
        return NATIVE
    content = sockets.view(path)
    if content is None:
        return NATIVE
    if flags & O_ACCMODE:
        raise Errno(errno.EACCES)

    def made(handle: int) -> int:
        os.pwrite(handle, content, 0)
        return handle

    return Native(None, "memfd_create", (address, MFD_CLOEXEC if flags & O_CLOEXEC else 0), made)


def mmap(call: Call, sockets: Sockets) -> Answer:
    return sockets.map(call)
