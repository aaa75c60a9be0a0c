"""A program that listens, as the network sees it: a listener of the stack that hands on what it accepts."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.listening import Arrival
from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.emulated.network import is_link_local
from ptrace_net.sockets.wire.end import End
from ptrace_net.stack.tcp.socket import TcpSocket
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.sockets.wire.outside import Wire

_KIND = socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


class Listening:
    """The tag of the stack's handle; ``sock`` is the program's socket."""

    __slots__ = ("_wire", "handle", "sock")

    def __init__(self, wire: Wire, sock: Stream, handle: TcpSocket) -> None:
        self._wire, self.sock, self.handle = wire, sock, handle
        handle.tag = self
        if handle.listener is not None:
            handle.listener.gone = sock.is_gone

    def woken(self, now: float) -> None:
        """Connections are complete: take as many as the program's backlog has room for."""
        while self.sock.queue is not None and len(self.sock.queue.arrivals) <= self.sock.queue.backlog:
            taken = self.handle.accept()
            if not isinstance(taken, TcpSocket):
                return
            self._hand_on(taken, now)

    def _hand_on(self, taken: TcpSocket, now: float) -> None:
        """Into the queue of the program's own listening socket, from which accept(2) will take it."""
        local, remote, queue = taken.local(), taken.remote(), self.sock.queue
        if local is None or remote is None or queue is None:
            taken.abort(now)  # reset meanwhile
            return
        fd = hostcalls.new_socket(socket.AF_UNIX, _KIND, 0)
        key = self._wire.layer.new_key(fd)
        try:
            queue.entrance.connect(fd)
        except Errno as error:
            os.close(fd)
            taken.abort(now)
            if error.number == errno.ECONNREFUSED:
                self._wire.layer.drop(self.sock)
            return
        end = End(self._wire, taken, fd)
        scope = taken.tcb.flow.interface.index if taken.tcb and is_link_local(remote[0]) else 0
        self._wire.ends.add(end)
        end.pump.start()
        queue.arrived(key, Arrival(Name(*local, scope), Name(*remote, scope), end=end))

    def close(self, now: float) -> None:
        self.handle.close(now)
        self.handle.tag = None
