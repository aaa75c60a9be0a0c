"""The bytes of one TCP connection, carried between the program's socket and the stack.

``fd`` is our end of the AF_UNIX stream whose other end the program has; ``handle`` is the connection on the
wire. What the program writes is taken as far as the stack's send buffer has room, and what arrives is taken
from the stack as far as the program's socket has room, so that windows close and writers wait as they
should. End of file is FIN in both directions, and a program that closes with something unread resets. A
reset that arrives is shown by closing our end with a byte unread, of which the kernel makes ECONNRESET,
POLLERR and POLLHUP; a connection that breaks without one too, and the engine makes its errno of that.

Readiness is edge-triggered (epoll(7)): the events are asked for once, and what is ready is remembered until a
call says EAGAIN. When both directions have ended, POLLHUP no longer tells that the program has closed its
socket; the edge does, and ``Program.alive`` says the rest.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Protocol

from ptrace_net.sockets.wire import ours
from ptrace_net.stack.result import AGAIN, Fail
from ptrace_net.stack.tcp.socket import SHUT_RD, SHUT_WR
from ptrace_net.stack.tcp.states import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.tcp.socket import TcpSocket

CHUNK = 1 << 17
EPOLLIN, EPOLLOUT, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET = 0x1, 0x4, 0x8, 0x10, 0x2000, 1 << 31
EVERYTHING = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET
_AS_RESET = (errno.ECONNRESET, errno.EPIPE)
_OPENING = (State.SYN_SENT, State.SYN_RECEIVED)


class Program(Protocol):
    """What a pump asks about the program's socket."""

    def alive(self) -> bool:
        """Whether somebody still has it open."""

    def borrow(self) -> int:
        """A duplicate of its descriptor, to be closed at once; -1 where it cannot be found."""

    def opened(self, error: int) -> None:
        """connect(2) has come to an end: 0, or why it failed."""

    def failed(self, error: int) -> None:
        """The connection broke: what SO_ERROR is to say."""

    def mend(self, error: int, ready: Callable[[], None]) -> bool:
        """Let the program read ``error``, not ECONNRESET; ``ready()`` then ends it. False: that cannot be."""

    def finished(self) -> None:
        """The pump has nothing to do any more."""


