"""Two sockets on one port that Linux keeps apart by family, and a host with a single family would not.

A V6ONLY ``[::]:p`` or ``[::1]:p`` beside ``0.0.0.0:p``: on the host they are 127.6.0.1:p and 0.0.0.0:p. Both
get SO_REUSEPORT (socket(7)), which the kernel looks at when the second one is bound and when each begins to
listen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.hostcalls import borrowed
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Task

SO_DOMAIN = 39
OWN, OTHER, BOTH = "own", "other", "both"  # which family a socket on the port takes traffic of


def share_port(layer: HostSockets, tasks: Iterable[Task], handle: int, port: int, side: str) -> bool:
    """Prepare ``handle`` and the holders of ``port`` to stand side by side.

    ``side`` says what ``handle`` is to be. False when a holder would collide on Linux too, or is none of this
    run.
    """
    if side == BOTH:
        return False
    kind, itself = type_of(handle), os.fstat(handle).st_ino
    holders = []
    for task, fd, inode in _descriptors(tasks):
        held = None if inode == itself else _side(layer, task, fd, kind, port)
        if held is not None and held in (side, BOTH):
            return False
        if held is not None:
            holders.append((task, fd))
    if not holders:
        return False
    for task, fd in holders:
        with borrowed(task, fd) as other:
            hostcalls.set_int(other, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    hostcalls.set_int(handle, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return True


def type_of(handle: int) -> int:
    return hostcalls.get_int(handle, socket.SOL_SOCKET, socket.SO_TYPE)


def _descriptors(tasks: Iterable[Task]) -> list[tuple[Task, int, int]]:
    """``(task, fd, inode)`` of every socket of the run."""
    by_process = {task.tgid: task for task in tasks}
    return [(task, fd, inode) for tgid, task in by_process.items() for inode, fd in sockets_of(tgid)]


def _side(layer: HostSockets, task: Task, fd: int, kind: int, port: int) -> str | None:
    """What a descriptor's socket holds of ``port``; None: nothing."""
    try:
        with borrowed(task, fd) as handle:
            domain = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_DOMAIN)
            if domain != layer.face.host or type_of(handle) != kind:
                return None
            bound = layer.face.parse_host(hostcalls.getsockname(handle))
            sock = layer.known(handle)
    except Errno:
        return None
    if bound.port != port:
        return None
    if sock is not None:
        return sock.side
    return OWN if bound.address == layer.face.host_loopback else OTHER
