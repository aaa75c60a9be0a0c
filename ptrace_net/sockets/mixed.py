"""Both providers in one run: the stack's sockets, and the host's where a policy says so (policing.choice).

A socket is the host's from the start, or becomes it when it is bound or connected to an address that is the
host's. What one of the stack's that has a name already sends to such an address, or connects to it, goes by
an uplink, and so do datagrams of a socket that is not connected.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, Any

from ptrace_net.policies.mapping import V4_MAPPED
from ptrace_net.policing.choice import Choice, Kind
from ptrace_net.policing.names import Endpoint
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.layer import EmulatedSockets
from ptrace_net.sockets.emulated.names import AF_INET, AF_INET6, Name, family_of, parse
from ptrace_net.sockets.emulated.uplink import Uplink
from ptrace_net.sockets.mapped import MappedSocket
from ptrace_net.sockets.sharing import OTHER
from ptrace_net.syscalls.options import OptionValue
from ptrace_net.syscalls.seam import Answer, Errno, Replace, Return, Wait

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ptrace_net.policies.mapping import AddressMap
    from ptrace_net.reactor import Reactor
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.outside import Outside
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.sockets.found import Found
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Call, Task

TYPE_MASK, SO_DOMAIN, POLLOUT = 0xF, 39, 4
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
# SO_REUSEADDR, SO_DONTROUTE, SO_BROADCAST, SO_KEEPALIVE, SO_OOBINLINE, SO_LINGER, SO_RCVLOWAT, SO_RCVTIMEO,
# SO_SNDTIMEO: set on the backing socket, perhaps with no stop; and their sizes.
_BENEATH = ((2, 4), (5, 4), (6, 4), (9, 4), (10, 4), (13, 8), (18, 4), (20, 16), (21, 16))
_BUFFERS = ((1, 7), (1, 8))  # SO_SNDBUF, SO_RCVBUF
_DATAGRAMS = ("sendto", "sendmsg", "sendmmsg")


class MixedSockets(EmulatedSockets):
    """``host`` has the host's sockets; ``way`` leads the stack's own to the host."""

    def __init__(
        self,
        tasks: Callable[[], Iterable[Task]],
        reactor: Reactor,
        outside: Callable[[EmulatedSockets], Outside],
        host: HostSockets,
        choice: Choice,
        addresses: AddressMap,
    ) -> None:
        super().__init__(tasks, reactor, outside)
        self.host, self._choice = host, choice
        self._way = Uplink(self, addresses, {}, map_first=True)

    # Whose a socket is

    def create(self, task: Task, domain: int, kind: int, protocol: int) -> Answer:
        if self._hosts(task, domain, kind, protocol):
            return self.host.create(task, domain, kind, protocol)
        return super().create(task, domain, kind, protocol)

    def create_pair(self, task: Task, domain: int, kind: int, protocol: int, vector: int) -> Answer:
        if self._hosts(task, domain, kind, protocol):
            return self.host.create_pair(task, domain, kind, protocol, vector)
        return super().create_pair(task, domain, kind, protocol, vector)

    def _hosts(self, task: Task, domain: int, kind: int, protocol: int) -> bool:
        return self._choice.made(Kind(domain, kind & TYPE_MASK, protocol), task) == "host"

    def find(self, task: Task, fd: int) -> Found[EmulatedSocket]:
        found: Found[Any] = super().find(task, fd)
        if found.sock is None:
            found = self.host.find(task, fd)  # handlers know what both kinds of sockets can do
        return found

    def bind_native(self, task: Task, fd: int, name: bytes) -> Answer:
        return self.host.bind_native(task, fd, name)

    def listen_native(self, task: Task, fd: int, backlog: int) -> Answer:
        return self.host.listen_native(task, fd, backlog)

    def ioctl(self, call: Call) -> Answer:
        """Every AF_INET or AF_INET6 socket that is not the stack's is the host's."""
        inode = call.task.socket_inode(call.args[0])
        if inode and self.registry.get(inode) is None:
            with hostcalls.borrowed(call.task, call.args[0]) as handle:
                family = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_DOMAIN)
            if family in (AF_INET, AF_INET6):
                return self.host.ioctl(call)
        return super().ioctl(call)

    # Where an address is

    def _by_host(self, sock: EmulatedSocket, target: Name, *calls: str) -> bool:
        if sock.seen is None:
            return False
        kind = Kind(sock.family, sock.kind, sock.protocol)
        mapped = sock.family == AF_INET6 and len(target.address) == 4
        at = Endpoint(V4_MAPPED + target.address if mapped else target.address, target.port)
        return self._choice.named(kind, sock.seen[0], calls, at) == "host"

    def leaves(self, sock: Stream, target: Name) -> bool:
        return self._by_host(sock, target, "connect") or super().leaves(sock, target)

    def connect_outside(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        if self._by_host(sock, target, "connect"):
            return self._way.connect(sock, handle, fd, target, source)
        return super().connect_outside(sock, handle, fd, target, source)

    def forward(self, sender: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        calls = ("connect",) if sender.peer == target else _DATAGRAMS
        if sender.ports is self.udp and self._by_host(sender, target, *calls):
            return self._way.send(sender, data, target, origin)
        return super().forward(sender, data, target, origin)

    def receiver(self, sender: Datagram, target: Name, origin: Origin) -> Datagram | None:
        return None  # a policy has a say

    def source_for(self, destination: bytes) -> bytes | None:
        known = super().source_for(destination)
        if known is None and self._choice.reaches(destination):
            return self.network.source_for(destination)
        return known

    def not_outside(self, sock: Datagram) -> None:
        super().not_outside(sock)
        self._way.withdraw(sock)

    def _held(self) -> set[int]:
        return super()._held() | (self._in_tables() if self._way.serves_any() else set())

    # A socket becomes the host's

    def bind_elsewhere(
        self, sock: EmulatedSocket, task: Task, handle: int, name: bytes, wanted: Name
    ) -> Answer | None:
        if sock.seen is None or sock.kind not in _KINDS or not self._by_host(sock, wanted, "bind"):
            return None
        if sock.bound or sock.connected:
            raise Errno(errno.EINVAL)
        return self._become(sock, task, handle, sock.seen[1], name)

    def connect_elsewhere(self, sock: EmulatedSocket, handle: int, fd: int, name: bytes) -> Answer | None:
        """The call is made again, of the host's socket."""
        if sock.seen is None or sock.kind not in _KINDS or sock.bound or sock.connected:
            return None
        try:
            target = sock.destination(name)
        except Errno:
            return None  # told in the order that connect(2) has
        if not self._by_host(sock, target, "connect"):
            return None
        return self._become(sock, sock.seen[0], handle, fd, b"")

    def _become(self, sock: EmulatedSocket, task: Task, handle: int, fd: int, name: bytes) -> Answer:
        """A socket of the host's for the program's ``fd``, bound to ``name`` where one is given."""
        mapped = sock.family == self.host.face.asked
        new = hostcalls.new_socket(self.host.face.host if mapped else sock.family, sock.kind | _FLAGS, 0)
        try:
            _copy_beneath(handle, new)
            (self._mapped if mapped else self._plain)(sock, task, new, name)
        except Errno:
            os.close(new)
            raise
        if hostcalls.is_blocking(handle):
            hostcalls.set_blocking(new)
        self.drop(sock)
        return Replace(fd, new, Return(0) if name else Wait(fd, POLLOUT))

    def _plain(self, sock: EmulatedSocket, task: Task, new: int, name: bytes) -> None:
        for level, option, value in _kept(sock):
            _try_set(new, level, option, value)
        if not name:
            return
        self.host.check_privileged(task, socket.htons(parse(sock.family, name).port))
        if family_of(name) == sock.family == self.host.face.host:
            self.host.bind_host(new, self.host.face.parse_host(name), OTHER)
        else:  # the kernel looks at it
            hostcalls.bind(new, name)

    def _mapped(self, sock: EmulatedSocket, task: Task, new: int, name: bytes) -> None:
        twin = MappedSocket(self.host, sock.kind, sock.v6only, {})
        for level, option, value in _kept(sock):
            if level in (socket.IPPROTO_IP, socket.IPPROTO_IPV6):
                data = value.to_bytes(4, "little", signed=True)
                twin.set_option(task, new, level, option, OptionValue(data, len(data)))
            else:
                _try_set(new, level, option, value)
        if name:
            twin.bind(task, new, name)
        self.host.take(new, twin)


def _kept(sock: EmulatedSocket) -> Iterable[tuple[int, int, int]]:
    """The options with a number that the program has set: level, option, value. Buffers are kept doubled."""
    for at, value in (sock.options.values or {}).items():
        where = at >> 16, at & 0xFFFF
        yield (*where, value // 2 if where in _BUFFERS else value)


def _try_set(new: int, level: int, option: int, value: int) -> None:
    """What the stack took and the host refuses stays as it is there."""
    try:
        hostcalls.set_int(new, level, option, value)
    except Errno:
        return


def _copy_beneath(handle: int, new: int) -> None:
    for option, size in _BENEATH:
        value = hostcalls.getsockopt(handle, socket.SOL_SOCKET, option, size)
        if value != hostcalls.getsockopt(new, socket.SOL_SOCKET, option, size):
            hostcalls.setsockopt(new, socket.SOL_SOCKET, option, value)
