"""Backing sockets: the AF_UNIX sockets that stand in the program's descriptor table (unix(7)).

A listener's backing socket listens at a path that is removed at once; what is left of it is a descriptor of
ours (O_PATH), through which alone it can be connected to. So no other user of the machine reaches it, and
nothing is left behind.
"""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import Errno

AF_UNIX = socket.AF_UNIX
STREAM, SEQPACKET = socket.SOCK_STREAM, socket.SOCK_SEQPACKET
SOMAXCONN = 4096
_FAMILY = AF_UNIX.to_bytes(2, "little")


class Entrance:
    """Where a listening backing socket is connected to."""

    __slots__ = ("_name", "_path")

    def __init__(self, handle: int) -> None:
        """Make ``handle`` listen; raises Errno."""
        folder = _private_folder()
        path = os.path.join(folder, "s")
        try:
            hostcalls.bind(handle, _FAMILY + path.encode() + b"\0")
            hostcalls.listen(handle, SOMAXCONN)
            self._path = os.open(path, os.O_PATH | os.O_CLOEXEC)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
            os.rmdir(folder)
        self._name = _FAMILY + f"/proc/self/fd/{self._path}".encode() + b"\0"

    def connect(self, handle: int, *, blocking: bool = False) -> None:
        """Raises Errno(ECONNREFUSED) when the listener is closed, EAGAIN when its queue is full; also where
        ``handle`` is ``blocking``, and would sleep for that.
        """
        if not blocking:
            hostcalls.connect(handle, self._name)
            return
        os.set_blocking(handle, False)
        try:
            hostcalls.connect(handle, self._name)
        finally:
            os.set_blocking(handle, True)

    def close(self) -> None:
        if self._path >= 0:
            os.close(self._path)
            self._path = -1


def _private_folder() -> str:
    """A new one that only this user can enter (tempfile would be imported for it alone)."""
    base = os.environ.get("TMPDIR", "/tmp")
    for where in (base, "/tmp", "/var/tmp", "/dev/shm", "."):
        folder = os.path.join(where, f"ptrace-net-{os.urandom(8).hex()}")
        with suppress(OSError):
            os.mkdir(folder, 0o700)
            return folder
    raise Errno(errno.ENOSPC)


class Names:
    """Names for the clients' backing sockets, by which the accepted ends find their peers: abstract ones, at
    which nobody listens.
    """

    def __init__(self) -> None:
        self._prefix = _new_prefix()
        self._count = 0

    def give(self, handle: int) -> bytes:
        """Name the socket behind ``handle``, unless it has a name; the sockaddr_un."""
        while True:
            self._count += 1
            name = self._prefix + b"-%x" % self._count
            try:
                hostcalls.bind(handle, name)
            except Errno as error:
                if error.number == errno.EINVAL:  # connect(2) is made once more
                    return hostcalls.getsockname(handle)
                if error.number != errno.EADDRINUSE:
                    raise
                self._prefix = _new_prefix()  # another user has foreseen the last one's next name
                continue
            return name


def _new_prefix() -> bytes:
    return _FAMILY + b"\0ptrace-net-" + os.urandom(12).hex().encode()


class Doorway:
    """A listener of ours: the other end of any socket that shall have one."""

    def __init__(self, kind: int) -> None:
        self._listener = socket.socket(AF_UNIX, kind)
        self._entrance = Entrance(self._listener.fileno())

    def pair_with(self, handle: int) -> int:
        """Connect ``handle`` to us; a descriptor of our end, non-blocking."""
        self._entrance.connect(handle)
        ours, _ = hostcalls.accept(self._listener.fileno(), socket.SOCK_NONBLOCK)
        return ours
