"""Sockets made for a program in the network namespace that it is in (namespaces(7), setns(2)).

Our own thread goes there for a moment where it may. A namespace that belongs to a user namespace of the
program's is entered by a child, which alone can: user namespaces are for processes with one thread.
"""

from __future__ import annotations

import array
import ctypes
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING

from ptrace_net.syscalls.seam import NATIVE
from ptrace_net.tracer.filter import Rule, shares
from ptrace_net.tracer.thread import Thread

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Answer, Call, Task

_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


# The calls by which a thread leaves the namespace that it was made in.
RULES = (Rule("unshare", (shares(0, _CLONE_NEWNET),)), Rule("setns"))


def _moves(call: Call) -> Answer:
    if isinstance(call.task, Thread):
        call.task.home = None
    return NATIVE


HANDLERS = {"unshare": _moves, "setns": _moves}


def made_where(task: Task, make: Callable[[], int]) -> int:
    """The descriptor that ``make`` gives in the network namespace of ``task``; -errno of either.

    A look at that costs as much as the rest of the call: a thread's is remembered until it moves.
    """
    home = task.home if isinstance(task, Thread) else None
    if home is None:
        home = _is_ours(task.tid)
        if isinstance(task, Thread):
            task.home = home
    return make() if home else _made_there(task.tid, make)


def _is_ours(tid: int) -> bool:
    try:
        return os.stat(f"/proc/{tid}/ns/net").st_ino == _ours()
    except OSError:
        return True  # gone


def _made_there(tid: int, make: Callable[[], int]) -> int:
    try:
        net = os.open(f"/proc/{tid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return -(error.errno or 1)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.setns(net, _CLONE_NEWNET) < 0:
            return _by_a_child(tid, net, make)
        try:
            return make()
        finally:
            _libc.setns(home, _CLONE_NEWNET)
    finally:
        os.close(net)
        os.close(home)


@cache
def _ours() -> int:
    return os.stat("/proc/self/ns/net").st_ino


def _by_a_child(tid: int, net: int, make: Callable[[], int]) -> int:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pid = os.fork()
        if pid == 0:
            try:
                user = os.open(f"/proc/{tid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
                _libc.setns(user, _CLONE_NEWUSER)
                made = make() if _libc.setns(net, _CLONE_NEWNET) == 0 else -ctypes.get_errno()
                sent = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [made]))
                theirs.sendmsg([struct.pack("=i", made)], [sent] if made >= 0 else [])
            finally:
                os._exit(0)  # whatever happens: the parent's code is not the child's
        theirs.close()
        data, rights, _, _ = ours.recvmsg(4, socket.CMSG_SPACE(4))
        with suppress(ChildProcessError):  # the thread that collects the children of the run was faster
            os.waitpid(pid, 0)
    if rights:
        (handle,) = struct.unpack("=i", rights[0][2][:4])
        os.set_inheritable(handle, False)
        return int(handle)
    return int(struct.unpack("=i", data)[0]) if data else -1
