"""Where a running supervisor is spoken to: a socket that leaves nothing behind, whatever becomes of it.

It listens at a path that is removed at once. What is left is a descriptor of the supervisor (O_PATH), which
others reach as /proc/PID/fd/N: those whom the kernel lets look there, the same user. The text of that link is
how supervisors are found. A name is claimed by an abstract AF_UNIX name (unix(7)) at which nobody listens.
"""

from __future__ import annotations

import os
import re
import socket
from contextlib import suppress
from typing import NamedTuple

NAME = r"[A-Za-z][A-Za-z0-9_.-]{0,31}"
_LINK = rf".*/ptrace-net-[0-9a-f]{{16}}/({NAME})?\.control \(deleted\)"
_FOLDERS = ("/tmp", "/dev/shm", f"/run/user/{os.getuid()}")
_BACKLOG = 64


class Found(NamedTuple):
    """A supervisor: its process, its name (empty for none) and where its socket is."""

    pid: int
    name: str
    path: str


class Entrance:
    """Raises OSError where no folder can be written to."""

    def __init__(self, name: str) -> None:
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._handle = _bound(self.listener, f"{name}.control")
        self.listener.listen(_BACKLOG)

    def close(self) -> None:
        self.listener.close()
        os.close(self._handle)


def _bound(listener: socket.socket, name: str) -> int:
    """Bind in a folder of our own that is gone afterwards; a descriptor of the socket's file."""
    for last, base in enumerate(_FOLDERS, 1 - len(_FOLDERS)):
        folder = f"{base}/ptrace-net-{os.urandom(8).hex()}"
        try:
            os.mkdir(folder, 0o700)
        except OSError:
            if not last:
                raise
            continue
        path = f"{folder}/{name}"
        try:
            listener.bind(path)
            return os.open(path, os.O_PATH | os.O_CLOEXEC)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(path)
            os.rmdir(folder)
    raise AssertionError("no folder")


def claim(name: str) -> socket.socket:
    """Hold ``name`` among this user's runs while the socket is open; OSError(EADDRINUSE) where it is taken.
    """
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)  # one that never listens refuses all
    try:
        holder.bind(f"\0ptrace-net.{os.geteuid()}.{name}")
    except OSError:
        holder.close()
        raise
    return holder


def supervisors() -> list[Found]:
    """Those of this user that run, oldest first as far as process ids tell."""
    found = []
    for word in os.listdir("/proc"):
        if word.isdigit() and (entrance := _entrance_of(word)) is not None:
            found.append(entrance)
    return sorted(found)


def _entrance_of(pid: str) -> Found | None:
    folder = f"/proc/{pid}/fd"
    try:
        if os.stat(folder).st_uid != os.geteuid():
            return None
        numbers = os.listdir(folder)
    except OSError:
        return None
    for number in numbers:
        path = f"{folder}/{number}"
        with suppress(OSError):
            match = re.fullmatch(_LINK, os.readlink(path))
            if match is not None:
                return Found(int(pid), match[1] or "", path)
    return None
