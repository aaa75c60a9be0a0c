"""TCP sockets of a run: tcp(7) in front of connected AF_UNIX streams.

A connection between two sockets of the run is made by the kernel at once; we only say who is who. Bytes, end
of file, resets, readiness and blocking are then the kernel's.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import aborting, full, leaving, tcpinfo, tcpstate
from ptrace_net.sockets.emulated.listening import Arrival, Key, Queue
from ptrace_net.sockets.emulated.mirror import Mirror
from ptrace_net.sockets.emulated.names import AF_UNSPEC, Name, any_of, family_of, pack
from ptrace_net.sockets.emulated.network import is_multicast
from ptrace_net.sockets.emulated.sock import EmulatedSocket, check_accept_flags
from ptrace_net.sockets.emulated.ways import Way
from ptrace_net.stack.bindings import Binding
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Fail, Park, Replace, Return, WouldBlock
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.outside import End
    from ptrace_net.sockets.emulated.ports import PortTable
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Task
    from ptrace_net.syscalls.sockets import Message

CLOSED, CONNECTING, CONNECTED = "closed", "connecting", "connected"
SO_ERROR, SO_LINGER, SO_RCVTIMEO = 4, 13, 20
MSG_TRUNC, MSG_DONTWAIT, MSG_ERRQUEUE = 0x20, 0x40, 0x2000
_HOST_LEVELS = (socket.SOL_SOCKET, socket.IPPROTO_TCP)
_HOST_OPTIONS = ((socket.SOL_SOCKET, 7), (socket.SOL_SOCKET, 8))  # SO_SNDBUF, SO_RCVBUF
_CONNECTED, _IN_PROGRESS = Return(0), Fail(errno.EINPROGRESS)
_HOWS = (socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)


class Stream(EmulatedSocket):
    """Implements ``syscalls.sockets.Socket`` for SOCK_STREAM."""

    __slots__ = (
        "abortive", "deaf", "end", "mate", "mute", "on_host", "queue", "spent", "state", "told",
    )  # fmt: skip

    kind: int = socket.SOCK_STREAM

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        super().__init__(layer, family, protocol, options)
        self.state = CLOSED
        self.mate: Stream | None = None  # the other end, within the run
        self.abortive = False
        self.on_host = False
        self.spent = False  # the backing socket can neither be connected nor listen any more
        self.deaf = self.mute = False  # what has been shut down
        self.queue: Queue | None = None  # while it listens
        self.end: End | None = None  # the connection, where packets carry it
        self.told: dict[tuple[int, int], bytes] | None = None  # options of packets, as they were set

    @property
    def ports(self) -> PortTable:
        return self.layer.tcp

    def names_senders(self) -> bool:
        return False

    def _take(self, handle: int, wanted: Name) -> None:
        """Connections keep the port of a listener that is gone, for those who do not share it."""
        super()._take(handle, wanted)
        binding = self.binding
        if wanted.port and binding is not None and self.layer.left_over(self, binding):
            self.ports.release(self)
            self.asked = None
            raise Errno(errno.EADDRINUSE)

    # Listening

    def listen(self, handle: int, backlog: int) -> Answer:
        if self.state != CLOSED:
            raise Errno(errno.EINVAL)
        if self.queue is not None:
            self.queue.set_backlog(backlog)
            return Return(0)
        if not self.bound:
            self._take(handle, Name(self.asked or any_of(self.family), 0))
        binding = self.binding
        assert binding is not None
        binding.listening = True
        if self.ports.conflict(self, binding):
            binding.listening = False
            raise Errno(errno.EADDRINUSE)
        fresh = self.renewed(handle) if self.spent else -1
        self.queue = Queue(self, handle if fresh < 0 else fresh, backlog)
        self.layer.listening(self)
        return Return(0) if fresh < 0 or self.seen is None else Replace(self.seen[1], fresh, Return(0))

    def stop_listening(self) -> None:
        queue, self.queue = self.queue, None
        if queue is None:
            return
        queue.close()
        if self.binding is not None:
            self.binding.listening = False
        self.layer.not_listening(self)

    def accept(self, call: Call, handle: int) -> Answer:
        flags = check_accept_flags(call)
        if self.queue is None:
            raise Errno(errno.EINVAL)
        return self.queue.accept(call, handle, flags)

    def take_in(self, arrival: Arrival, new: int) -> int:
        """Make the accepted end of ``arrival``, whose backing socket is ``new``; what the program gets."""
        child = Stream(self.layer, self.family, self.protocol, self.options.copy())
        if self.told:
            child.told = dict(self.told)
        child.state, child.peer, child.v6only = CONNECTED, arrival.peer, self.v6only
        held, local = self.binding, arrival.local
        reuseaddr, reuseport, unnamed = False, False, False
        if held is not None:
            reuseaddr, reuseport, unnamed = held.reuseaddr, held.reuseport, held.unnamed
        child.binding = Binding(
            local.address, local.port, reuseaddr, reuseport, self.v6only, unnamed=unnamed
        )  # fmt: skip
        child.asked = self.asked
        child.mate = arrival.client
        if child.mate is not None:
            child.mate.mate = child
        given = new if arrival.handle < 0 else child.take_over(arrival.handle, new)
        child.adopt(given)
        if arrival.end is not None:
            child.end = arrival.end
            child.end.accepted(child)
        self.layer.accepted(self)
        return given

    def take_over(self, host: int, new: int) -> int:
        """The program gets a connection of the host's, as blocking as what it would have accepted."""
        self.on_host = True
        if hostcalls.is_blocking(new):
            hostcalls.set_blocking(host)
        return host

    # Connecting

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        way = self.layer.ways.get((self.family, name))
        if way is not None and self.binding is None and self.state == CLOSED and not self.v6only:
            return self._connect_along(way, handle, fd)
        if family_of(name) == AF_UNSPEC:
            return self._disconnect(handle, fd)
        if self.state == CONNECTED or self.queue is not None:
            raise Errno(errno.EISCONN)
        if self.state == CONNECTING:
            return self.connect_again(handle, errno.EALREADY)
        target = self.destination(name)
        network = self.layer.network
        if is_multicast(target.address) or network.is_broadcast(target.address):
            raise Errno(errno.ENETUNREACH)
        target = leaving.scoped(self, target)
        elsewhere = self.layer.connect_elsewhere(self, handle, fd, name)
        if elsewhere is not None:
            return elsewhere
        answer = self._connect_to(handle, fd, target)
        if self.layer.accepts:
            self.layer.ways.learn(self, name, target)
        return answer

    def _connect_along(self, way: Way, handle: int, fd: int) -> Answer:
        """Where another socket has been before: no more is looked at than whether the listener is there."""
        blocking = hostcalls.is_blocking(handle)
        local = self.ports.take_outgoing(self, Binding(way.source, 0, ephemeral=True, unnamed=True))
        try:
            way.queue.connect(handle, blocking=blocking)
        except Errno:
            self.layer.ways.clear()
            return self._connect_to(handle, fd, way.target)
        self.peer = way.target
        self.state = CONNECTED if blocking else CONNECTING
        arrival = Arrival(way.target, Name(way.source, local), client=self)
        way.queue.arrived(self.layer.new_key(handle), arrival)
        return _CONNECTED if blocking else _IN_PROGRESS

    def connect_again(self, handle: int, unfinished: int) -> Return | Fail | Park:
        """What a connect in progress has come to: told once (__inet_stream_connect)."""
        if self.end is not None and self.end.opening:
            return self.end.wait(handle, unfinished)
        if self.on_host:
            if not hostcalls.is_writable(handle):
                return Fail(errno.EALREADY)
            self.error = self.take_error(handle)
        if self.peer is not None:
            self.state = CONNECTED
            return Return(0)
        self.state = CLOSED
        self.forget_address()
        return Fail(self.take_error(handle) or errno.ECONNABORTED)

    def _connect_to(self, handle: int, fd: int, target: Name) -> Answer:
        source = self.layer.network.source_for(target.address)
        if source is None:
            raise Errno(errno.ENETUNREACH)
        if self.layer.leaves(self, target):
            return self.layer.connect_outside(self, handle, fd, target, source)
        blocking, self.error = hostcalls.is_blocking(handle), 0
        self.name_self(handle, target, source)
        fresh = -1
        if self.spent:
            fresh = handle = self.renewed(handle)
        answer = self._connect_local(handle, target, blocking)
        return answer if fresh < 0 else Replace(fd, fresh, answer)

    def renewed(self, handle: int) -> int:
        """A new backing socket in place of the one that failed to connect."""
        flags = socket.SOCK_CLOEXEC | (0 if hostcalls.is_blocking(handle) else socket.SOCK_NONBLOCK)
        fresh = hostcalls.new_socket(socket.AF_UNIX, socket.SOCK_STREAM | flags, 0)
        self.layer.registry.remove(self.inode)
        self.adopt(fresh)
        self.spent = False
        return fresh

    def name_self(self, handle: int, target: Name, source: bytes) -> None:
        """The local address and port that a connection to ``target`` has."""
        if self.binding is not None and self.binding.ephemeral and (self.spent or not self.bound):
            source = self.binding.address if any(self.binding.address) else source
            self.ports.release(self)  # nobody asked for that port: it went when the socket was closed
        if self.binding is None:
            binding = Binding(source, 0, v6only=self.v6only, ephemeral=True, unnamed=True)
            self.ports.take_outgoing(self, binding)
        elif not any(self.binding.address):
            self.binding.address = source

    def move_to_host(self, host: int, target: Name, source: bytes) -> None:
        """The program's descriptor becomes ``host``, a socket of the host's that is connecting to ``target``.
        """
        self.name_self(host, target, source)
        self.layer.registry.remove(self.inode)
        self.adopt(host)
        self.on_host, self.spent, self.peer, self.state = True, False, target, CONNECTING

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        answer = super().set_option(task, handle, level, option, value)
        if (level, option) == (socket.SOL_SOCKET, SO_LINGER):
            aborting.ask(self, handle, value.data)
            return NATIVE
        return NATIVE if self.on_host and level in _HOST_LEVELS else answer

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        told = self.end.value(level, option) if self.end is not None else None
        if told is not None:
            return told[: max(size, 0)]
        if self.on_host and (level == socket.IPPROTO_TCP or (level, option) in _HOST_OPTIONS):
            return None
        return super().get_option(handle, level, option, size)

    def _connect_local(self, handle: int, target: Name, blocking: bool) -> Return | Fail | Park:
        try:
            self._reach(handle, target, blocking)
        except Errno as error:
            if error.number not in (errno.ECONNREFUSED, errno.EAGAIN):
                raise
            if blocking and error.number == errno.EAGAIN:
                return full.wait(self.layer.reactor, handle)
            self.ports.let_go(self)
            if blocking:
                self.forget_address()
                return Fail(errno.ECONNREFUSED)
            # Unconnected it polls as POLLOUT and POLLHUP, and can be connected again.
            self.state, self.error = CONNECTING, errno.ECONNREFUSED
            return Fail(errno.EINPROGRESS)
        self.peer = target
        self.state = CONNECTED if blocking else CONNECTING
        return Return(0) if blocking else Fail(errno.EINPROGRESS)

    def _reach(self, handle: int, target: Name, blocking: bool) -> None:
        """Connect the backing socket to a listener's; Errno(ECONNREFUSED) where nobody listens, EAGAIN where
        the queue is full.
        """
        key: Key = 0
        while True:
            listener = self.layer.listener_at(target, self.local)
            if listener is None or listener.queue is None:
                if target != self.local:
                    raise Errno(errno.ECONNREFUSED)
                Mirror(self.layer.reactor, self.layer.stream_doorway.pair_with(handle))
                self.mate = self
                return
            key = key or self.layer.new_key(handle)
            try:
                listener.queue.connect(handle, blocking=blocking)
            except Errno as error:
                if error.number != errno.ECONNREFUSED:
                    raise
                self.layer.drop(listener)  # closed
                continue
            listener.queue.arrived(key, Arrival(target, self.local, client=self))
            return

    def _disconnect(self, handle: int, fd: int) -> Answer:
        """AF_UNSPEC: the connection is gone, the port stays (tcp_disconnect)."""
        fresh = self.state != CLOSED or self.queue is not None
        self.error = errno.ECONNRESET if self.peer is not None else 0
        self.state, self.peer = CLOSED, None
        self.deaf = self.mute = False
        self.stop_listening()
        self.forget_address()
        if self.end is not None:
            self.end.abandoned()
            self.end = None
        return Replace(fd, self.renewed(handle), Return(0)) if fresh else Return(0)

    # Connected

    def peer_name(self, handle: int = -1) -> bytes:
        if self.peer is None:
            raise Errno(errno.ENOTCONN)
        if self.on_host and handle >= 0:
            hostcalls.getpeername(handle)  # ENOTCONN until it is there, and when it is reset
        if self.mate is not None and self.mate.abortive and not self.layer.is_open(self.mate):
            raise Errno(errno.ENOTCONN)  # its close was a reset
        if handle >= 0 and tcpstate.is_closed(self, handle):
            raise Errno(errno.ENOTCONN)
        return pack(self.family, self.peer)

    def shutdown(self, handle: int, how: int) -> Answer:
        if how not in _HOWS:
            raise Errno(errno.EINVAL)
        if self.queue is not None:
            if how == socket.SHUT_WR:
                return Return(0)
            hostcalls.shutdown(handle, socket.SHUT_RDWR)
            self.spent = True
            self.stop_listening()
            return Return(0)
        if self.peer is None or tcpstate.has_ended(self, handle):
            raise Errno(errno.ENOTCONN)
        if self.abortive and how != socket.SHUT_RD:
            aborting.disarm(handle)  # the peer is told of the end before the reset
        hostcalls.shutdown(handle, how)
        self.deaf |= how != socket.SHUT_WR
        self.mute |= how != socket.SHUT_RD
        return Return(0)

    def passes(self, name: bytes, control: bytes) -> bool:
        return not name

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        """A destination on a connection is not looked at (tcp_sendmsg)."""
        if self.peer is None:
            raise Errno(self.take_error(handle) or errno.EPIPE)
        return self.layer.send_bytes(handle, message)

    def receives(self, *, named: bool) -> bool:
        return named

    def receive(self, task: Task, handle: int, size: int, flags: int) -> Received:
        """A stream's bytes come from nobody: the source is left empty (tcp_recvmsg)."""
        if flags & MSG_ERRQUEUE:
            raise Errno(errno.EAGAIN)
        try:
            data, _, _, out, total = hostcalls.recvmsg(handle, size, 0, flags & ~MSG_DONTWAIT)
        except Errno as error:
            if error.number == errno.EAGAIN and not flags & MSG_DONTWAIT and hostcalls.is_blocking(handle):
                raise WouldBlock(hostcalls.get_timeout(handle, SO_RCVTIMEO)) from None
            raise
        if flags & MSG_TRUNC:
            data = b""  # taken, and given to nobody
        return Received(data, b"", [], out, total)

    def take_error(self, handle: int = -1) -> int:
        beneath = hostcalls.get_int(handle, socket.SOL_SOCKET, SO_ERROR) if handle >= 0 else 0
        number, self.error = self.error, 0
        if self.on_host and beneath and self.state == CONNECTING:
            self.peer, self.spent, self.on_host = None, True, False
            self.ports.let_go(self)
        return number or (0 if self.spent and not beneath else beneath)

    def tcp_info(self, handle: int = -1) -> bytes:
        told = self.end.tcp_info() if self.end is not None else None
        if told is not None:
            return told.ljust(tcpinfo.SIZE, b"\0")
        size = 4 if self.peer is None else len(self.peer.address)
        return tcpinfo.pack(tcpstate.state(self, handle), size)

    def gone(self) -> None:
        if self.queue is not None:
            self.stop_listening()
        if self.binding is not None:
            self.layer.tcp.release(self)
        self.mate = None  # no circle for the garbage collector
        if self.end is not None:
            self.end.closed()
