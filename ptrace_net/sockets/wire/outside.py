"""The world beyond a run's sockets, through the stack and its devices (``emulated.outside.Outside``)."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.names import AF_INET6
from ptrace_net.sockets.emulated.network import is_link_local
from ptrace_net.sockets.emulated.options import Options
from ptrace_net.sockets.emulated.stream import CONNECTING, Stream
from ptrace_net.sockets.wire import options
from ptrace_net.sockets.wire.datagrams import Datagrams
from ptrace_net.sockets.wire.end import End
from ptrace_net.sockets.wire.finish import finish
from ptrace_net.sockets.wire.lane import Lane
from ptrace_net.sockets.wire.listening import Listening
from ptrace_net.sockets.wire.network import WireNetwork
from ptrace_net.sockets.wire.owners import Owners
from ptrace_net.sockets.wire.raw import CAP_NET_RAW, PING, Ping, Raw
from ptrace_net.stack.addresses import is_loopback
from ptrace_net.stack.ip_output import Flow
from ptrace_net.stack.result import IN_PROGRESS
from ptrace_net.stack.tcp.segment import IPPROTO_TCP
from ptrace_net.syscalls.seam import Answer, Errno, Fail, Park, Replace, Return

if TYPE_CHECKING:
    from ptrace_net.devices.open import Devices
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.outside import Outside
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.stack.bindings import Binding
    from ptrace_net.stack.tcp.socket import TcpSocket
    from ptrace_net.syscalls.seam import Task


class Wire:
    """``ends`` are the connections that are carried. ``beyond`` has the rest where packets stay on ``lo``."""

    def __init__(self, layer: EmulatedSockets, devices: Devices, beyond: Outside | None = None) -> None:
        self.layer = layer
        self._devices, self._beyond = devices, beyond
        self.lane = Lane(devices.attached, layer.reactor)
        self.host = self.lane.host
        self.ends: set[End] = set()
        self._listeners: dict[Stream, Listening] = {}
        self._datagrams = Datagrams(layer, self.lane)
        devices.comment = Owners(layer, self.host).comment
        self.lane.changed = self._picture
        self._picture()
        self.lane.serve()

    def _picture(self) -> None:
        """The stack's addresses may have changed; without devices eth0 is that of the socket layer."""
        if self._beyond is not None:
            return
        network = self.layer.network
        if not isinstance(network, WireNetwork) or network.generation != self.host.generation:
            self.layer.network = WireNetwork(self.host)

    # Routes

    def reaches(self, destination: bytes) -> bool:
        if self._beyond is not None:
            return self._beyond.reaches(destination)
        return isinstance(self.host.flow(destination, IPPROTO_TCP, self.lane.clock()), Flow)

    def carries(self, address: bytes) -> bool:
        """Own addresses too, where somebody wants to see the packets."""
        if not self._devices.packets_on_lo:
            return False
        return address in self.host.local_addresses or is_loopback(address)

    def interface(self, address: bytes, scope: int) -> str | None:
        """The name of the interface that a link-local address is on."""
        if not is_link_local(address):
            return None
        names = [name for name, known in self.host.interfaces.items() if known.index == scope]
        return names[0] if names else None

    # TCP

    def connect(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        if self._beyond is not None and not self.carries(target.address):
            return self._beyond.connect(sock, handle, fd, target, source)
        if sock.spent:
            fresh = sock.renewed(handle)
            return Replace(fd, fresh, self._connect(sock, fresh, target, source))
        return self._connect(sock, handle, target, source)

    def _connect(self, sock: Stream, handle: int, target: Name, source: bytes) -> Return | Fail | Park:
        sock.name_self(handle, target, source)
        connection = self._handle(sock, len(target.address), target.scope, target.address)
        begun = connection.connect(target.address, target.port, self.lane.clock())
        if begun != IN_PROGRESS:
            connection.close(self.lane.clock())
            sock.forget_address()
            raise Errno(begun.errno)
        end = End(self, connection, self.layer.stream_doorway.pair_with(handle))
        self.ends.add(end)
        sock.state, sock.peer, sock.end = CONNECTING, None, end
        end.connecting(sock, handle, target)
        self.lane.soon()  # not now: an answer comes after connect(2) has returned, however near the peer is
        return end.wait(handle, errno.EINPROGRESS)

    def _handle(self, sock: Stream, size: int, scope: int, address: bytes) -> TcpSocket:
        """A handle of the stack with the socket's local name and options."""
        handle = self.host.tcp_socket(4 if size == 4 else 6)
        handle.reuseport = handle.freebind = True  # the program's port table has decided
        handle.interface = self.interface(address, scope)
        binding = sock.binding
        if binding is not None:
            handle.dual = sock.family == AF_INET6 and not sock.v6only
            handle.bind(binding.address, binding.port)
        for (level, option), data in (sock.told or {}).items():
            options.apply(handle, level, option, data, self.lane.clock())
        return handle

    def reserve(self, kind: int, binding: Binding, port: int) -> bool:
        return self._beyond is None or self._beyond.reserve(kind, binding, port)

    def publish_stream(self, sock: Stream) -> None:
        if self._beyond is not None:
            self._beyond.publish_stream(sock)
        binding = sock.binding
        if binding is None or sock.queue is None:
            return
        if is_loopback(binding.address) and not self._devices.packets_on_lo:
            return
        handle = self._handle(sock, len(binding.address), 0, b"")
        failed = handle.listen(sock.queue.backlog)
        if failed is not None:
            raise Errno(failed.errno)
        self._listeners[sock] = Listening(self, sock, handle)

    def accepted(self, sock: Stream) -> None:
        """The program has taken a connection from its queue: there is room for another."""
        listening = self._listeners.get(sock)
        if listening is not None:
            listening.woken(self.lane.clock())

    def option_set(self, sock: EmulatedSocket, level: int, option: int, data: bytes) -> None:
        if isinstance(sock, Stream) and (level, option) in options.KNOWN:
            sock.told = {**(sock.told or {}), (level, option): data}
            if sock.end is not None:
                sock.end.option_set(level, option, data)

    # UDP and packets

    def special(self, task: Task, domain: int, kind: int, protocol: int) -> Datagram | None:
        """Raw sockets for programs that may have them, or where nothing leaves; ping sockets for all."""
        if kind == socket.SOCK_DGRAM and protocol == PING[domain]:
            return Ping(self.layer, domain, protocol, Options(domain, kind, protocol), self.lane)
        if kind != socket.SOCK_RAW or not 0 < protocol < 256:
            return None
        if self._beyond is None and not task.has_privilege(CAP_NET_RAW):
            return None
        return Raw(self.layer, domain, protocol, Options(domain, kind, protocol), self.lane)

    def send(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        if self._beyond is not None and not self.carries(target.address):
            return self._beyond.send(sock, data, target, origin)
        self._datagrams.send(sock, data, target, origin)
        return True

    def send_to_all(self, sock: Datagram, data: bytes, target: Name, origin: Origin) -> None:
        if self._beyond is None:
            self._datagrams.send(sock, data, target, origin)

    def joined(self, group: bytes, ifindex: int, member: bool) -> None:
        self._datagrams.joined(group, ifindex, member)

    def send_back(self, sock: Datagram, data: bytes, target: Name) -> bool:
        return self._beyond is not None and self._beyond.send_back(sock, data, target)

    def publish_datagrams(self, sock: Datagram) -> None:
        """Every port of the run is open to the network: datagrams look into the run's own table."""
        if self._beyond is not None:
            self._beyond.publish_datagrams(sock)

    # The end

    def finish(self) -> None:
        """All programs have ended: deliver what they have written."""
        now = self.lane.clock()
        for end in list(self.ends):
            end.pump.close(now)
        finish(self.lane, self.ends)
        self._devices.close(self.lane.clock())

    def withdraw(self, sock: EmulatedSocket) -> None:
        if self._beyond is not None:
            self._beyond.withdraw(sock)
        listening = self._listeners.pop(sock, None) if isinstance(sock, Stream) else None
        if listening is not None:
            listening.close(self.lane.clock())
            self.lane.soon()

    def freed(self, port: int) -> None:
        if self._beyond is not None:
            self._beyond.freed(port)

    def serves_any(self) -> bool:
        return self._beyond is not None and self._beyond.serves_any()
