"""Our end of a program's stream: AF_UNIX calls that never wait (unix(7))."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Errno

SO_SNDBUF, SO_OOBINLINE, SO_SNDBUFFORCE = 7, 10, 32
SMALLEST = 1  # the kernel makes its minimum of it, 4.5 KB
_FILLER = bytes(4096)


def read(fd: int, size: int) -> bytes | None:
    """Up to ``size`` bytes, b"" at the end of file, None where nothing is there yet; OSError: it broke."""
    try:
        return os.read(fd, size)
    except BlockingIOError:
        return None


def write(fd: int, data: bytes | memoryview) -> int:
    """How much a socket took; BrokenPipeError where nobody will read it. (Python ignores SIGPIPE.)"""
    try:
        return os.write(fd, data)
    except BlockingIOError:
        return 0


def end(fd: int) -> None:
    """No more will come: end of file for the program."""
    with suppress(Errno):  # the program is gone
        hostcalls.shutdown(fd, socket.SHUT_WR)


def inline_urgent(fd: int) -> None:
    """Read what the program sends with MSG_OOB where it stands in the stream."""
    with suppress(Errno):  # a kernel without urgent data on AF_UNIX refuses that to the program
        hostcalls.set_int(fd, socket.SOL_SOCKET, SO_OOBINLINE, 1)


def fill(program: int) -> tuple[int, int]:
    """Make the program's socket, connected to ours, not writable: a connection in progress.

    How many bytes lie at our end now, and the size of its send buffer before.
    """
    size = hostcalls.get_int(program, socket.SOL_SOCKET, SO_SNDBUF)
    hostcalls.set_int(program, socket.SOL_SOCKET, SO_SNDBUF, SMALLEST)
    filled = 0
    with suppress(Errno):
        while True:
            filled += hostcalls.sendmsg(program, _FILLER, b"", b"", 0)
    return filled, size


def drain(fd: int, filled: int) -> None:
    """Take the filling out; what the program writes comes after it."""
    while filled and (data := read(fd, filled)):
        filled -= len(data)


def restore(program: int, size: int) -> None:
    """Give the program's socket its send buffer back; the kernel doubles what it is given (socket(7))."""
    for option in (SO_SNDBUFFORCE, SO_SNDBUF):
        with suppress(Errno):
            hostcalls.set_int(program, socket.SOL_SOCKET, option, size // 2)
            return


def spoil(program: int) -> None:
    """Leave a byte of the program's unread at our end, so that closing that resets the program's."""
    with suppress(Errno):  # full, so there is something unread; or shut down, and end of file it is
        hostcalls.sendmsg(program, b"\0", b"", b"", 0)
