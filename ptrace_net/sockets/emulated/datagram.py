"""UDP sockets of a run: udp(7) in front of one end of an AF_UNIX SOCK_SEQPACKET pair; the other end is ours.

What others send is put into the pair with its origin (``origins``) and waits there in the kernel, so that
poll, blocking and plain receives need no stop. What the program sends without an address comes out at our
end.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import errqueue, gather, leaving, shutting
from ptrace_net.sockets.emulated.gather import MSG_MORE, Corked
from ptrace_net.sockets.emulated.names import (
    AF_INET,
    AF_INET6,
    AF_UNSPEC,
    Name,
    any_of,
    family_of,
    parse,
)
from ptrace_net.sockets.emulated.network import is_link_local
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.sockets.emulated.receiving import Receiving
from ptrace_net.sockets.emulated.recipients import Recipients
from ptrace_net.sockets.emulated.sock import LOOPBACK_MTU, SOL_SOCKET, check_accept_flags
from ptrace_net.sockets.incoming import received_all
from ptrace_net.stack.bindings import Binding
from ptrace_net.syscalls.seam import Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.ports import PortTable
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Task
    from ptrace_net.syscalls.sockets import Message

LONGEST = {AF_INET: 65507, AF_INET6: 65527}
SO_BROADCAST = 6
MSG_OOB = 1
_HARMLESS = 0x40 | 0x800 | 0x4000  # MSG_DONTWAIT, MSG_CONFIRM, MSG_NOSIGNAL
_HOWS = (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)
_ALWAYS_FITS = LOOPBACK_MTU - 48  # with IPv6's header and UDP's; beyond that it depends
_NAME = itemgetter(0)
_AT_ONCE = 64  # datagrams taken from a socket before others get their turn


class Datagram(Receiving):
    """Implements ``syscalls.sockets.Socket`` for SOCK_DGRAM."""

    __slots__ = ("corked", "outside", "recipients")

    kind: int = socket.SOCK_DGRAM

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        super().__init__(layer, family, protocol, options)
        self.corked: Corked | None = None
        self.outside: object = None  # the host's socket, once it is needed
        self.recipients = Recipients()

    @property
    def ports(self) -> PortTable:
        return self.layer.udp if self.protocol == socket.IPPROTO_UDP else self.layer.udplite

    def names_senders(self) -> bool:
        return True

    def gone(self) -> None:
        """The program has closed it."""
        self.flush()
        self.layer.not_outside(self)
        self.let_go()
        self.unwatch()

    def let_go(self) -> None:
        """Give the port back."""
        port = self.binding.port if self.binding is not None else 0
        self.ports.release(self)
        if port and self.ports is self.layer.udp and not self.ports.holders(port):
            self.layer.outside.freed(port)

    # Names

    def autobind(self, handle: int, source: bytes | None = None) -> None:
        """The kernel gives a socket its port before the first datagram leaves (inet_autobind)."""
        if self.binding is None:
            address = source or self.asked or any_of(self.family)
            binding = Binding(address, 0, v6only=self.v6only, ephemeral=True, unnamed=True)
            self.ports.take_outgoing(self, binding)
            self.layer.bound(self)

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        answer = super().bind(task, handle, name)
        if self.bound:
            self.layer.bound(self)
        return answer

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        self.flush()
        self.ports.version += 1  # who gets what may change
        if family_of(name) == AF_UNSPEC:
            return self._disconnect()
        elsewhere = self.layer.connect_elsewhere(self, handle, fd, name)
        if elsewhere is not None:
            return elsewhere
        self.autobind(handle)
        target = leaving.scoped(self, self._udp_destination(name, errno.EAFNOSUPPORT))
        network = self.layer.network
        if network.is_broadcast(target.address) and not hostcalls.get_int(handle, SOL_SOCKET, SO_BROADCAST):
            raise Errno(errno.EACCES)
        bound = self.binding.address if self.binding is not None else b""
        source, _ = leaving.leave(self, target, bound if any(bound) else None)
        if self.binding is not None:
            self.binding.address = source
        self.peer = target
        self.options.route_lost = False
        if not target.port or self.layer.has_receiver(target):
            return Return(0)
        return self.layer.tellers.wanted(self, handle, fd)

    def _disconnect(self) -> Answer:
        """The address that connect(2) chose goes, and the port where nobody asked for it (__udp_disconnect).
        """
        self.peer = None
        leaving.unbind(self)
        self.forget_address()
        if self.binding is not None and self.binding.ephemeral:
            self.let_go()
        return Return(0)

    def _udp_destination(self, name: bytes, v6only: int) -> Name:
        """Where a datagram goes; an AF_INET6 socket takes IPv4's names too, or fails with ``v6only``."""
        if self.family == AF_INET6 and family_of(name) == AF_INET:
            if self.v6only:
                raise Errno(v6only)
            target = parse(AF_INET, name)
            return target if any(target.address) else target._replace(address=self.layer.loopback_of(4))
        return self.destination(name)

    # Sending

    def passes(self, name: bytes, control: bytes) -> bool:
        return False

    def send_several(self, messages: Sequence[tuple[bytes, bytes]], flags: int) -> int:
        """Those that go where others went lately."""
        if self.peer is not None:
            self.flush()
        if flags & ~_HARMLESS or self.corked or self.telling or self.error or self.mute:
            return 0
        if len(messages) == 1:
            return int(self._sent_again(*messages[0]))
        sent = 0
        for name, run in groupby(messages, _NAME):
            known = self.recipients.find(self, name)
            if known is None:
                break
            several = [data for _, data in run]
            if max(map(len, several)) > _ALWAYS_FITS:
                break
            done = known.receiver.deliver_several(several, known.origin)
            sent += done
            if done < len(several):
                break
        return sent

    def _sent_again(self, name: bytes, data: bytes) -> bool:
        """Send one where others went lately; whether they did."""
        known = self.recipients.find(self, name)
        if known is None or len(data) > _ALWAYS_FITS:
            return False
        return known.receiver.deliver(data, known.origin)

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        if self.peer is not None:
            self.flush()
        plain = not (message.flags & ~_HARMLESS or message.control or self.corked or self.telling)
        if plain and not (self.error or self.mute) and message.size <= _ALWAYS_FITS:
            known = self.recipients.find(self, message.name)
            if known is not None and known.receiver.deliver(message.read(), known.origin):
                return message.size
        self.autobind(handle)
        if message.size > _ALWAYS_FITS:
            self._check_size(message.size, self._target_of(message.name) if self.family == AF_INET6 else None)
        if message.flags & MSG_OOB and self.family == AF_INET:
            raise Errno(errno.EOPNOTSUPP)
        target = self._target_of(message.name)
        if message.flags & MSG_OOB and len(target.address) == 4:
            raise Errno(errno.EOPNOTSUPP)
        number = self.take_error(handle) or (errno.EPIPE if self.mute else 0)
        if number:
            raise Errno(number)
        if self.layer.network.is_broadcast(target.address) and not hostcalls.get_int(
            handle, SOL_SOCKET, SO_BROADCAST
        ):
            raise Errno(errno.EACCES)
        self.post(message.read(), target, message.control, word, message.flags)
        if plain:
            self.recipients.used(self, message.name, target)
        self.show_rest(handle)
        return message.size

    def _check_size(self, size: int, target: Name | None) -> None:
        """Of IPv6 the error queue says what the path takes, however long it was (__ip6_append_data)."""
        if target is None or len(target.address) == 4:
            if size > LONGEST[AF_INET]:
                raise Errno(errno.EMSGSIZE)
            return
        mtu = self.mtu_to(target.address)
        if size > LONGEST[AF_INET6]:
            errqueue.too_long(self, target, mtu)
        if self.layer.network.is_local(target.address):
            errqueue.check_size(self, target, size, mtu, 48)

    def _target_of(self, name: bytes) -> Name:
        unspecified = self.family == AF_INET6 and name and family_of(name) == AF_UNSPEC
        if not name or unspecified:
            if self.peer is None:
                raise Errno(errno.EDESTADDRREQ)
            return self.peer
        if self.family == AF_INET and family_of(name) == AF_UNSPEC:
            name = AF_INET.to_bytes(2, "little") + name[2:]
        if self.family == AF_INET6 and family_of(name) not in (AF_INET, AF_INET6):
            raise Errno(errno.EINVAL)
        target = self._udp_destination(name, errno.ENETUNREACH)
        if not target.port:
            raise Errno(errno.EINVAL)
        return target

    def post(
        self, data: bytes, target: Name, control: bytes = b"", word: int = 8, flags: int = 0
    ) -> None:
        """Send as UDP_CORK and UDP_SEGMENT want it; raises Errno."""
        if self.options.values is None and not (control or self.corked or flags & MSG_MORE):
            self.emit(data, target)
        else:
            gather.post(self, Corked(data, target, control, word), flags)

    def uncork(self) -> None:
        gather.uncork(self)

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        self.flush()  # what was written before goes as the options were
        self.recipients.forget()
        answer = super().set_option(task, handle, level, option, value)
        if self.telling is not None and not self.sends_fail:
            self.telling.hide(handle)  # a send may follow
            self.show_rest(handle)
        asked = (level, option) in errqueue.RECVERR and self.options.value(level, option)
        return self.layer.tellers.wanted(self, handle, self.seen[1]) if asked and self.seen else answer

    def emit(self, data: bytes, target: Name, control: bytes = b"", word: int = 8) -> None:
        """Send a datagram on its way; raises Errno(ENETUNREACH)."""
        self.options.route_lost = False
        if not self.layer.forward(self, data, target, self.origin(target, control, word)):
            self.refused(data, target)

    def origin(self, target: Name, control: bytes = b"", word: int = 8) -> Origin:
        """What a datagram to ``target`` says of itself; raises Errno(ENETUNREACH)."""
        binding = self.binding
        assert binding is not None
        address = target.address
        source, asked = self.layer.control.source(self, target, control, word) if control else (None, 0)
        if source is None and any(binding.address):
            source = binding.address
        if address[0] >= (0xE0 if len(address) == 4 else 0xFE):
            source, interface = leaving.leave(self, target, source, asked)
        else:
            source = source or self.layer.source_for(address)
            interface = self.layer.network.link_of(source) if source is not None else 0
        if source is None or len(source) != len(address):
            raise Errno(errno.ENETUNREACH)
        ttl, tos = self.layer.control.sending(self, target, control, word)
        scope = interface if source[0] == 0xFE and is_link_local(source) else 0
        return Origin(Name(source, binding.port, scope), address, interface, ttl, tos)

    def flush(self) -> bool:
        """Send what the program wrote without an address; whether there was anything."""
        written = received_all(self.ours, _AT_ONCE)
        if not written:
            return False
        known = self.recipients.find(self, b"") if self.corked is None else None
        plain = known is not None and max(map(len, written)) <= _ALWAYS_FITS
        done = known.receiver.deliver_several(written, known.origin) if known is not None and plain else 0
        for data in written[done:]:
            self._write(data)
        return True

    def _write(self, data: bytes) -> None:
        """What was written goes to the peer; an error of it is told later."""
        peer = self.peer
        if peer is None or not self.can_write():
            return
        try:
            if len(data) > _ALWAYS_FITS:
                self._check_size(len(data), peer)
            self.post(data, peer)
        except Errno as error:
            self.fail(error.number)
        else:
            self.recipients.used(self, b"", peer)

    def can_write(self) -> bool:
        """Whether what is written without an address has somewhere to go."""
        return self.peer is not None and self.binding is not None and self.peer.port > 0

    # The rest

    def take_error(self, handle: int = -1) -> int:
        self.flush()  # what was written before may be why
        return super().take_error(handle)

    def listen(self, handle: int, backlog: int) -> Answer:
        raise Errno(errno.EOPNOTSUPP)

    def accept(self, call: Call, handle: int) -> Answer:
        check_accept_flags(call)
        raise Errno(errno.EOPNOTSUPP)

    def shutdown(self, handle: int, how: int) -> Answer:
        if how not in _HOWS:
            raise Errno(errno.EINVAL)
        self.flush()
        return shutting.shut(self, handle, how)
