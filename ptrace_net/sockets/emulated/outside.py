"""What lies beyond a run's own addresses: an interface, and the answer of a closed network (`--net none`)."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Protocol

from ptrace_net.syscalls.seam import Answer, Errno, Fail, Park

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.stack.bindings import Binding
    from ptrace_net.syscalls.seam import Task


class End(Protocol):
    """A connection of which the program's socket is one end, and packets carry the bytes."""

    @property
    def opening(self) -> bool:
        """Whether the handshake is under way."""

    def wait(self, handle: int, unfinished: int) -> Fail | Park:
        """connect(2) meanwhile: sleeps, or fails with ``unfinished`` where it does not block."""

    def accepted(self, sock: Stream) -> None:
        """The program has taken it from a listener's queue."""

    def option_set(self, level: int, option: int, data: bytes) -> None:
        """An option that concerns packets has been set."""

    def value(self, level: int, option: int) -> bytes | None:
        """An option whose value the connection decides; None for any other."""

    def tcp_info(self) -> bytes | None:
        """struct tcp_info; None where there is no connection any more."""

    def closed(self) -> None:
        """The program has closed its socket."""

    def abandoned(self) -> None:
        """Nobody will accept it, or the program gives it up: a reset."""


class Outside(Protocol):
    """Where a run ends; every method may raise Errno."""

    def reaches(self, destination: bytes) -> bool:
        """Whether there is a route to an address that is not the run's."""

    def special(self, task: Task, domain: int, kind: int, protocol: int) -> Datagram | None:
        """A socket of a kind that makes packets: raw(7), icmp(7); None: not here."""

    def carries(self, address: bytes) -> bool:
        """Whether what goes to an address of the run's own goes through here too, as packets."""

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        """connect(2) of the program's ``fd``, borrowed as ``handle``."""

    def send(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        """A datagram to an address that is not the run's, or that ``carries``; False: nobody is there."""

    def send_to_all(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> None:
        """A datagram to a group or to everybody, which the run's own sockets have got already."""

    def joined(self, group: bytes, ifindex: int, member: bool) -> None:
        """A socket has joined a group, or left it."""

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        """A datagram to an address of the run where no socket is; False: nobody is there either."""

    def reserve(self, kind: int, binding: Binding, port: int) -> bool:
        """Whether ``port``, about to be chosen for a socket of ``kind``, is free outside as well."""

    def publish_stream(self, sock: Stream) -> None:
        """A socket listens now: let the host's programs in."""

    def accepted(self, sock: Stream) -> None:
        """A listener's queue has room for one connection more."""

    def option_set(self, sock: EmulatedSocket, level: int, option: int, data: bytes) -> None:
        """setsockopt(2) has succeeded."""

    def publish_datagrams(self, sock: Datagram) -> None:
        """A socket has a port now."""

    def withdraw(self, sock: EmulatedSocket) -> None:
        """It is closed, or listens no more."""

    def freed(self, port: int) -> None:
        """The last UDP socket of a port is gone."""

    def serves_any(self) -> bool:
        """Whether sockets of the host stand in the program's descriptor table."""


class WithoutPackets:
    """What concerns packets, where none are made."""

    def special(self, task: Task, domain: int, kind: int, protocol: int) -> Datagram | None:
        return None

    def carries(self, address: bytes) -> bool:
        return False

    def send_to_all(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> None:
        return

    def joined(self, group: bytes, ifindex: int, member: bool) -> None:
        return

    def accepted(self, sock: Stream) -> None:
        return

    def freed(self, port: int) -> None:
        return

    def option_set(self, sock: EmulatedSocket, level: int, option: int, data: bytes) -> None:
        return


class Closed(WithoutPackets):
    """Nothing is beyond."""

    def reaches(self, destination: bytes) -> bool:
        return False

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        raise Errno(errno.ENETUNREACH)

    def send(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        raise Errno(errno.ENETUNREACH)

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        return False

    def reserve(self, kind: int, binding: Binding, port: int) -> bool:
        return True

    def publish_stream(self, sock: Stream) -> None:
        return

    def publish_datagrams(self, sock: Datagram) -> None:
        return

    def withdraw(self, sock: EmulatedSocket) -> None:
        return

    def serves_any(self) -> bool:
        return False
