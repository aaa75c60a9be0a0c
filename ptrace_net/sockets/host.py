"""The host provider: the host's kernel sockets, with one family served by the other.

Sockets of the other family, AF_UNIX and AF_NETLINK stay the kernel's alone; only what is mapped is known
here, by inode.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable, Iterable
from copy import copy
from functools import cached_property, partial
from typing import TYPE_CHECKING

from ptrace_net.policies.mapping import ANY4
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.datagrams import Datagrams
from ptrace_net.sockets.faces import AF_INET, Endpoint, FourOnSix, SixOnFour, family_of
from ptrace_net.sockets.found import Found
from ptrace_net.sockets.hostcalls import borrowed
from ptrace_net.sockets.mapped import MappedSocket
from ptrace_net.sockets.privileges import CAP_NET_BIND_SERVICE
from ptrace_net.sockets.registry import Registry
from ptrace_net.sockets.sharing import OTHER, share_port, type_of
from ptrace_net.syscalls import ioctls
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Native, Return

if TYPE_CHECKING:
    from ptrace_net.policies.policy import Policy
    from ptrace_net.sockets.control4 import Control4
    from ptrace_net.sockets.control6 import Control6
    from ptrace_net.sockets.options4 import Options4
    from ptrace_net.sockets.options6 import Options6
    from ptrace_net.syscalls.seam import Call, Task

TYPE_MASK = 0xF
SO_DOMAIN = 39
# Ports at which nobody listens: a connection there is refused, a datagram answered with an ICMP error.
NOWHERE: dict[int, int] = {socket.SOCK_STREAM: socket.htons(0), socket.SOCK_DGRAM: socket.htons(1)}
_MAPPED_TYPES = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
_PINGS = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)  # datagram sockets for echo requests: each family's own


class HostSockets:
    """Implements ``syscalls.sockets.Sockets``."""

    def __init__(self, face: SixOnFour | FourOnSix, tasks: Callable[[], Iterable[Task]]) -> None:
        self.face = face
        self._tasks = tasks
        self._registry: Registry[MappedSocket] = Registry(lambda: {task.tgid for task in tasks()})
        self.datagrams = Datagrams(face)
        # Sockets that take IPv4 alone: (type, port) -> inode.
        self._sides: dict[tuple[int, int], int] = {}
        self._first_unprivileged = _setting("ipv4/ip_unprivileged_port_start", 1024)
        self._v6only = bool(_setting("ipv6/bindv6only", 0))

    @cached_property
    def control(self) -> Control6 | Control4:
        if isinstance(self.face, SixOnFour):
            from ptrace_net.sockets.control6 import Control6

            return Control6(self.face)
        from ptrace_net.sockets.control4 import Control4

        return Control4(self.face)

    @cached_property
    def control_alone(self) -> Control6 | Control4:
        """For sockets bound to the address that stands for ::1: what they send from ::1 comes from there."""
        from ptrace_net.sockets.control6 import Control6

        if not isinstance(self.face, SixOnFour):
            return self.control
        face = copy(self.face)
        face.plain_loopback = face.host_loopback
        return Control6(face)

    @cached_property
    def options(self) -> Options6 | Options4:
        if isinstance(self.face, SixOnFour):
            from ptrace_net.sockets.options6 import Options6

            return Options6()
        from ptrace_net.sockets.options4 import Options4

        return Options4()

    def mapped(self) -> dict[int, MappedSocket]:
        """The sockets of the other family by inode; some may be closed."""
        return dict(self._registry.items())

    # Sockets come and go

    def create(self, task: Task, domain: int, kind: int, protocol: int) -> Answer:
        if domain != self.face.asked or kind & TYPE_MASK not in _MAPPED_TYPES or protocol in _PINGS:
            return NATIVE

        def created(fd: int) -> Answer | None:
            if fd >= 0:
                sock = MappedSocket(self, kind & TYPE_MASK, self._v6only, {})
                handle = self.adopt(task, fd, sock)
                self.options.begin(sock, handle)
                os.close(handle)
            return None

        return Native(created, "socket", (self.face.host, kind, protocol))

    def create_pair(self, task: Task, domain: int, kind: int, protocol: int, vector: int) -> Answer:
        if domain != self.face.asked:
            return NATIVE
        return Native(None, "socketpair", (self.face.host, kind, protocol, vector))

    def adopt(self, task: Task, fd: int, sock: MappedSocket) -> int:
        """``fd`` is a new kernel socket that ``sock`` describes; a borrowed descriptor of it, to be closed.
        """
        handle = task.borrow(fd)
        self._registry.add(os.fstat(handle).st_ino, sock)
        return handle

    def take(self, handle: int, sock: MappedSocket) -> None:
        """``handle`` is of a kernel socket that ``sock`` describes, and that a program gets later."""
        self._registry.add(os.fstat(handle).st_ino, sock)

    def known(self, handle: int) -> MappedSocket | None:
        return self._registry.get(os.fstat(handle).st_ino)

    def release(self, handle: int) -> None:
        """The socket behind ``handle`` is the kernel's alone from now on."""
        self._registry.remove(os.fstat(handle).st_ino)

    def find(self, task: Task, fd: int) -> Found[MappedSocket]:
        registry = self._registry
        self.datagrams.asker = task.tid
        return Found(registry.get(task.socket_inode(fd)) if registry else None, task, fd)

    def ioctl(self, call: Call) -> Answer:
        return ioctls.refused(call, self.find)

    def map(self, call: Call) -> Answer:
        return NATIVE

    def view(self, path: str) -> bytes | None:
        return None

    # Ports

    def check_privileged(self, task: Task, port: int) -> None:
        """The supervisor binds in the program's place, so the program's own privilege decides."""
        number = socket.ntohs(port)
        if 0 < number < self._first_unprivileged and not task.has_privilege(CAP_NET_BIND_SERVICE):
            raise Errno(errno.EACCES)

    def bind_host(self, handle: int, endpoint: Endpoint, side: str) -> None:
        """bind(2) on the host; ``side`` says which family's traffic the port is wanted for."""
        self._bind(handle, endpoint, side)
        self.datagrams.forget()
        self._note(handle, endpoint, side)

    def bind_native(self, task: Task, fd: int, name: bytes) -> Answer:
        """An AF_INET wildcard may stand beside a listener on ``::`` with V6ONLY or ``::1`` on the same port.
        """
        if len(name) < 16 or family_of(name) != AF_INET or self.face.host != AF_INET:
            return NATIVE
        endpoint = self.face.parse_host(name)
        if endpoint.address not in (ANY4, self.face.plain_loopback):
            return NATIVE
        self.check_privileged(task, endpoint.port)
        with borrowed(task, fd) as handle:
            self._bind(handle, endpoint, OTHER)
            self._note(handle, endpoint, OTHER)
        return Return(0)

    def listen_native(self, task: Task, fd: int, backlog: int) -> Answer:
        if not self._sides:
            return NATIVE
        with borrowed(task, fd) as handle:
            if hostcalls.get_int(handle, socket.SOL_SOCKET, SO_DOMAIN) != self.face.host:
                return NATIVE
            return self.listen_host(handle, backlog, OTHER)

    def listen_host(self, handle: int, backlog: int, side: str) -> Answer:
        """listen(2), which asks for the port once more (inet_csk_listen_start)."""
        try:
            hostcalls.listen(handle, backlog)
        except Errno as error:
            port = self.face.parse_host(hostcalls.getsockname(handle)).port
            again = partial(hostcalls.listen, handle, backlog)
            if error.number != errno.EADDRINUSE or not self._shared(handle, port, side, again):
                raise
        return Return(0)

    def _shared(self, handle: int, port: int, side: str, again: Callable[[], None]) -> bool:
        return share_port(self, self._tasks(), handle, port, side, again)

    def loopback(self, kind: int, endpoint: Endpoint) -> Endpoint:
        """Where ::1's port is reached on the host: not at an IPv4 socket of this run."""
        holder = self._sides.get((kind, endpoint.port))
        if holder is not None and self.datagrams.holds(kind, endpoint.port, holder):
            return endpoint._replace(port=NOWHERE[kind])
        if kind == socket.SOCK_STREAM:
            return endpoint
        return endpoint._replace(address=self.datagrams.loopback_for(endpoint.port))

    def _note(self, handle: int, endpoint: Endpoint, side: str) -> None:
        """Remember which sockets take IPv4 alone where ::1 would be looked for."""
        if side == OTHER and endpoint.address in (self.face.host_any, self.face.plain_loopback):
            port = self.face.parse_host(hostcalls.getsockname(handle)).port
            self._sides[type_of(handle), port] = os.fstat(handle).st_ino

    def _bind(self, handle: int, endpoint: Endpoint, side: str) -> None:
        name = self.face.pack_host(endpoint)
        try:
            hostcalls.bind(handle, name)
        except Errno as error:
            again = partial(hostcalls.bind, handle, name)
            if error.number != errno.EADDRINUSE or not self._shared(handle, endpoint.port, side, again):
                raise


def _setting(name: str, default: int) -> int:
    try:
        with open(f"/proc/sys/net/{name}") as setting:
            return int(setting.read())
    except (OSError, ValueError):
        return default


def host_sockets(policy: Policy, tasks: Callable[[], Iterable[Task]]) -> HostSockets:
    """The host provider as ``policy`` wants it; ``tasks`` gives the tasks of the run."""
    face = SixOnFour(policy.addresses) if policy.serve == "ipv4" else FourOnSix(policy.addresses)
    return HostSockets(face, tasks)
