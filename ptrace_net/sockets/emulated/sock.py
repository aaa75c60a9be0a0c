"""What emulated sockets of all kinds have in common: family, name, options."""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from ptrace_net.policies.mapping import ANY4
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import leaving
from ptrace_net.sockets.emulated.names import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    Name,
    any_of,
    family_of,
    pack,
    parse,
)
from ptrace_net.sockets.emulated.network import is_link_local, is_multicast, needs_scope
from ptrace_net.sockets.emulated.ports import Former
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.stack.bindings import Binding
from ptrace_net.syscalls.seam import Answer, Errno, Return
from ptrace_net.syscalls.sockets import Socket

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.ports import PortTable
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Task

SOL_SOCKET, SO_REUSEADDR, SO_REUSEPORT = socket.SOL_SOCKET, 2, 15
TIMEOUTS = (20, 21)  # a timeval has the program's word size: the kernel's business, on the backing socket
LOOPBACK_MTU, LONGEST_IPV4 = 65536, 65535


class EmulatedSocket(Socket):
    """The part of ``syscalls.sockets.Socket`` that streams and datagrams share; ``options.Target`` too."""

    __slots__ = (
        "asked", "binding", "error", "family", "inode", "layer", "options", "peer", "protocol", "seen",
        "v6only",
    )  # fmt: skip

    kind: int
    on_host = False  # whether the program's descriptor is a socket of the host's

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        self.layer = layer
        self.family = family
        self.protocol = protocol
        self.options = options
        self.inode = 0
        self.asked: bytes | None = None  # the address that bind(2) was given: no disconnect takes it away
        self.binding: Binding | None = None
        self.peer: Name | None = None
        self.error = 0
        self.v6only = False
        self.seen: tuple[Task, int] | None = None  # who used it last, and as which descriptor

    @property
    def ports(self) -> PortTable:
        raise NotImplementedError

    @property
    def bound(self) -> bool:
        return self.binding is not None and not isinstance(self.binding, Former)

    @property
    def connected(self) -> bool:
        return self.peer is not None

    @property
    def listening(self) -> bool:
        return self.binding is not None and self.binding.listening

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        wanted = parse(self.family, name)
        elsewhere = self.layer.bind_elsewhere(self, task, handle, name, wanted)
        if elsewhere is not None:
            return elsewhere
        self._check_bindable(family_of(name), wanted)
        self._take(handle, wanted)
        if self.family == AF_INET6 and len(wanted.address) == 16 and any(wanted.address):
            self.v6only = True  # (inet6_bind)
        return Return(0)

    def _check_bindable(self, family: int, wanted: Name) -> None:
        """The errors of inet_bind and inet6_bind, each in its order."""
        if family != self.family and not (family == AF_UNSPEC and wanted.address == ANY4):
            raise Errno(errno.EAFNOSUPPORT)
        multicast = is_multicast(wanted.address)
        if self.family == AF_INET6:
            if multicast and self.kind == socket.SOCK_STREAM and len(wanted.address) == 16:
                raise Errno(errno.EINVAL)
            self._check_unbound()
            if self.v6only and len(wanted.address) == 4:
                raise Errno(errno.EINVAL)
        network = self.layer.network
        if needs_scope(wanted.address):
            leaving.bindable(self, wanted)
        known = not any(wanted.address) or multicast or network.is_broadcast(wanted.address)
        if not known and not network.is_local(wanted.address):
            raise Errno(errno.EADDRNOTAVAIL)
        self._check_unbound()

    def _check_unbound(self) -> None:
        if self.bound or self.peer is not None:
            raise Errno(errno.EINVAL)

    def _take(self, handle: int, wanted: Name) -> None:
        try:
            self.ports.take(self, self._binding_at(handle, wanted))
        except Errno:
            self.asked = None
            self.forget_address()
            raise
        self.asked = wanted.address

    def forget_address(self) -> None:
        """The address that connect(2) chose goes; one that was asked for stays (inet_reset_saddr)."""
        if self.binding is not None:
            self.binding.address = self.asked or any_of(self.family)

    def _binding_at(self, handle: int, wanted: Name) -> Binding:
        return Binding(
            wanted.address, wanted.port,
            reuseaddr=bool(hostcalls.get_int(handle, SOL_SOCKET, SO_REUSEADDR)),
            reuseport=bool(self.options.value(SOL_SOCKET, SO_REUSEPORT)),
            v6only=self.v6only, ephemeral=not wanted.port,
            unnamed=not any(wanted.address), mapped=self.family == AF_INET6,
        )  # fmt: skip

    def settled_name(self) -> bytes | None:
        return self.local_name(-1)

    def local_name(self, handle: int) -> bytes:
        return pack(self.family, self.local)

    @property
    def local(self) -> Name:
        if self.binding is None:
            return Name(self.asked or any_of(self.family), 0)
        return Name(self.binding.address, self.binding.port, self._scope_of(self.binding.address))

    def tcp_info(self, handle: int = -1) -> bytes:
        raise Errno(errno.EOPNOTSUPP)

    def uncork(self) -> None:
        """UDP_CORK is off: what it held back is sent."""

    def join(self, group: bytes, interface: int) -> None:
        """In a stream's group others may hear something."""
        self.layer.memberships.join(self, (interface, group))

    def leave(self, group: bytes, interface: int) -> None:
        self.layer.memberships.leave(self, (interface, group))

    def peer_name(self, handle: int = -1) -> bytes:
        if self.peer is None:
            raise Errno(errno.ENOTCONN)
        return pack(self.family, self.peer)

    def _scope_of(self, address: bytes) -> int:
        if is_link_local(address):
            return self.layer.network.link_of(address)
        return self.options.number(*leaving.SO_BINDTOIFINDEX, 0) if needs_scope(address) else 0

    # Destinations

    def destination(self, name: bytes) -> Name:
        """Where connect(2) goes, or a datagram; errors as tcp_v4_connect, tcp_v6_connect and their UDP twins
        give them.
        """
        target = parse(self.family, name)
        if family_of(name) != self.family:
            raise Errno(errno.EAFNOSUPPORT)
        if not any(target.address):
            target = target._replace(address=self.layer.loopback_of(len(target.address)))
            if self.family == AF_INET6 and self.binding is not None and len(self.binding.address) == 4:
                target = target._replace(address=self.layer.loopback_of(4))
        self.check_reachable(target)
        return target

    def check_reachable(self, target: Name) -> None:
        """Whether this socket can talk to an address of that family at all."""
        four = len(target.address) == 4
        if four and self.family == AF_INET6 and self.v6only:
            raise Errno(errno.ENETUNREACH)
        bound = self.binding.address if self.binding is not None else b""
        if any(bound) and len(bound) != len(target.address):
            if self.family == AF_INET:
                raise Errno(errno.EINVAL)
            raise Errno(errno.ENETUNREACH if four else errno.EAFNOSUPPORT)

    # Options

    def serves(self, level: int, option: int) -> bool:
        if self.family == AF_INET6 and not self.options.has(level):
            raise Errno(errno.ENOPROTOOPT)  # before the length is looked at (ipv6_getsockopt)
        return level != SOL_SOCKET or option not in TIMEOUTS

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        self.options.set(self, task, handle, level, option, value)
        self.layer.outside.option_set(self, level, option, value.data)
        return Return(0)

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        return self.options.get(self, handle, level, option, size)

    def get_asked(self, handle: int, level: int, option: int, size: int, given: bytes) -> bytes | None:
        return self.options.get(self, handle, level, option, size, given)

    def take_error(self, handle: int = -1) -> int:
        """SO_ERROR: told once."""
        number, self.error = self.error, 0
        return number

    def fail(self, number: int) -> None:
        """What an ICMP error about a packet of ours brings, or an error of recvmmsg(2) for the next call."""
        self.error = number

    @property
    def local_port(self) -> int:
        return self.binding.port if self.binding is not None and self.bound else 0

    def path_mtu(self) -> int:
        """To the peer; raises ``Errno(ENOTCONN)``."""
        if self.peer is None:
            raise Errno(errno.ENOTCONN)
        return self.mtu_to(self.peer.address)

    def mtu_to(self, address: bytes) -> int:
        if not self.layer.network.is_local(address):
            return self.layer.network.mtu_beyond(address)
        return min(LOOPBACK_MTU, LONGEST_IPV4) if len(address) == 4 else LOOPBACK_MTU

    def route(self, address: bytes) -> int:
        """The interface by which packets to ``address`` leave; 0: none."""
        source = self.layer.network.source_for(address)
        return 0 if source is None else self.layer.network.link_of(source)

    def interfaces(self) -> Mapping[int, tuple[str, tuple[bytes, ...]]]:
        return {
            link.ifindex: (link.name, tuple(address for address, _ in link.addresses))
            for link in self.layer.network.links
        }

    # Life

    def borrowed(self) -> int:
        """A descriptor of ours of the program's, to be closed: where it was seen last, or wherever it is now;
        -1 where nobody has it any more.
        """
        handle = -1 if self.seen is None else self._borrowed_from(*self.seen)
        if handle >= 0:
            return handle
        for task in self.layer.tasks():
            for inode, fd in sockets_of(task.tgid):
                if inode == self.inode and (handle := self._borrowed_from(task, fd)) >= 0:
                    return handle
        return -1

    def _borrowed_from(self, task: Task, fd: int) -> int:
        try:
            handle = task.borrow(fd)
        except Errno:
            return -1
        if os.fstat(handle).st_ino == self.inode:
            return handle
        os.close(handle)
        return -1

    def adopt(self, handle: int) -> None:
        """This is what ``handle``, a new backing socket, stands for."""
        self.inode = os.fstat(handle).st_ino
        self.layer.registry.add(self.inode, self)

    def is_gone(self) -> bool:
        """Whether the program has closed it; then its port is free."""
        if self.layer.is_open(self):
            return False
        self.layer.drop(self)
        return True

    def gone(self) -> None:
        """The program has closed it."""
        self.ports.release(self)

    def given_name(self, name: bytes) -> bytes:
        return name

    def names_outgrow(self) -> bool:
        return False

    def received_control(self, control: bytes, name: bytes, word: int) -> bytes:
        return control


def check_accept_flags(call: Call) -> int:
    """The flags of accept4(2), 0 of accept(2); Errno(EINVAL) for unknown ones, whatever the socket is."""
    flags = call.args[3] if call.name == "accept4" else 0
    if flags & ~(socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK):
        raise Errno(errno.EINVAL)
    return flags
