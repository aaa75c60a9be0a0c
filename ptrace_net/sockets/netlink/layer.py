"""What the netlink sockets of a run share: the network that they ask about, their ports, and who answers.

The network is that of the stack where there is one (devices); where flows go out without packets, it is a
stack that is never used for any: its interfaces and tables are what programs are shown, and may change.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING

from ptrace_net.devices.identity import E1000
from ptrace_net.netlink.diag import SockDiag
from ptrace_net.netlink.endpoint import Service
from ptrace_net.netlink.generic import Controller
from ptrace_net.netlink.ports import Ports
from ptrace_net.netlink.router import Router
from ptrace_net.network.network import Network
from ptrace_net.network.values import Origin
from ptrace_net.sockets.emulated.backing import AF_UNIX, SEQPACKET
from ptrace_net.sockets.emulated.network import GATEWAY4, GATEWAY6
from ptrace_net.sockets.emulated.options import Options
from ptrace_net.sockets.netlink.listing import Listing
from ptrace_net.sockets.netlink.socket import NetlinkSocket
from ptrace_net.sockets.wire.network import WireNetwork
from ptrace_net.stack.addresses import ANY4, ANY6
from ptrace_net.stack.host import Host
from ptrace_net.stack.route import Route
from ptrace_net.syscalls.seam import Answer, Errno, Native

if TYPE_CHECKING:
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
        self.host = _host_of(layer) or _shown(layer, now)
        self.network = Network(self.host, gateway_origin=Origin.DHCP)
        self.ports = Ports()
        self.router = Router(self.network, self.ports, now)
        self.listing = Listing(layer, self)
        self.services: dict[int, Service] = {
            NETLINK_ROUTE: self.router,
            NETLINK_SOCK_DIAG: SockDiag(self.listing, self.listing.local),
            NETLINK_GENERIC: Controller(),
        }
        self.ports.highest |= {NETLINK_GENERIC: 1024, NETLINK_KOBJECT_UEVENT: 2, NETLINK_AUDIT: 2}
        self._generation = self.host.generation
        self._watching = False

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
        if self.layer.outside_host() is None:
            self._run_timers()

    def _run_timers(self) -> None:
        """Addresses are probed, and settle; nobody hears the frames."""
        now = time.monotonic()
        self.host.poll(now)
        deadline = self.host.deadline()
        if deadline is not None and not self._watching:
            self.layer.reactor.call_at(max(deadline, now + 0.05), self._due)

    def _due(self) -> None:
        self.settle()
        self.router.announce(time.monotonic())

    def listened(self) -> None:
        """Somebody is in a group: look regularly at what the stack changes by itself."""
        if not self._watching:
            self._watching = True
            self.layer.reactor.call_at(time.monotonic() + _WATCHING, self._watch)

    def _watch(self) -> None:
        self._watching = any(port.groups for port in self.ports.all())
        self._due()
        if self._watching:
            self.layer.reactor.call_at(time.monotonic() + _WATCHING, self._watch)


def _owner(tgid: int) -> int:
    try:
        return os.stat(f"/proc/{tgid}").st_uid
    except OSError:
        return 0


def _host_of(layer: EmulatedSockets) -> Host | None:
    host = layer.outside_host()
    return host if host is not None and "eth0" in host.interfaces else None


def _shown(layer: EmulatedSockets, now: float) -> Host:
    """A stack with the addresses that the socket layer has."""
    host = Host(os.urandom)
    host.add_loopback(now)
    for link in layer.network.links:
        if link.name in host.interfaces:
            continue
        interface = host.add_interface(link.name, E1000.mac, dad=False)
        for address, length in link.addresses:
            interface.add_address(address, length, now)
        interface.dad = True
        host.add_route(Route(ANY4, 0, link.name, GATEWAY4))
        host.add_route(Route(ANY6, 0, link.name, GATEWAY6, metric=1024))
    host.poll(now)
    return host
