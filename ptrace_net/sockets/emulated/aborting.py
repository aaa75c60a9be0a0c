"""A close that is to be a reset: SO_LINGER with a time of 0 (socket(7), tcp_close()).

An AF_UNIX stream that is closed while bytes wait in its queue makes its peer's next call ECONNRESET. So
one is put there that no read finds: an urgent byte, which reads leave out and throw away (MSG_OOB). It is
the peer's to send, through its own descriptor. Programs ask for the reset just before they close; one that
reads again has thrown it away, and its peer sees an end of file.
"""

from __future__ import annotations

import os
import select
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.stream import Stream

_URGENT = socket.MSG_OOB | socket.MSG_DONTWAIT
_SO_OOBINLINE = 10
_AT_ONCE = struct.pack("=ii", 1, 0)  # struct linger


def ask(sock: Stream, handle: int, linger: bytes) -> None:
    """The program sets SO_LINGER."""
    before, sock.abortive = sock.abortive, linger[:8] == _AT_ONCE
    if sock.abortive:
        arm(sock, handle)
    elif before:
        disarm(handle)


def arm(sock: Stream, handle: int) -> None:
    """Of a connection within the run; nothing where the byte would be found, or cannot be sent."""
    mate = sock.mate
    if mate is None or mate is sock or sock.mute or sock.on_host or sock.end is not None:
        return
    if _is_urgent(handle) or hostcalls.get_int(handle, socket.SOL_SOCKET, _SO_OOBINLINE):
        return
    theirs = mate.borrowed()
    if theirs < 0:
        return
    try:
        with suppress(Errno):  # no room: bytes wait as it is; shut down: an end of file it will be
            hostcalls.sendmsg(theirs, b"\0", b"", b"", _URGENT)
    finally:
        os.close(theirs)


def disarm(handle: int) -> None:
    """The close is to be one as any other."""
    with suppress(Errno):
        hostcalls.recvmsg(handle, 1, 0, _URGENT)


def _is_urgent(handle: int) -> bool:
    asking = select.poll()
    asking.register(handle, select.POLLPRI)
    return any(events & select.POLLPRI for _, events in asking.poll(0))
