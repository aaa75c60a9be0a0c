"""Errors that poll(2) shows: POLLERR on a backing socket, which wakes whoever sleeps on it.

An AF_UNIX SOCK_DGRAM socket gets an error when its peer, with something unread, dissolves the connection
(unix_dgram_disconnected in net/unix/af_unix.c). So a socket that may be told of ICMP errors (IP_RECVERR, or a
peer outside) gets a SOCK_DGRAM pair in place of its SOCK_SEQPACKET one, and our end turns away for a moment
when there is an error to show. SO_ERROR of the backing socket ends it; its value, ECONNRESET, is seen only by
a plain send(2) or recv(2).

No such pair says when the program has closed its end: sock_diag is asked every few seconds.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING

from ptrace_net.abi.arch import ARCHES
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import origins
from ptrace_net.sockets.emulated.options.native import Inheritance, begin
from ptrace_net.syscalls.seam import Answer, Errno, Replace, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets

SOL_SOCKET, SO_ERROR = 1, 4
_NOBODY = socket.AF_UNSPEC.to_bytes(2, "little")  # dissolves a connection (connect(2))
_PAUSE, _LONGER = 0.0001, 0.01  # seconds until a raw socket's program is looked at, whether it sleeps
_SLEEPING = (
    "poll", "ppoll", "select", "_newselect", "pselect6", "epoll_wait", "epoll_pwait", "epoll_pwait2", "read",
    "recvfrom", "recvmsg", "recvmmsg",
)  # fmt: skip
_ALSO = {"x86_64": ("i386",), "aarch64": ("arm",)}
_LOOK_EVERY = 2.0  # seconds between looks whether the program still has its end
_MOST = 512  # descriptors of a process that are looked through for epoll sets


class Tellers:
    """The sockets of a run that show errors."""

    def __init__(self, layer: EmulatedSockets) -> None:
        self._layer = layer
        self._sockets: set[Datagram] = set()
        self._looking = False

    def wanted(self, sock: Datagram, handle: int, fd: int) -> Answer:
        """The answer to a call after which ``sock`` shall show errors."""
        if sock.telling is not None or sock.seen is None or sock.sleepers.by_thread:
            return Return(0)
        if _in_epoll_set(sock.seen[0].tgid, sock.inode):
            return Return(0)
        fresh = self._renewed(sock, handle)
        self._sockets.add(sock)
        self._look_later()
        return Replace(fd, fresh, Return(0))

    def _renewed(self, sock: Datagram, handle: int) -> int:
        """A new backing pair, of which the program gets one end; options and queue go with it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        ours.setblocking(False)
        fresh = theirs.detach()
        hostcalls.set_blocking(fresh)
        begin(fresh, sock.kind)
        carried = Inheritance()
        carried.read(handle)
        carried.give(fresh)
        _move(handle, ours.fileno())
        sock.flush()
        sock.unwatch()
        self._layer.registry.remove(sock.inode)
        sock.telling = Telling(sock, self._layer.names.give(fresh))
        sock.adopt(fresh)
        sock.watch(ours.detach())
        return fresh

    def _look_later(self) -> None:
        if not self._looking and self._sockets:
            self._looking = True
            self._layer.reactor.call_at(time.monotonic() + _LOOK_EVERY, self._look)

    def _look(self) -> None:
        self._looking = False
        self._sockets = {sock for sock in self._sockets if sock.ours >= 0 and not sock.is_gone()}
        self._look_later()


