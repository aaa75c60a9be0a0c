"""Which sockets of other processes the kernel holds as AF_INET6: pidfd_getfd(2), getsockopt(SO_DOMAIN).

sockstat6 counts only sockets that are bound or connected; this sees every descriptor.
"""

import ctypes
import os
import socket
from pathlib import Path

SYS_PIDFD_GETFD = 438  # the same on every architecture


def _pidfd_getfd(pidfd: int, fd: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    copy = libc.syscall(SYS_PIDFD_GETFD, pidfd, fd, 0)
    if copy < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return copy


def _socket_fds(pid: int) -> list[int]:
    try:
        links = [(int(link.name), os.readlink(link)) for link in Path(f"/proc/{pid}/fd").iterdir()]
    except OSError:  # it ended, or closed one meanwhile
        return []
    return [fd for fd, target in links if target.startswith("socket:")]


def _domain(pidfd: int, fd: int) -> int | None:
    try:
        copy = _pidfd_getfd(pidfd, fd)
    except OSError:
        return None
    try:
        found = socket.socket(fileno=copy)
    except OSError:  # the number was a socket's when it was listed, and is something else's by now
        os.close(copy)
        return None
    with found:
        return found.getsockopt(socket.SOL_SOCKET, socket.SO_DOMAIN)


def inet6_descriptors(pid: int) -> list[int]:
    """The descriptors of process `pid` that are AF_INET6 sockets to the kernel; none once it has ended."""
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return []
    try:
        return [fd for fd in _socket_fds(pid) if _domain(pidfd, fd) == socket.AF_INET6]
    finally:
        os.close(pidfd)
