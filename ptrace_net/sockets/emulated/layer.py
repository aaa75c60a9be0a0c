"""The stack provider: which sockets a run has, who holds which port, who reaches whom.

A socket is known by the inode of its backing socket. Nothing is intercepted when one is closed: its state
goes when its port is wanted again, when its other end is ours and hangs up, or in the next sweep.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterable
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Final

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import lookup
from ptrace_net.sockets.emulated.backing import AF_UNIX, SEQPACKET, STREAM, Doorway, Names
from ptrace_net.sockets.emulated.control import Control
from ptrace_net.sockets.emulated.datagram import Datagram
from ptrace_net.sockets.emulated.ioctls import interface_ioctl, is_interface, own_ioctl
from ptrace_net.sockets.emulated.memberships import Memberships, comes_back
from ptrace_net.sockets.emulated.names import AF_INET, AF_INET6, Name
from ptrace_net.sockets.emulated.network import LOOPBACK4, LOOPBACK6, Network, is_multicast
from ptrace_net.sockets.emulated.options import Options, begin
from ptrace_net.sockets.emulated.origins import Origin, Origins
from ptrace_net.sockets.emulated.ports import PortTable
from ptrace_net.sockets.emulated.stream import Stream
from ptrace_net.sockets.emulated.table import SocketTable
from ptrace_net.sockets.emulated.unixdiag import UnixDiag
from ptrace_net.sockets.emulated.ways import Ways
from ptrace_net.sockets.found import Found
from ptrace_net.sockets.registry import sockets_of
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Give, Native, WouldBlock

if TYPE_CHECKING:
    from ptrace_net.policies.values import Table
    from ptrace_net.reactor import Reactor
    from ptrace_net.sockets.emulated.listening import Key
    from ptrace_net.sockets.emulated.outside import Outside
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.sockets.emulated.telling import Tellers
    from ptrace_net.sockets.netlink.layer import NetlinkLayer
    from ptrace_net.stack.bindings import Binding
    from ptrace_net.stack.host import Host
    from ptrace_net.syscalls.seam import Call, Mend, Task
    from ptrace_net.syscalls.sockets import Message

_SOCK_STREAM: Final = socket.SOCK_STREAM
_SOCK_CLOEXEC: Final = socket.SOCK_CLOEXEC
_IPPROTO_TCP: Final = socket.IPPROTO_TCP
_AF_NETLINK: Final = socket.AF_NETLINK
_AF_PACKET: Final = socket.AF_PACKET
_PING = (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6)
TYPE_MASK: Final = 0xF
TYPE_FLAGS: Final[int] = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
SO_SNDTIMEO, SO_DOMAIN = 21, 39
_PROTOCOLS: dict[int, tuple[int, ...]] = {
    socket.SOCK_STREAM: (0, socket.IPPROTO_TCP),
    socket.SOCK_DGRAM: (0, socket.IPPROTO_UDP, socket.IPPROTO_UDPLITE),
}
_LAST_TYPE = 10  # SOCK_PACKET


class EmulatedSockets:
    """Implements ``syscalls.sockets.Sockets``."""

    def __init__(
        self,
        tasks: Callable[[], Iterable[Task]],
        reactor: Reactor,
        outside: Callable[[EmulatedSockets], Outside],
    ) -> None:
        self.tasks = tasks
        self.reactor = reactor
        self.network = Network()
        self.ways = Ways()
        self.tcp, self.udp, self.udplite = PortTable(), PortTable(), PortTable()
        self.diag = UnixDiag()
        self._keys = count(1)
        self.names, self.origins, self.control = Names(), Origins(), Control()
        self.registry = SocketTable(self._held, self.drop, self.origins.forget, reactor)
        self._stream_doorway: Doorway | None = None
        self._datagram_doorway: Doorway | None = None
        self._tellers: Tellers | None = None
        self._netlink: NetlinkLayer | None = None
        self.memberships = Memberships(self)
        self.outside = outside(self)
        self.tcp.reserve = partial(self.outside.reserve, socket.SOCK_STREAM)
        self.udp.reserve = partial(self.outside.reserve, socket.SOCK_DGRAM)
        self.refused: Table = {}  # netlink requests, by a policy (policing.netlink)
        self.mend: Mend | None = None  # makes the ECONNRESET of a socket another errno
        self.maps = False  # whether the engine can let a program map what another descriptor is
        self.accepts = True  # whether sockets are made and accepted here, not by the engine
        self.finishes = True  # whether the engine ends calls that sleep, and nobody but us has a say in them

    @property
    def stream_doorway(self) -> Doorway:
        if self._stream_doorway is None:
            self._stream_doorway = Doorway(STREAM)
        return self._stream_doorway

    @property
    def datagram_doorway(self) -> Doorway:
        if self._datagram_doorway is None:
            self._datagram_doorway = Doorway(SEQPACKET)
        return self._datagram_doorway

    @property
    def tellers(self) -> Tellers:
        if self._tellers is None:
            from ptrace_net.sockets.emulated.telling import Tellers

            self._tellers = Tellers(self)
        return self._tellers

    @property
    def netlink(self) -> NetlinkLayer:
        """Imported with the first program that asks about its network."""
        if self._netlink is None:
            from ptrace_net.sockets.netlink.layer import NetlinkLayer

            self._netlink = NetlinkLayer(self)
        return self._netlink

    def outside_host(self) -> Host | None:
        """The stack that carries what goes outside; None where there are no packets."""
        return getattr(self.outside, "host", None)

    # Sockets come and go

    def create(self, task: Task, domain: int, kind: int, protocol: int) -> Answer:
        if domain == _AF_NETLINK:
            return self.netlink.create(task, kind, protocol)
        if domain == _AF_PACKET:
            packets = self.netlink.packet_socket(kind & TYPE_MASK, protocol)
            return self._datagram(packets, kind & TYPE_FLAGS)
        if domain not in (AF_INET, AF_INET6):
            return NATIVE
        flags = kind & TYPE_FLAGS
        if kind & ~TYPE_FLAGS == _SOCK_STREAM and protocol in (0, _IPPROTO_TCP):
            return self._stream(domain, flags, protocol)
        special = self._special(task, domain, kind & TYPE_MASK, protocol)
        if special is not None:
            return self._datagram(special, flags)
        self._check_kind(kind, protocol)
        options = Options(domain, kind & TYPE_MASK, protocol)
        return self._datagram(Datagram(self, domain, socket.IPPROTO_UDP, options), flags)

    def _stream(self, domain: int, flags: int, protocol: int) -> Answer:
        stream = Stream(self, domain, _IPPROTO_TCP, Options(domain, _SOCK_STREAM, protocol))
        if self.accepts:
            handle = hostcalls.new_socket(AF_UNIX, STREAM | flags | _SOCK_CLOEXEC, 0)
            stream.adopt(handle)
            return Give(handle, bool(flags & _SOCK_CLOEXEC))
        return Native(None, "socket", (AF_UNIX, STREAM | flags, 0), _adopter(stream))

    def _special(self, task: Task, domain: int, kind: int, protocol: int) -> Datagram | None:
        """A raw or ping socket; without devices it is one on the network that netlink shows."""
        found = self.outside.special(task, domain, kind, protocol)
        packets = kind == socket.SOCK_RAW or (kind == socket.SOCK_DGRAM and protocol in _PING)
        if found is None and packets and self.outside_host() is None:
            return self.netlink.special(domain, kind, protocol)
        return found

    def _datagram(self, datagram: Datagram, flags: int) -> Answer:
        def made(handle: int) -> int:
            begin(handle, datagram.kind)
            datagram.adopt(handle)
            datagram.watch(self.datagram_doorway.pair_with(handle))
            return handle

        return Native(None, "socket", (AF_UNIX, SEQPACKET | flags, 0), made)

    def _check_kind(self, kind: int, protocol: int) -> None:
        """The errors of inet_create."""
        plain = kind & TYPE_MASK
        if kind & ~(TYPE_MASK | TYPE_FLAGS) or plain > _LAST_TYPE:
            raise Errno(errno.EINVAL)
        if not 0 <= protocol < 263:
            raise Errno(errno.EINVAL)
        if plain not in _PROTOCOLS:
            if plain == socket.SOCK_RAW and protocol:
                raise Errno(errno.EPERM)
            raise Errno(errno.EPROTONOSUPPORT if plain == socket.SOCK_RAW else errno.ESOCKTNOSUPPORT)
        if protocol not in _PROTOCOLS[plain]:
            raise Errno(errno.EPROTONOSUPPORT)

    def create_pair(self, task: Task, domain: int, kind: int, protocol: int, vector: int) -> Answer:
        if domain != AF_INET6:
            return NATIVE  # the kernel knows what it answers for IPv4, and no IPv6 is needed for it
        return Native(None, "socketpair", (AF_INET, kind, protocol, vector))

    def find(self, task: Task, fd: int) -> Found[EmulatedSocket]:
        sockets = self.registry.sockets
        sock = sockets.get(task.socket_inode(fd)) if sockets else None
        if sock is not None:
            sock.seen = task, fd
        return Found(sock, task, fd)

    def bind_native(self, task: Task, fd: int, name: bytes) -> Answer:
        return NATIVE

    def listen_native(self, task: Task, fd: int, backlog: int) -> Answer:
        return NATIVE

    def ioctl(self, call: Call) -> Answer:
        fd, request, _ = call.args
        with self.find(call.task, fd) as held:
            if held is not None:
                return own_ioctl(self, call, held.sock, held)
        if is_interface(request) and call.task.socket_inode(fd):
            with hostcalls.borrowed(call.task, fd) as handle:
                family = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_DOMAIN)
            return interface_ioctl(self, call, family)
        return NATIVE

    def map(self, call: Call) -> Answer:
        """mmap(2) of a packet socket is that of its ring."""
        with self.find(call.task, call.args[4] & 0xFFFFFFFF) as held:
            ring = getattr(held.sock, "ring", None) if held is not None else None
        if ring is None:
            return NATIVE
        return Native(None, "mmap", (*call.args[:4], ring.fd, call.args[5]))

    def view(self, path: str) -> bytes | None:
        from ptrace_net.sockets.netlink.views import view

        return view(self.netlink, path)

    def is_open(self, sock: EmulatedSocket) -> bool:
        """Whether somebody still has a socket open."""
        if self.diag.alive(sock.inode):
            return True
        return sock.on_host and sock.inode in self._in_tables()

    def drop(self, sock: EmulatedSocket) -> None:
        """The program has closed ``sock``."""
        if self.registry.remove(sock.inode) is not None:
            if sock.options.groups:
                self.memberships.forget(sock)
            sock.gone()

    def _held(self) -> set[int]:
        """The inodes of sockets that exist; those on the host are looked for in the tables of the run."""
        held = self.diag.all()
        if self.outside.serves_any():
            held |= self._in_tables()
        return held

    def _in_tables(self) -> set[int]:
        tgids = {task.tgid for task in self.tasks()}
        return {inode for tgid in tgids for inode, _ in sockets_of(tgid)}

    # Who reaches whom

    def loopback_of(self, size: int) -> bytes:
        return LOOPBACK4 if size == 4 else LOOPBACK6

    def source_for(self, destination: bytes) -> bytes | None:
        """The address to talk to ``destination`` from; None where no route leads there."""
        network = self.network
        source = network.source_for(destination)
        here = network.is_local(destination) or network.is_broadcast(destination)
        return source if here or is_multicast(destination) or self.outside.reaches(destination) else None

    def listener_at(self, target: Name, client: Name) -> Stream | None:
        """Who listens at ``target``; of a SO_REUSEPORT group, one by the client's name."""
        return lookup.listener(self.tcp, target, client)

    def new_key(self, handle: int) -> Key:
        """What tells the connection that the backing socket ``handle`` is about to make."""
        return next(self._keys) if self.accepts else self.names.give(handle)

    def left_over(self, wanting: Stream, binding: Binding) -> bool:
        """Whether connections of a listener that is gone are in the way of ``wanting``."""
        return lookup.left_over(self.registry.all(), wanting, binding)

    def any_listener(self, target: Name, client: Name) -> Stream | None:
        """Who takes a connection from outside: at ``target``, or else whoever listens on its port."""
        found = self.listener_at(target, client)
        if found is not None:
            return found
        holders = [holder for holder in self.tcp.holders(target.port) if isinstance(holder, Stream)]
        return next((holder for holder in holders if holder.listening), None)

    def forward(self, sender: Datagram, data: bytes, target: Name, origin: Origin) -> bool:
        """Take a datagram where it goes; False where a host would say that nobody is there."""
        network = self.network
        group = is_multicast(target.address)
        if group or network.is_broadcast(target.address):
            if not group or comes_back(sender, origin):
                self.to_all(data, target, origin, sender.ports)
            self.outside.send_to_all(sender, data, target, origin)
            return True
        local = network.is_local(target.address)
        if sender.ports is self.udp and (not local or self.outside.carries(target.address)):
            return self.outside.send(sender, data, target, origin)
        if self.deliver(data, target, origin, sender.ports):
            return True
        return sender.ports is self.udp and self.outside.send_back(sender, data, target)

    def deliver(self, data: bytes, target: Name, origin: Origin, ports: PortTable | None = None) -> bool:
        """Give a datagram to the socket of the run that it is for; False where there is none."""
        table = self.udp if ports is None else ports
        while (receiver := lookup.receiver(table, target, origin)) is not None:
            if receiver.deliver(data, origin):
                return True
        return False

    def receiver(self, sender: Datagram, target: Name, origin: Origin) -> Datagram | None:
        """Who gets what ``sender`` sends, where the ports of the run alone decide that."""
        network = self.network
        everybody = is_multicast(target.address) or network.is_broadcast(target.address)
        if everybody or not network.is_local(target.address) or self.outside.carries(target.address):
            return None
        return lookup.receiver(sender.ports, target, origin)

    def datagrams_at(self, port: int) -> list[Datagram]:
        """Who has a UDP port."""
        return lookup.datagrams(self.udp, port)

    def has_receiver(self, target: Name) -> bool:
        """Whether a socket of the run has the UDP port of an address of the run."""
        return self.network.is_local(target.address) and lookup.has_holder(self.udp, target)

    def to_all(self, data: bytes, target: Name, origin: Origin, ports: PortTable | None = None) -> None:
        """Give a datagram to every socket of the run that hears its group, or broadcasts."""
        for holder in lookup.datagrams(self.udp if ports is None else ports, target.port):
            if holder.hears(target, origin):
                holder.deliver(data, origin)

    # What sockets ask for

    def bind_elsewhere(
        self, sock: EmulatedSocket, task: Task, handle: int, name: bytes, wanted: Name
    ) -> Answer | None:
        """bind(2) to an address that is not this layer's; None: it is."""
        return None

    def connect_elsewhere(self, sock: EmulatedSocket, handle: int, fd: int, name: bytes) -> Answer | None:
        """connect(2) of a socket without a name to such an address."""
        return None

    def leaves(self, sock: Stream, target: Name) -> bool:
        """Whether a connection of ``sock`` to ``target`` goes through ``connect_outside``."""
        return not self.network.is_local(target.address) or self.outside.carries(target.address)

    def connect_outside(self, sock: Stream, handle: int, fd: int, target: Name, source: bytes) -> Answer:
        return self.outside.connect(sock, handle, fd, target, source)

    def listening(self, sock: Stream) -> None:
        self.ways.clear()
        self.outside.publish_stream(sock)

    def not_listening(self, sock: Stream) -> None:
        self.ways.clear()
        self.outside.withdraw(sock)

    def accepted(self, sock: Stream) -> None:
        self.outside.accepted(sock)

    def bound(self, sock: Datagram) -> None:
        if sock.ports is self.udp:
            self.outside.publish_datagrams(sock)

    def not_outside(self, sock: Datagram) -> None:
        self.outside.withdraw(sock)

    def send_bytes(self, handle: int, message: Message) -> int:
        """Send on a stream for the program; raises WouldBlock."""
        try:
            return hostcalls.sendmsg(handle, message.read(), b"", b"", message.flags)
        except Errno as error:
            may_block = not message.flags & hostcalls.MSG_DONTWAIT and hostcalls.is_blocking(handle)
            if error.number != errno.EAGAIN or not may_block:
                raise
        raise WouldBlock(hostcalls.get_timeout(handle, SO_SNDTIMEO))


def _adopter(sock: Stream) -> Callable[[int], int]:
    def made(handle: int) -> int:
        sock.adopt(handle)
        return handle

    return made