class Telling:
    """The backing pair of one socket; ``name`` is that of the program's end."""

    __slots__ = ("_due", "_looks", "_name", "_shown", "_sock")

    def __init__(self, sock: Datagram, name: bytes) -> None:
        self._sock, self._name = sock, name
        self._shown = self._due = False
        self._looks = 0

    def soon(self) -> None:
        """There is an error to show, once the call that is being answered has returned."""
        if not self._due and not self._shown:
            self._looks = 0
            self._later()

    def _later(self) -> None:
        self._due = True
        when = 0.0 if self._sock.sends_fail else time.monotonic() + min(_PAUSE * 2**self._looks, _LONGER)
        self._looks += 1
        self._sock.layer.reactor.call_at(when, self._show)

    def _show(self) -> None:
        """A raw socket's sends do not fail with what is to be shown: its program must sleep."""
        self._due = False
        sock = self._sock
        if sock.ours < 0 or not (sock.error or sock.errors):
            return
        if not sock.sends_fail and not _sleeps(sock):
            self._later()
            return
        with _borrowed(sock) as handle:
            if handle >= 0:
                self._show_by(handle)

    def show(self, handle: int) -> None:
        """POLLERR, if there is still something to tell; ``handle`` is a descriptor of ours."""
        if self._sock.sends_fail:
            self._show_by(handle)
        else:
            self.soon()

    def _show_by(self, handle: int) -> None:
        sock = self._sock
        sock.flush()
        if sock.ours >= 0 and (sock.error or sock.errors) and not self._shown:
            self._shown = self._turn(handle, sock.ours)

    def _turn(self, handle: int, ours: int) -> bool:
        """Look away and back: what lies unread at our end is lost, and the program's end is told."""
        try:
            hostcalls.sendmsg(handle, b"\0", b"", b"", 0)
        except Errno:  # the program has shut it down
            return False
        hostcalls.connect(ours, _NOBODY)
        hostcalls.connect(ours, self._name)
        return True

    def hide(self, handle: int) -> None:
        """The program calls: POLLERR ends. Where it has gone already, a plain call has had the error."""
        if not self._shown:
            return
        self._shown = False
        if not hostcalls.get_int(handle, SOL_SOCKET, SO_ERROR):
            self._sock.error = 0


def _sleeps(sock: Datagram) -> bool:
    """Whether the thread that used it last waits for events or data (proc(5), /proc/pid/syscall)."""
    if sock.seen is None:
        return True
    try:
        with open(f"/proc/{sock.seen[0].tid}/syscall") as file:
            number = file.read().partition(" ")[0]
    except OSError:
        return True
    return number.isdigit() and int(number) in _sleeping_calls()


@cache
def _sleeping_calls() -> frozenset[int]:
    """Of this machine and of the 32-bit programs that it runs; no other number among them ever sleeps."""
    machine = os.uname().machine
    arches = [ARCHES[name] for name in (machine, *_ALSO.get(machine, ())) if name in ARCHES]
    return frozenset(arch.syscalls[name] for arch in arches for name in _SLEEPING if name in arch.syscalls)


def _move(handle: int, ours: int) -> None:
    """What waits to be received goes to the new pair, with its origin."""
    while True:
        try:
            data, _, control, _, _ = hostcalls.recvmsg(handle, 1 << 16, origins.CONTROL_ROOM, 0)
        except Errno:
            return
        if not (control or data):  # an end of file
            return
        with suppress(Errno):
            hostcalls.sendmsg(ours, data, b"", control, 0)
        origins.taken(control)


@contextmanager
def _borrowed(sock: Datagram) -> Iterator[int]:
    """A descriptor of ours of the program's end; -1 where nobody has it any more."""
    handle = sock.borrowed()
    try:
        yield handle
    finally:
        if handle >= 0:
            os.close(handle)


def _in_epoll_set(tgid: int, inode: int) -> bool:
    """Whether a descriptor that is replaced would leave an epoll set of its process (proc(5), fdinfo)."""
    folder = f"/proc/{tgid}"
    marker = f"ino:{inode:x} "
    try:
        descriptors = os.listdir(f"{folder}/fd")
        if len(descriptors) > _MOST:
            return True
        for fd in descriptors:
            if os.readlink(f"{folder}/fd/{fd}") == "anon_inode:[eventpoll]":
                with open(f"{folder}/fdinfo/{fd}") as file:
                    if any(marker in line for line in file):
                        return True
    except OSError:
        return True
    return False
