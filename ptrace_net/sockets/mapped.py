"""A socket of one family that the host serves with the other (``faces``).

The kernel socket in the program's descriptor table is of the host's family; calls that name it are performed
on a borrowed duplicate with the address translated. What the host cannot remember is kept here: the address
that the program bound, IPV6_V6ONLY and the options without a counterpart.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.destinations import Destination, Origin, connect_to, send_to
from ptrace_net.sockets.faces import AF_UNSPEC, Endpoint, SixOnFour, family_of
from ptrace_net.sockets.privileges import check_control, check_option
from ptrace_net.sockets.sharing import BOTH, OTHER, OWN
from ptrace_net.syscalls.create import accept_translated
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return, WouldBlock
from ptrace_net.syscalls.sockets import Socket

if TYPE_CHECKING:
    from ptrace_net.sockets.faces import FourOnSix
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.sockets.options6.groups import Filter
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Task
    from ptrace_net.syscalls.sockets import Message, Received

SO_DOMAIN = 39
MSG_OOB = 1
SO_SNDTIMEO = 21
LONGEST_DATAGRAM = 0xFFFF  # what lies beyond is EMSGSIZE whatever it is
_MOST_SPOKEN = 4096


class MappedSocket(Socket):
    """Implements ``syscalls.sockets.Socket``."""

    __slots__ = (
        "bound",
        "connecting",
        "face",
        "groups",
        "kind",
        "layer",
        "name",
        "options",
        "own_peer",
        "spoken",
        "v6only",
    )

    def __init__(self, layer: HostSockets, kind: int, v6only: bool, options: dict[int, int]) -> None:
        self.layer = layer
        self.face: SixOnFour | FourOnSix = layer.face
        self.kind = kind
        self.v6only = v6only
        self.options = options  # set by the program and kept here, by number (``options6.twins.at_ip``)
        self.groups: dict[tuple[int, bytes], Filter] = {}  # multicast memberships
        self.name: bytes | None = None  # the local name once nothing but a connect can change it
        self.spoken: dict[int, bool] = {}  # ports that datagrams went to, and whether as the asked family
        self.connecting = False  # was connected or tried to be
        self.own_peer = False  # connected to a peer of the asked family
        self.bound: tuple[bytes, bytes] | None = None  # the address as the program gave it, and the host's

    @property
    def stream(self) -> bool:
        return self.kind == socket.SOCK_STREAM

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        endpoint = self._bindable(name)
        self.layer.check_privileged(task, endpoint.port)
        host = self._host_address(endpoint.address)
        if host is None:
            raise Errno(errno.EINVAL if _is_bound(self, handle) else self.face.absent(name))
        self.layer.bind_host(handle, Endpoint(host, endpoint.port), self.side_of(endpoint.address))
        self.bound = (endpoint.address, host)
        self.v6only = self.v6only or self.face.own(endpoint.address)
        return Return(0)

    def _bindable(self, name: bytes) -> Endpoint:
        endpoint = self.face.parse(name)
        if family_of(name) != self.face.asked:
            raise Errno(errno.EAFNOSUPPORT)
        if self.v6only and self.side_of(endpoint.address) != OWN:
            raise Errno(errno.EINVAL)  # a v4-mapped address on a V6ONLY socket
        if self.face.lacks_scope(name) or (self.stream and self.face.is_multicast(endpoint.address)):
            raise Errno(errno.EINVAL)
        return endpoint

    def side_of(self, address: bytes) -> str:
        """Which family's traffic a socket bound to ``address`` takes."""
        if self.face.own(address) or (self.v6only and address == self.face.any):
            return OWN
        return BOTH if address == self.face.any else OTHER

    @property
    def side(self) -> str:
        return self.side_of(self.face.any if self.bound is None else self.bound[0])

    def _host_address(self, address: bytes) -> bytes | None:
        if self.v6only and address == self.face.any:
            return self.face.host_loopback
        return self.face.to_host(address)

    def listen(self, handle: int, backlog: int) -> Answer:
        if self.v6only and self.bound is None and not _is_bound(self, handle):
            any_port = Endpoint(self.face.host_loopback, 0)
            hostcalls.bind(handle, self.face.pack_host(any_port))
            self.bound = (self.face.any, any_port.address)
        return self.layer.listen_host(handle, backlog, self.side)

    def settled_name(self) -> bytes | None:
        return self.name

    def local_name(self, handle: int) -> bytes:
        host = self.face.parse_host(hostcalls.getsockname(handle))
        if self.bound is None or host.address != self.bound[1]:
            return self.face.pack(self._seen(host))
        name = self.face.pack(Endpoint(self.bound[0], host.port))
        if not self.connecting:
            self.name = name
        return name

    def peer_name(self, handle: int) -> bytes:
        return self.given_name(hostcalls.getpeername(handle))

    def given_name(self, name: bytes) -> bytes:
        return self.face.pack(self._seen(self.face.parse_host(name)))

    def _seen(self, host: Endpoint) -> Endpoint:
        """The program's view of a host's address: between peers of its family, loopback is that family's."""
        if host.address == self.face.plain_loopback and (self.own_peer or self._talks_own(host)):
            return host._replace(address=self.face.loopback)
        return host._replace(address=self.face.from_host(host.address))

    def _talks_own(self, host: Endpoint) -> bool:
        """Whether a datagram's peer is of the asked family: only such reach a socket bound to that alone."""
        if self.stream:
            return False
        if host.port in self.spoken:
            return self.spoken[host.port]
        return self._bound_alone() or self.layer.datagrams.is_own(host.port)

    def _bound_alone(self) -> bool:
        return self.bound is not None and self.bound[1] == self.face.host_loopback

    # Connections

    def connect(self, handle: int, name: bytes, fd: int) -> Answer:
        self.name, self.connecting = None, True
        if family_of(name) == AF_UNSPEC:
            self.own_peer = False
            self.layer.options.follow_peer(self, handle)
            return NATIVE
        try:
            host, self.own_peer = self._located(connect_to(self._origin(), name))
        except Errno:
            if self.stream:
                _refuse_connected(handle)
            else:
                self._autobind(handle)
            raise
        self.layer.options.follow_peer(self, handle)
        answer = self._connect(handle, self.face.pack_host(host))
        if not self.stream:
            self._speaks(handle, host.port, self.own_peer)
        return answer

    def _origin(self) -> Origin:
        return Origin(self.face, self.stream, self.v6only, self.side)

    def _located(self, destination: Destination) -> Destination:
        """::1 is where the run's own sockets of that family are."""
        if destination.host.address != self.face.host_loopback:
            return destination
        return destination._replace(host=self.layer.loopback(self.kind, destination.host))

    def _speaks(self, handle: int, port: int, own: bool) -> None:
        """A datagram goes to ``port``: what comes back from it is of the same family."""
        if len(self.spoken) >= _MOST_SPOKEN:
            self.spoken.clear()
        self.spoken[port] = own
        if own:
            self.layer.datagrams.note(handle)

    def _autobind(self, handle: int) -> None:
        """The kernel gives a datagram socket its port before it looks at the destination (inet_autobind)."""
        if not _is_bound(self, handle):
            hostcalls.bind(handle, self.face.pack_host(Endpoint(self.face.host_any, 0)))

    def _connect(self, handle: int, host_name: bytes) -> Answer:
        """A blocking connect is begun here and waited for by the program's call, which the kernel resumes.

        The kernel does not look at the address of a connect in progress (inet_stream_connect).
        """
        if not self.stream or not hostcalls.is_blocking(handle):
            hostcalls.connect(handle, host_name)
            return Return(0)
        try:
            with hostcalls.not_blocking(handle):
                hostcalls.connect(handle, host_name)
        except Errno as error:
            if error.number in (errno.EINPROGRESS, errno.EALREADY):
                return NATIVE
            raise
        return Return(0)

    def accept(self, call: Call, handle: int) -> Answer:
        return accept_translated(call, self, lambda fd: self.accepted(call.task, fd))

    def shutdown(self, handle: int, how: int) -> Answer:
        return NATIVE

    def accepted(self, task: Task, fd: int) -> bytes:
        """What arrived at an address of the asked family alone came from a peer of that family."""
        sock = MappedSocket(self.layer, self.kind, self.v6only, dict(self.options))
        handle = self.layer.adopt(task, fd, sock)
        try:
            local = self.face.parse_host(hostcalls.getsockname(handle))
            sock.own_peer = self.face.own(self.face.from_host(local.address))
            self.layer.options.follow_peer(sock, handle)
            return sock.peer_name(handle)
        except Errno:  # reset already: the kernel's copy of its name is translated as a name of this socket
            self.own_peer = sock.own_peer
            return b""
        finally:
            os.close(handle)

    # Messages

    def passes(self, name: bytes, control: bytes) -> bool:
        return self.stream or not (name or control)

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        if message.control:
            check_control(task, message.control, word)
        if not message.name or family_of(message.name) == AF_UNSPEC:
            return self._send(handle, message, b"", self.own_peer, word)
        try:
            host, own = self._located(send_to(self._origin(), message.name))
        except Errno:
            self._autobind(handle)
            raise
        sent = self._send(handle, message, self.face.pack_host(host), own, word)
        self._speaks(handle, host.port, own)
        return sent

    def _send(self, handle: int, message: Message, host_name: bytes, own: bool, word: int) -> int:
        try:
            translation = self.layer.control_alone if self._bound_alone() else self.layer.control
            control = translation.to_host(message.control, word, own)
        except Errno:
            self._autobind(handle)
            raise
        control = self.layer.options.control_for(self, own) + control
        if message.size > LONGEST_DATAGRAM:
            raise Errno(errno.EMSGSIZE)
        flags = message.flags & ~MSG_OOB if own else message.flags  # UDP over IPv6 does not mind it
        try:
            return hostcalls.sendmsg(handle, message.read(), host_name, control, flags)
        except Errno as error:
            may_block = not flags & hostcalls.MSG_DONTWAIT and hostcalls.is_blocking(handle)
            if error.number != errno.EAGAIN or not may_block:
                raise
        raise WouldBlock(hostcalls.get_timeout(handle, SO_SNDTIMEO))

    def names_senders(self) -> bool:
        return not self.stream

    def receives(self, *, named: bool) -> bool:
        return False

    def receive(self, task: Task, handle: int, size: int, flags: int) -> Received:
        raise NotImplementedError  # the kernel receives

    def names_outgrow(self) -> bool:
        return len(self.face.host_any) > len(self.face.any)

    def received_control(self, control: bytes, name: bytes, word: int) -> bytes:
        if name:
            own = self.face.own(self._seen(self.face.parse_host(name)).address)
        else:  # the program did not ask who it was: only of these sockets is it known
            own = self.own_peer or self._bound_alone()
        return self.layer.control.from_host(control, own, self.options, word)

    # Options

    def serves(self, level: int, option: int) -> bool:
        if level == socket.SOL_SOCKET:
            return option == SO_DOMAIN
        return self.layer.options.serves(self, level, option)

    def set_option(
        self, task: Task, handle: int, level: int, option: int, value: OptionValue
    ) -> Answer:
        check_option(task, level, option, value.data)
        if level == socket.SOL_SOCKET:
            return NATIVE
        return self.layer.options.set(self, handle, level, option, value)

    def get_asked(self, handle: int, level: int, option: int, size: int, given: bytes) -> bytes | None:
        return self.get_option(handle, level, option, size)

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        if level == socket.SOL_SOCKET:
            if size < 0:
                raise Errno(errno.EINVAL)
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
