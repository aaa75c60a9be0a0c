"""Datagram sockets that are told of errors later: SO_ERROR, the error queue, and what poll(2) shows."""

from __future__ import annotations

import errno
from collections import deque
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated import errqueue
from ptrace_net.sockets.emulated.errqueue import Cause
from ptrace_net.sockets.emulated.sock import EmulatedSocket
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.telling import Telling
    from ptrace_net.syscalls.sockets import Received

PORT_UNREACHABLE = {4: (3, 3), 16: (1, 4)}  # type and code by the size of an address


class Erring(EmulatedSocket):
    """The part of a datagram socket that ICMP errors concern."""

    __slots__ = ("errors", "telling")

    sends_fail = True  # with an error that an earlier one has brought

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        super().__init__(layer, family, protocol, options)
        self.errors: deque[Received] = deque(maxlen=64)  # the error queue (IP_RECVERR)
        self.telling: Telling | None = None  # once poll(2) is to show errors

    def refused(self, data: bytes, target: Name) -> None:
        """Nobody is at ``target``: its host says so."""
        kind, code = PORT_UNREACHABLE[len(target.address)]
        offender = target.address
        errqueue.tell(self, Cause(errno.ECONNREFUSED, True, kind, code, 0, offender, target, data))

    def talks_to(self, target: Name) -> bool:
        """Whether it is connected to the receiver of a datagram that failed."""
        peer = self.peer
        return peer is not None and (peer.address, peer.port) == (target.address, target.port)

    def fail(self, number: int) -> None:
        """What an ICMP error about a datagram of ours brings."""
        self.error = number
        self.show_errors()

    def show_errors(self) -> None:
        """Something has come into the error queue, or SO_ERROR has."""
        if self.telling is not None:
            self.telling.soon()

    def take_error(self, handle: int = -1) -> int:
        """SO_ERROR: told once."""
        number = self.taken(handle)
        self.show_rest(handle)
        return number

    def taken(self, handle: int) -> int:
        """The error that a call through ``handle`` is told; poll(2) shows none until it has ended."""
        if self.telling is not None and handle >= 0:
            self.telling.hide(handle)
        return EmulatedSocket.take_error(self)

    def show_rest(self, handle: int) -> None:
        """The end of such a call."""
        if self.telling is not None and handle >= 0 and (self.error or self.errors):
            self.telling.show(handle)

    def error_queued(self, handle: int) -> Received:
        if not self.errors:
            raise Errno(errno.EAGAIN)
        queued = self.errors.popleft()
        queued = queued._replace(control=[*self.layer.control.stamps(self), *queued.control])
        self.error = 0  # ip_recv_error
        self.take_error(handle)
        return queued
