"""SO_TIMESTAMP and its relatives (net/core/sock.c, Documentation/networking/timestamping.rst).

They are kept here and not on the backing socket, whose messages would carry timestamps of their own.
"""

from __future__ import annotations

import errno
import socket
import struct

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.options.model import STREAM, Ask
from ptrace_net.syscalls.seam import Errno

LEVEL = socket.SOL_SOCKET
TIMESTAMPING_OLD, TIMESTAMPING_NEW = 37, 65
_STAMPS = (29, 35, 63, 64)  # SO_TIMESTAMP_OLD, SO_TIMESTAMPNS_OLD and their _NEW forms: one of them at most
_OPT_ID = 1 << 7
_SO_TIMESTAMPING = struct.Struct("=ii")  # flags, bind_phc


def stamp(ask: Ask, number: int) -> int:
    for option in _STAMPS:
        if ask.options.number(LEVEL, option, 0):
            ask.options.keep(LEVEL, option, 0)
    return number


def stamping(ask: Ask, number: int) -> int:
    """Which flags there are is for the kernel to say. SOF_TIMESTAMPING_OPT_ID counts bytes, so that a TCP
    socket must be connected.
    """
    held = ask.options.number(LEVEL, TIMESTAMPING_OLD, 0)
    fresh = number & _OPT_ID and not held & _OPT_ID
    if fresh and ask.target.kind == STREAM and not ask.target.connected:
        raise Errno(errno.EINVAL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as scratch:
        hostcalls.set_int(scratch.fileno(), LEVEL, TIMESTAMPING_OLD, number)
    ask.options.keep(LEVEL, TIMESTAMPING_OLD, number)
    return number


def stamping_flags(ask: Ask) -> bytes:
    """SO_TIMESTAMPING_NEW reads as nothing where the other was set last."""
    flags = ask.options.number(LEVEL, TIMESTAMPING_OLD, 0)
    if ask.option == TIMESTAMPING_NEW and ask.kept() != flags:
        flags = 0
    return _SO_TIMESTAMPING.pack(flags, 0)
