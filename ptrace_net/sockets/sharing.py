"""Two sockets on one port that Linux keeps apart by family, and a host with a single family would not.

A V6ONLY ``[::]:p`` or ``[::1]:p`` beside ``0.0.0.0:p``: on the host they are 127.6.0.1:p and 0.0.0.0:p. Both
get SO_REUSEPORT (socket(7)), which the kernel looks at when the second one is bound and when each begins to
listen.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.hostcalls import borrowed
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Task

SO_DOMAIN = 39
_REUSEPORT = (socket.SOL_SOCKET, socket.SO_REUSEPORT)
OWN, OTHER, BOTH = "own", "other", "both"  # which family a socket on the port takes traffic of


def share_port(
    layer: HostSockets, tasks: Iterable[Task], handle: int, port: int, side: str, again: Callable[[], None]
) -> bool:
    """Call ``again`` with ``handle`` and the holders of ``port`` side by side; what it raises leaves them as
    they were.

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
    with ExitStack() as stack:
        all_of_them = [handle, *(stack.enter_context(borrowed(task, fd)) for task, fd in holders)]
        _give_one_owner(all_of_them)
        changed = [one for one in all_of_them if not hostcalls.get_int(one, *_REUSEPORT)]
        _set_reuseport(changed, 1)
        try:
            again()
        except Errno:
            _set_reuseport(changed, 0)
            raise
    return True


def _give_one_owner(handles: list[int]) -> None:
    """SO_REUSEPORT is for sockets of one user: a socket that we made as root becomes the program's."""
    owners = [os.fstat(handle).st_uid for handle in handles]
    theirs = next((owner for owner in owners if owner != os.geteuid()), None)
    for handle, owner in zip(handles, owners, strict=True):
        if theirs is not None and owner != theirs:
            with suppress(PermissionError):
                os.fchown(handle, theirs, -1)


def _set_reuseport(handles: Iterable[int], value: int) -> None:
    for handle in handles:
        hostcalls.set_int(handle, *_REUSEPORT, value)


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
