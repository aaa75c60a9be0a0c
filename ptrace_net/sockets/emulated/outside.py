"""What lies beyond a run's own addresses: an interface, and the answer of a closed network (`--net none`)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from ptrace_net.syscalls.seam import Answer, Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.stream import Stream


class Outside(Protocol):
    """Where a run ends; every method may raise Errno."""

    def reaches(self, destination: bytes) -> bool:
        """Whether there is a route to an address that is not the run's."""

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        """connect(2) of the program's ``fd``, borrowed as ``handle``."""

    def send(self, sock: Datagram, data: bytes, target: Name) -> bool:
        """A datagram to an address that is not the run's."""

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        """A datagram to an address of the run where no socket is; False: nobody is there either."""

    def publish_stream(self, sock: Stream) -> None:
        """A socket listens now: let the host's programs in."""

    def publish_datagrams(self, sock: Datagram) -> None:
        """A socket has a port now."""

    def withdraw(self, sock: EmulatedSocket) -> None:
        """It is closed, or listens no more."""

    def serves_any(self) -> bool:
        """Whether sockets of the host stand in the program's descriptor table."""


class Closed:
    """Nothing is beyond."""

    def reaches(self, destination: bytes) -> bool:
        return False

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        raise Errno(errno.ENETUNREACH)

    def send(self, sock: Datagram, data: bytes, target: Name) -> bool:
        raise Errno(errno.ENETUNREACH)

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        return False

    def publish_stream(self, sock: Stream) -> None:
        return

    def publish_datagrams(self, sock: Datagram) -> None:
        return

    def withdraw(self, sock: EmulatedSocket) -> None:
        return

    def serves_any(self) -> bool:
        return False
