"""Publishing: a port of the run appears on the host's loopback, so that programs outside the run reach it.

The same number where it is free and allowed, else another, which is said once; a number that the run chooses
itself is free on the host (``reserving``). A connection that comes in is put into the queue of the program's
listener as a placeholder; accept(2) then gives the host's socket itself.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.failure import complain
from ptrace_net.policies.mapping import ANY4, ANY6
from ptrace_net.publish_option import Wanted
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.listening import Arrival
from ptrace_net.sockets.emulated.names import AF_INET, AF_INET6, Name, pack, parse
from ptrace_net.sockets.emulated.network import LOOPBACK4, LOOPBACK6
from ptrace_net.sockets.emulated.reserving import Reservations, host_socket
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrace_net.publish_option import Ports
    from ptrace_net.reactor import Timer
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.hosts import HostRoutes
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.ports import Holder
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.stack.bindings import Binding

EPOLLIN = 1
SOL_SOCKET, SO_REUSEADDR = 1, 2
_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_BACKLOG = 4096
_AT_ONCE = 64
_LOOK_EVERY = 1.0  # seconds between looks whether the listeners of published ports are still there


class Door(NamedTuple):
    """A listening socket of the host's."""

    handle: int
    family: int
    port: int  # the run's


class Publisher:
    """The doors of a run."""

    def __init__(
        self,
        layer: EmulatedSockets,
        routes: HostRoutes,
        wanted: Ports,
        carry: Callable[[int, int, int], None],
    ) -> None:
        self._layer, self._routes, self._wanted, self._carry = layer, routes, wanted, carry
        self._doors: dict[int, list[Door]] = {}  # by the run's port
        self._reservations = Reservations(routes)
        named = [(kind, one.port) for (kind, _), each in wanted.items() for one in each]
        self._named = {*wanted, *named}  # ports that are somebody's choice already
        self._said: set[tuple[int, int]] = set()
        self._timer: Timer | None = None
        self.peers: set[bytes] = set()  # addresses of the host's from which something came in
        self.streams = 0

    # TCP

    def listen(self, sock: Stream) -> None:
        binding = sock.binding
        if binding is None:
            return
        doors = self._doors.get(binding.port, [])
        there = {door.family for door in doors}
        for handle, family in self._opened(sock, socket.SOCK_STREAM, binding.port, there):
            door = Door(handle, family, binding.port)
            doors.append(door)
            hostcalls.listen(handle, _BACKLOG)
            self._layer.reactor.add(handle, EPOLLIN, self._visitor_to(door))
        if doors:
            self._doors[binding.port] = doors
            self._look_later()

    def _visitor_to(self, door: Door) -> Callable[[int], None]:
        def came(events: int) -> None:
            for _ in range(_AT_ONCE):
                try:
                    handle, name = hostcalls.accept(door.handle, socket.SOCK_NONBLOCK)
                except Errno:
                    return
                self._admit(door, handle, parse(door.family, name))

        return came

    def _admit(self, door: Door, handle: int, peer: Name) -> None:
        """Put a placeholder into the program's queue; without a listener the visitor is turned away."""
        target = Name(LOOPBACK4 if door.family == AF_INET else LOOPBACK6, door.port)
        listener = self._layer.any_listener(target, peer)
        if listener is None or listener.queue is None or listener.binding is None:
            os.close(handle)
            self._shut(door.port)
            return
        placeholder = hostcalls.new_socket(socket.AF_UNIX, socket.SOCK_STREAM | _FLAGS, 0)
        try:
            key = self._layer.new_key(placeholder)
            listener.queue.entrance.connect(placeholder)
        except Errno as error:
            os.close(handle)
            if error.number == errno.ECONNREFUSED:
                self._layer.drop(listener)
            return
        finally:
            os.close(placeholder)
        local, peer = _as_seen(listener, target, peer)
        self.peers.add(peer.address)
        self.streams += 1
        listener.queue.arrived(key, Arrival(local, peer, handle))

    def _look_later(self) -> None:
        if self._timer is None and (self._doors or self._reservations):
            self._timer = self._layer.reactor.call_at(time.monotonic() + _LOOK_EVERY, self._look)

    def _look(self) -> None:
        """Close the doors to ports whose listeners are closed, and give back what nobody will listen on."""
        self._timer = None
        self._reservations.keep(self._may_be_published)
        for port in list(self._doors):
            holders = [holder for holder in self._layer.tcp.holders(port) if is_listening(holder)]
            if not holders or all(holder.is_gone() for holder in holders):
                self._shut(port)
        self._look_later()

    def _shut(self, port: int) -> None:
        for door in self._doors.pop(port, ()):
            self._layer.reactor.remove(door.handle)
            os.close(door.handle)

    # UDP

    def bind(self, sock: Datagram, there: set[int]) -> None:
        """Open what ``there`` does not have yet of the families that a UDP socket takes."""
        assert sock.binding is not None
        for handle, family in self._opened(sock, socket.SOCK_DGRAM, sock.binding.port, there):
            self._carry(sock.binding.port, handle, family)

    # Both

    def reserve(self, kind: int, binding: Binding, port: int) -> bool:
        """``port`` is about to be chosen for ``binding``: see to it that it can be published; False where it
        cannot, and another one may.
        """
        if (kind, port) in self._named:
            return False
        free = self._reservations.make(kind, port, self._usual(binding, port))
        self._look_later()
        return free

    def _may_be_published(self, kind: int, port: int) -> bool:
        """Whether somebody still has a port without being connected."""
        ports = self._layer.tcp if kind == socket.SOCK_STREAM else self._layer.udp
        held = list(ports.holders(port))
        return any(holder.peer is None and not holder.is_gone() for holder in held)

    def _opened(
        self, sock: EmulatedSocket, kind: int, port: int, there: set[int]
    ) -> list[tuple[int, int]]:
        """Sockets of the host's bound for a port of the run's, with their families: what is not there yet."""
        assert sock.binding is not None
        found = []
        for wanted in self._wanted.get((kind, port)) or self._usual(sock.binding, port):
            family = self._routes.family(wanted.address)
            if family in there:
                continue
            held = self._reservations.take(kind, port, family)
            handle = host_socket(family, kind) if held is None else held
            if kind == socket.SOCK_STREAM:
                hostcalls.set_int(handle, SOL_SOCKET, SO_REUSEADDR, 1)
            if held is not None or self._bound(handle, family, kind, wanted, port):
                found.append((handle, family))
            else:
                os.close(handle)
        self._reservations.drop(kind, port)
        return found

    def _usual(self, binding: Binding, port: int) -> Sequence[Wanted]:
        """The host's loopback of the families that the socket takes."""
        six = len(binding.address) == 16
        four = not six or (binding.address == ANY6 and not binding.v6only) or not self._routes.has_ipv6
        wanted = [Wanted(LOOPBACK4, port)] if four else []
        return [*wanted, Wanted(LOOPBACK6, port)] if six and self._routes.has_ipv6 else wanted

    def _bound(self, handle: int, family: int, kind: int, wanted: Wanted, port: int) -> bool:
        """Bind to the port that is wanted, or to any other where nobody asked for just this one."""
        asked = (kind, port) in self._wanted
        number = _try_bind(handle, family, wanted)
        if number in (errno.EADDRINUSE, errno.EACCES) and not asked:
            number = _try_bind(handle, family, wanted._replace(port=0))
        if number:
            self._say(kind, port, f"port {port} cannot be published: {os.strerror(number)}")
            return False
        name = parse(family, hostcalls.getsockname(handle))
        if name.port != port:
            shown = socket.inet_ntop(family, name.address)
            shown = f"[{shown}]" if family == AF_INET6 else shown
            self._say(kind, port, f"port {port} is published as {shown}:{name.port}")
        return True

    def _say(self, kind: int, port: int, text: str) -> None:
        if (kind, port) not in self._said:
            self._said.add((kind, port))
            complain(text)


def _try_bind(handle: int, family: int, wanted: Wanted) -> int:
    """The errno of bind(2)."""
    try:
        hostcalls.bind(handle, pack(family, Name(wanted.address, wanted.port)))
    except Errno as error:
        return error.number
    return 0


def is_listening(holder: Holder) -> bool:
    return holder.binding is not None and holder.binding.listening


def _as_seen(listener: Stream, target: Name, peer: Name) -> tuple[Name, Name]:
    """Both ends of a connection through a door, as the listener's program is told."""
    assert listener.binding is not None
    bound = listener.binding.address
    local = target if bound in (ANY4, ANY6) else target._replace(address=bound)
    six_alone = listener.binding.v6only or len(local.address) == 16
    if six_alone and len(peer.address) == 4:  # the host has no IPv6: its loopback stands for ::1
        return local._replace(address=LOOPBACK6), peer._replace(address=LOOPBACK6)
    return local, peer
