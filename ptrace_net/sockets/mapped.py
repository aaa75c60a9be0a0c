"""A socket of one family that the host serves with the other (``faces``).

The kernel socket in the program's descriptor table is of the host's family; calls that name it are performed on a
borrowed duplicate with the address translated. What the host cannot remember is kept here: the address that the
program bound, IPV6_V6ONLY and the options without a counterpart.
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.faces import AF_INET, AF_UNSPEC, Endpoint, SixOnFour, family_of, parse_in
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.faces import FourOnSix
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Message

IP_BIND_ADDRESS_NO_PORT = 24
SO_DOMAIN = 39


class MappedSocket:
    """Implements ``syscalls.sockets.Socket``."""

    __slots__ = ("bound", "face", "kind", "layer", "options", "v6only")

    def __init__(self, layer: HostSockets, kind: int, v6only: bool, options: dict[int, int]) -> None:
        self.layer = layer
        self.face: SixOnFour | FourOnSix = layer.face
        self.kind = kind
        self.v6only = v6only
        self.options = options  # set by the program and kept here, by number
        self.bound: tuple[bytes, bytes] | None = None  # the address as the program gave it, and the host's

    @property
    def stream(self) -> bool:
        return self.kind == socket.SOCK_STREAM

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        endpoint = self._bindable(handle, name)
        self.layer.check_privileged(task, endpoint.port)
        host = self._host_address(endpoint.address)
        if host is None:
            raise Errno(errno.EINVAL if _is_bound(self, handle) else errno.EADDRNOTAVAIL)
        self.layer.bind_host(handle, Endpoint(host, endpoint.port), own=self._alone(endpoint.address))
        self.bound = (endpoint.address, host)
        return Return(0)

    def _bindable(self, handle: int, name: bytes) -> Endpoint:
        endpoint = self.face.parse(name)
        if family_of(name) != self.face.asked:
            raise Errno(errno.EAFNOSUPPORT)
        if self.v6only and not self._alone(endpoint.address):
            raise Errno(errno.EINVAL)  # a v4-mapped address on a V6ONLY socket
        return endpoint

    def _alone(self, address: bytes) -> bool:
        """Whether IPv4 programs have no part in ``address``."""
        return self.face.own(address) or (self.v6only and address == self.face.any)

    def _host_address(self, address: bytes) -> bytes | None:
        if self.v6only and address == self.face.any:
            return self.face.host_loopback
        return self.face.to_host(address)

    def listen(self, handle: int, backlog: int) -> Answer:
        if self.v6only and self.bound is None and not _is_bound(self, handle):
            any_port = Endpoint(self.face.host_loopback, 0)
            hostcalls.bind(handle, self.face.pack_host(any_port))
            self.bound = (self.face.any, any_port.address)
        return NATIVE

    def local_name(self, handle: int) -> bytes:
        host = self.face.parse_host(hostcalls.getsockname(handle))
        if self.bound is not None and host.address == self.bound[1]:
            return self.face.pack(Endpoint(self.bound[0], host.port))
        return self.face.pack(Endpoint(self.face.from_host(host.address), host.port))

    def peer_name(self, handle: int) -> bytes:
        return self.given_name(hostcalls.getpeername(handle))

    def given_name(self, name: bytes) -> bytes:
        host = self.face.parse_host(name)
        return self.face.pack(Endpoint(self.face.from_host(host.address), host.port))

    # Connections

    def connect(self, handle: int, name: bytes) -> Answer:
        if family_of(name) == AF_UNSPEC:
            self.bound = None if self.bound and self.bound[0] != self.face.any else self.bound
            return NATIVE
        try:
            host = self._destination(name)
        except Errno:
            if self.stream:
                _refuse_connected(handle)
            raise
        self._choose_source(handle, host)
        return self._connect(handle, self.face.pack_host(host))

    def _connect(self, handle: int, host_name: bytes) -> Answer:
        """A blocking connect is begun here and waited for by the program's own call, which the kernel resumes.

        The kernel does not look at the address of a connect in progress (inet_stream_connect).
        """
        if not self.stream or not hostcalls.is_blocking(handle):
            hostcalls.connect(handle, host_name)
            self._connected()
            return Return(0)
        try:
            with hostcalls.not_blocking(handle):
                hostcalls.connect(handle, host_name)
        except Errno as error:
            if error.number not in (errno.EINPROGRESS, errno.EALREADY):
                raise
            self._connected()
            return NATIVE
        self._connected()
        return Return(0)

    def _connected(self) -> None:
        """A wildcard has become the address that the route chose."""
        if self.bound is not None and self.bound[0] == self.face.any:
            self.bound = None

    def _destination(self, name: bytes) -> Endpoint:
        """Where a datagram or a connection goes on the host; refused as on a machine without a route."""
        if family_of(name) == AF_INET != self.face.asked and not self.stream:
            if self.v6only:
                raise Errno(errno.EAFNOSUPPORT)
            return parse_in(name)  # udp(7): a dual-stack socket takes a sockaddr_in
        endpoint = self.face.parse(name)
        if family_of(name) != self.face.asked:
            raise Errno(errno.EAFNOSUPPORT if self.stream else errno.EINVAL)
        address = endpoint.address if endpoint.address != self.face.any else self.face.loopback
        host = self.face.to_host(address)
        if host is None or (self.v6only and not self.face.own(address)):
            raise Errno(errno.ENETUNREACH)
        return Endpoint(host, endpoint.port)

    def _choose_source(self, handle: int, host: Endpoint) -> None:
        """From ::1 to ::1: the host's route would choose 127.0.0.1."""
        if self.face.host != AF_INET or host.address != self.face.host_loopback or _is_bound(self, handle):
            return
        if self.stream:
            hostcalls.set_int(handle, socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        hostcalls.bind(handle, self.face.pack_host(Endpoint(self.face.host_loopback, 0)))

    def accepted(self, task: Task, fd: int) -> None:
        self.layer.adopt(task, fd, MappedSocket(self.layer, self.kind, self.v6only, dict(self.options)))

    # Messages

    def passes(self, name: bytes, control: bytes) -> bool:
        return self.stream or not (name or control)

    def send(self, handle: int, message: Message, word: int) -> int:
        host = self._destination(message.name) if message.name and family_of(message.name) else None
        control = self.layer.control.to_host(message.control, word)
        if host is not None and not control and self._needs_source(host):
            control = self.layer.control.source(host.address)
        name = b"" if host is None else self.face.pack_host(host)
        return hostcalls.sendmsg(handle, message.data, name, control, message.flags)

    def _needs_source(self, host: Endpoint) -> bool:
        wildcard = self.bound is None or self.bound[0] == self.face.any
        return self.face.host == AF_INET and host.address == self.face.host_loopback and wildcard

    def received_control(self, control: bytes, name: bytes, word: int) -> bytes:
        return self.layer.control.from_host(control, name, self.options, word)

    # Options

    def set_option(self, handle: int, level: int, option: int, value: bytes) -> Answer:
        return self.layer.options.set(self, handle, level, option, value)

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        if level == socket.SOL_SOCKET:
            if option != SO_DOMAIN:
                return None
            return struct.pack("=i", self.face.asked)[:size]
        return self.layer.options.get(self, handle, level, option, size)


def _is_bound(sock: MappedSocket, handle: int) -> bool:
    return sock.face.parse_host(hostcalls.getsockname(handle)).port != 0


def _refuse_connected(handle: int) -> None:
    """EISCONN comes before every doubt about the address."""
    try:
        hostcalls.getpeername(handle)
    except Errno:
        return
    raise Errno(errno.EISCONN)
