"""What the netlink sockets of a run share: the network that they ask about, their ports, and who answers.

The network is that of the stack where there is one (devices); where flows go out without packets, it is a
stack that is never used for any: its interfaces and tables are what programs are shown, and may change.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from functools import cached_property
from typing import TYPE_CHECKING

from ptrace_net.netlink.diag import SockDiag
from ptrace_net.netlink.endpoint import Service
from ptrace_net.netlink.generic import Controller
from ptrace_net.netlink.ports import Ports
from ptrace_net.netlink.router import Router
from ptrace_net.network.network import Network
from ptrace_net.network.values import Origin
from ptrace_net.sockets.emulated.backing import AF_UNIX, SEQPACKET
from ptrace_net.sockets.emulated.options import Options
from ptrace_net.sockets.netlink.listing import Listing
from ptrace_net.sockets.netlink.shown import shown
from ptrace_net.sockets.netlink.socket import NetlinkSocket
from ptrace_net.sockets.packet.socket import PacketSocket
from ptrace_net.sockets.packet.taps import Taps
from ptrace_net.sockets.wire.lane import Lane
from ptrace_net.sockets.wire.network import WireNetwork
from ptrace_net.sockets.wire.outside import Wire
from ptrace_net.sockets.wire.raw import PING, Ping, Raw
from ptrace_net.syscalls.seam import Answer, Errno, Native

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.syscalls.seam import Task

NETLINK_ROUTE, NETLINK_SOCK_DIAG, NETLINK_AUDIT, NETLINK_KOBJECT_UEVENT, NETLINK_GENERIC = 0, 4, 9, 15, 16
_TYPE_MASK, _TYPE_FLAGS = 0xF, socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_WATCHING = 0.25  # seconds between looks at what the stack has changed, while somebody listens


class NetlinkLayer:
    """Made when the first netlink socket is; ``services`` answers by protocol, the others are quiet."""

    def __init__(self, layer: EmulatedSockets) -> None:
        self.layer = layer
        now = time.monotonic()
        devices = _lane_of(layer)
        self.lane = devices or Lane(shown(layer.network, now), layer.reactor)
        self.host = self.lane.host
        self.network = Network(self.host, gateway_origin=Origin.DHCP)
        self.ports = Ports()
        self.router = Router(self.network, self.ports, now)
        self.listing = Listing(layer, self)
        self.services: dict[int, Service] = {
            NETLINK_ROUTE: self.router,
            NETLINK_SOCK_DIAG: SockDiag(self.listing, self.listing.local),
            NETLINK_GENERIC: Controller(),
        }
        if layer.refused:
            from ptrace_net.policing.netlink import Refusing

            for protocol, service in self.services.items():
                self.services[protocol] = Refusing(service, protocol, layer.refused)
        self.ports.highest |= {NETLINK_GENERIC: 1024, NETLINK_KOBJECT_UEVENT: 2, NETLINK_AUDIT: 2}
        self._generation = self.host.generation
        self._watching = False
        if devices is None:
            self.lane.changed = self._changed
            self.lane.serve()

    def create(self, task: Task, kind: int, protocol: int) -> Answer:
        """The errors of netlink_create."""
        if kind & _TYPE_MASK not in (socket.SOCK_RAW, socket.SOCK_DGRAM):
            raise Errno(errno.ESOCKTNOSUPPORT)
        if protocol not in self.services and protocol not in (NETLINK_AUDIT, NETLINK_KOBJECT_UEVENT):
            raise Errno(errno.EPROTONOSUPPORT)
        options = Options(socket.AF_NETLINK, kind & _TYPE_MASK, protocol)
        sock = NetlinkSocket(self, protocol, kind & _TYPE_MASK, options, task.tgid, _owner(task.tgid))

        def made(handle: int) -> int:
            sock.adopt(handle)
            sock.watch(self.layer.datagram_doorway.pair_with(handle))
            return handle

        return Native(None, "socket", (AF_UNIX, SEQPACKET | kind & _TYPE_FLAGS, 0), made)

    def settle(self) -> None:
        """After a request: the socket layer learns of addresses and routes that have changed."""
        if self._generation != self.host.generation:
            self._generation = self.host.generation
            self.layer.network = WireNetwork(self.host)
        self.lane.soon()

    def _changed(self) -> None:
        """Frames have been moved, and timers run."""
        if self._generation != self.host.generation:
            self.settle()
        if self._watching:
            self.router.announce(time.monotonic())

    @cached_property
    def taps(self) -> Taps:
        return Taps(self.lane)

    def packet_socket(self, kind: int, protocol: int) -> Datagram:
        """packet(7), for everybody: the frames are the run's own."""
        if kind not in (socket.SOCK_RAW, socket.SOCK_DGRAM):
            raise Errno(errno.ESOCKTNOSUPPORT)
        return PacketSocket(self, kind, protocol, Options(socket.AF_PACKET, kind, protocol))

    def special(self, domain: int, kind: int, protocol: int) -> Datagram | None:
        """A raw or ping socket on the network that is shown: for everybody, as nothing leaves it."""
        if kind == socket.SOCK_DGRAM and protocol == PING[domain]:
            return Ping(self.layer, domain, protocol, Options(domain, kind, protocol), self.lane)
        if kind == socket.SOCK_RAW and 0 < protocol < 256:
            return Raw(self.layer, domain, protocol, Options(domain, kind, protocol), self.lane)
        return None

    def listened(self) -> None:
        """Somebody is in a group: look regularly at what the stack changes by itself."""
        if not self._watching:
            self._watching = True
            self.layer.reactor.call_at(time.monotonic() + _WATCHING, self._watch)

    def _watch(self) -> None:
        self._watching = any(port.groups for port in self.ports.all())
        self.settle()
        self.router.announce(time.monotonic())
        if self._watching:
            self.layer.reactor.call_at(time.monotonic() + _WATCHING, self._watch)


def _owner(tgid: int) -> int:
    try:
        return os.stat(f"/proc/{tgid}").st_uid
    except OSError:
        return 0


def _lane_of(layer: EmulatedSockets) -> Lane | None:
    """That of the devices, where there are any."""
    return layer.outside.lane if isinstance(layer.outside, Wire) else None