class Pump:
    """Carries from ``start`` on, or ``begin`` and the end of the handshake, until both sides have closed."""

    __slots__ = (
        "_arriving", "_broken", "_closing", "_filled", "_lane", "_left", "_opening", "_readable",
        "_sending", "_showing", "_size", "fd", "handle", "program",
    )  # fmt: skip

    def __init__(self, handle: TcpSocket, fd: int, program: Program, lane: Lane) -> None:
        self.handle, self.fd = handle, fd
        self.program, self._lane = program, lane
        self._left = memoryview(b"")  # from the stack, for the program
        self._readable = True  # the program may have written something
        self._sending = True  # ... and may write more
        self._arriving = True  # the program has not been told of the end
        self._closing = False  # the program has closed its socket
        self._broken = 0  # the errno of a connection that is over
        self._opening = self._showing = False
        self._filled = self._size = 0
        handle.tag = self
        ours.inline_urgent(fd)

    def start(self) -> None:
        """The connection is there: carry."""
        self._lane.reactor.add(self.fd, EVERYTHING, self._stirred)

    def begin(self, program: int) -> None:
        """The connection is being opened: the program's socket, connected to ours, shows it."""
        self._opening = True
        self._filled, self._size = ours.fill(program)
        self._lane.reactor.add(self.fd, EVERYTHING, self._stirred)

    @property
    def is_opening(self) -> bool:
        return self._opening

    # -- when to look -------------------------------------------------------------------------------------

    def woken(self, now: float) -> None:
        """The stack says that something is different at the handle."""
        if self.fd < 0:
            return
        if self._opening:
            self._look_whether_open(now)
        else:
            self._carry(now)

    def _stirred(self, events: int) -> None:
        """The kernel says that something is different at the program's socket."""
        if self.fd < 0:
            return
        now = self._lane.clock()
        if self._opening:
            if events & EPOLLHUP and not self.program.alive():
                self._end(now)
            return
        self._readable = True
        self._carry(now)
        if self.fd >= 0 and events & EPOLLHUP and not self._sending and not self.program.alive():
            self._closing = True  # after it had shut down
            self._carry(now)
        self._lane.soon()

    def _look_whether_open(self, now: float) -> None:
        if self.handle.state in _OPENING:
            return
        failed = self.handle.take_error()
        self._opening = False
        if failed is not None or self.handle.state is State.CLOSED:
            self.program.opened(failed.errno if failed else errno.ECONNABORTED)
            self._end(now)  # with the filling unread
            return
        borrowed = self.program.borrow()
        ours.drain(self.fd, self._filled)
        if borrowed >= 0:
            ours.restore(borrowed, self._size)
            os.close(borrowed)
        self.program.opened(0)
        self._carry(now)

    # -- carrying -----------------------------------------------------------------------------------------

    def _carry(self, now: float) -> None:
        self._to_network(now)
        self._to_program(now)
        if not self._arriving and not self._broken and self.handle.state is State.CLOSED:
            self._break(self.handle.take_error())
        if self._closing and not self._sending:
            self._end(now)
        elif self._broken and not self._left:
            self._show_reset(now)

    def _to_network(self, now: float) -> None:
        while self._readable and self._sending and not self._broken:
            room = self.handle.room()
            if not room:
                return  # POLLOUT will come
            try:
                data = ours.read(self.fd, min(room, CHUNK))
            except ConnectionResetError:  # closed with something unread: so is the connection
                self._sending, self._closing = False, True
                self.handle.linger = 0
                return
            if data is None:
                self._readable = False
            elif data:
                sent = self.handle.send(data)
                if isinstance(sent, Fail):
                    self._break(sent)
            else:
                self._end_of_file(now)

    def _end_of_file(self, now: float) -> None:
        """The program has shut down its side, or closed its socket; the latter may be a reset (SO_LINGER)."""
        self._sending = False
        if self.program.alive():
            self.handle.shutdown(SHUT_WR, now)
        else:
            self._closing = True

    def _to_program(self, now: float) -> None:
        while self._arriving:
            if not self._left:
                data = self.handle.recv(CHUNK)
                if isinstance(data, Fail):
                    self._break(None if data == AGAIN else data)
                    return
                self._left = memoryview(data)
            if self._closing and self._left:
                self.handle.linger, self._sending = 0, False  # nobody will read it
                return
            if not self._left:
                self._arriving = False
                ours.end(self.fd)
                return
            if not self._hand_over(now):
                return

    def _hand_over(self, now: float) -> bool:
        """Give the program what has arrived; whether all of it is gone."""
        try:
            taken = ours.write(self.fd, self._left)
        except OSError:  # shut down for reading, or closed
            self._left, self._arriving = memoryview(b""), False
            self.handle.shutdown(SHUT_RD, now)
            return False
        self._left = self._left[taken:]
        return not self._left

    # -- ends ---------------------------------------------------------------------------------------------

    def _break(self, failure: Fail | None) -> None:
        """The connection is over: by a reset, or without an answer."""
        if failure is not None:
            self._broken = failure.errno
            self.program.failed(failure.errno)

    def _show_reset(self, now: float) -> None:
        """The errno for the program; where it has seen the end of the stream, EPIPE when it writes."""
        if self._showing:
            return
        self._showing = True
        if self._broken in _AS_RESET or not self.program.mend(self._broken, self._shown):
            self._reset(now)

    def _shown(self) -> None:
        if self.fd >= 0:
            self._reset(self._lane.clock())

    def _reset(self, now: float) -> None:
        if self._arriving or self._broken != errno.EPIPE:
            borrowed = self.program.borrow()
            if borrowed >= 0:
                ours.spoil(borrowed)
                os.close(borrowed)
        self._end(now)

    def close(self, now: float) -> None:
        """The program's socket is gone, however that became known."""
        if self.fd >= 0:
            self._closing = True
            if self._opening:
                self._end(now)
            else:
                self._readable = True
                self._carry(now)

    def abort(self, now: float) -> None:
        """Nobody will ever have this connection."""
        if self.fd >= 0:
            self.handle.linger = 0
            self._end(now)

    def _end(self, now: float) -> None:
        self._lane.reactor.remove(self.fd)
        os.close(self.fd)
        self.fd = -1
        self.handle.close(now)
        self.handle.tag = None
        self.program.finished()
