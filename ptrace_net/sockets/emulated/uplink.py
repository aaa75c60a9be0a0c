"""The uplink: what goes to addresses outside becomes sockets of the host.

For TCP the host's socket takes the place of the backing socket in the program's descriptor table, so that
bytes do not pass us. UDP passes us as within the run; each socket has sockets of the host beside it.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import errqueue
from ptrace_net.sockets.emulated.hosts import GATEWAYS, HostRoutes
from ptrace_net.sockets.emulated.names import AF_INET, Name
from ptrace_net.sockets.emulated.network import (
    ETHERNET,
    ETHERNET_MTU,
    GATEWAY4,
    LOOPBACK4,
    LOOPBACK6,
    is_link_local,
)
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.sockets.emulated.outside import WithoutPackets
from ptrace_net.sockets.emulated.publish import Publisher
from ptrace_net.syscalls.seam import Answer, Errno, Fail, Replace, Return, Wait

if TYPE_CHECKING:
    from ptrace_net.policies.mapping import AddressMap
    from ptrace_net.publish_option import Ports
    from ptrace_net.sockets.emulated.carriers import HostDatagrams
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.stack.bindings import Binding

POLLOUT = 4
SO_SNDTIMEO = 21
# SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER, SO_RCVTIMEO, SO_SNDTIMEO and their sizes
_CARRIED = ((9, 4), (10, 4), (13, 8), (20, 16), (21, 16))
_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK


def _copy_options(handle: int, host: int) -> None:
    """What was set on the backing socket without a stop goes to the host's too."""
    for option, size in _CARRIED:
        value = hostcalls.getsockopt(handle, socket.SOL_SOCKET, option, size)
        if any(value):
            hostcalls.setsockopt(host, socket.SOL_SOCKET, option, value)


class Uplink(WithoutPackets):
    """Implements ``outside.Outside``."""

    def __init__(
        self, layer: EmulatedSockets, addresses: AddressMap, published: Ports, map_first: bool = False
    ) -> None:
        self.layer = layer
        self.routes = HostRoutes(addresses, map_first)
        self.publisher = Publisher(layer, self.routes, published, self._carry)
        self._own: dict[tuple[Datagram, int], HostDatagrams] = {}  # by socket and family
        self._published: dict[tuple[int, int], HostDatagrams] = {}  # by port and family
        self._streams = 0

    def reaches(self, destination: bytes) -> bool:
        try:
            self.routes.sockaddr(Name(destination, 1))
        except Errno:
            return False
        return True

    def serves_any(self) -> bool:
        return bool(self._streams or self.publisher.streams)

    # TCP

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        family, name = self.routes.sockaddr(target)
        blocking = hostcalls.is_blocking(handle)
        timeout = hostcalls.get_timeout(handle, SO_SNDTIMEO) if blocking else None
        host = hostcalls.new_socket(family, socket.SOCK_STREAM | _FLAGS, 0)
        _copy_options(handle, host)
        answer: Return | Fail = Return(0)
        try:
            hostcalls.connect(host, name)
        except Errno as error:
            if error.number != errno.EINPROGRESS:
                os.close(host)
                return Fail(error.number)
            answer = Fail(errno.EINPROGRESS)
        self._streams += 1
        sock.move_to_host(host, target, source)
        if not blocking:
            return Replace(fd, host, answer)
        hostcalls.set_blocking(host)
        if answer == Return(0):
            return Replace(fd, host, answer)
        return Replace(fd, host, Wait(fd, POLLOUT, timeout, errno.EINPROGRESS, restart=timeout is None))

    # UDP

    def send(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        from ptrace_net.sockets.emulated.carriers import time_exceeded

        if is_link_local(target.address):
            return True  # nobody is there
        family, name = self.routes.sockaddr(target)
        errqueue.check_size(sock, target, len(data), ETHERNET_MTU, 28 if len(target.address) == 4 else 48)
        if target.address in GATEWAYS:
            self._carrier(sock, family, name).send(data, name, target)
        elif origin.ttl <= 1:
            errqueue.tell(sock, time_exceeded(target, data))
        else:
            self._carrier(sock, family, name).send(data, name, target, origin.ttl)
        return True

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        """To the run's loopback, where nobody of the run is: a peer that came in through a published port, or
        the host's resolver.
        """
        if target.address not in self.publisher.peers and not self.routes.resolver_at(target):
            return False
        family, name = self.routes.loopback(target)
        self._carrier(sock, family, name).send(data, name, target)
        return True

    def _carrier(self, sock: Datagram, family: int, name: bytes) -> HostDatagrams:
        """The host's socket that datagrams of ``sock`` to ``name`` leave by: its port's, where that is
        published and ``name`` can be reached from there.
        """
        port = sock.binding.port if sock.binding is not None else 0
        carrier = self._published.get((port, family))
        if carrier is None or not carrier.reaches(name):
            carrier = self._own.get((sock, family))
        if carrier is None:
            from ptrace_net.sockets.emulated.carriers import HostDatagrams, opened

            carrier = self._own[sock, family] = HostDatagrams(self, opened(family), family, port, sock)
        return carrier

    def _carry(self, port: int, handle: int, family: int) -> None:
        """``handle`` is the host's socket for a port of the run's from now on."""
        from ptrace_net.sockets.emulated.carriers import HostDatagrams

        self._published[port, family] = HostDatagrams(self, handle, family, port, None)

    def arrived(self, carrier: HostDatagrams, data: bytes, source: Name) -> None:
        """A datagram came in from the host; from its loopback, its sender is a peer now."""
        sock, local = carrier.sock, LOOPBACK4 if carrier.family == AF_INET else LOOPBACK6
        if self.layer.network.is_local(source.address):
            gateway = sock is not None and sock.peer is not None and sock.peer.address == GATEWAY4
            if gateway:
                source, local = source._replace(address=GATEWAY4), ETHERNET.addresses[0][0]
            else:
                self.publisher.peers.add(source.address)
        else:
            local = self.layer.network.source_for(source.address) or local
        origin = Origin(source, local, self.layer.network.link_of(local))
        if sock is None:
            self.layer.deliver(data, Name(local, carrier.port), origin)
        elif sock.wants(origin):
            sock.deliver(data, origin)

    # The run's ports on the host

    def reserve(self, kind: int, binding: Binding, port: int) -> bool:
        return self.publisher.reserve(kind, binding, port)

    def publish_stream(self, sock: Stream) -> None:
        self.publisher.listen(sock)

    def publish_datagrams(self, sock: Datagram) -> None:
        if sock.binding is not None and sock.asked is not None:
            port = sock.binding.port
            self.publisher.bind(sock, {family for held, family in self._published if held == port})

    def withdraw(self, sock: EmulatedSocket) -> None:
        for family in (int(AF_INET), int(socket.AF_INET6)):
            carrier = self._own.pop((sock, family), None)  # type: ignore[arg-type]  # there is none for streams
            if carrier is not None:
                carrier.close()

    def freed(self, port: int) -> None:
        """No UDP socket has ``port`` any more."""
        for family in (int(AF_INET), int(socket.AF_INET6)):
            carrier = self._published.pop((port, family), None)
            if carrier is not None:
                carrier.close()
