"""The handle of a TCP socket: calls that never block, with explicit results.

A handle is fresh, bound, listening, or has a connection; which calls fit is decided by the state table.
Failures are ``result.Fail``; EAGAIN means that ``Host.take_events`` will tell when to come again.
"""

import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..addresses import ANY4, ANY6, IP, is_any
from ..frame import Buffer
from ..handle import Handle
from ..ip_output import Flow
from ..packet import ErrorReport
from ..result import AGAIN, BROKEN_PIPE, IN_PROGRESS, IN_USE, INVALID, NOT_CONNECTED, Fail
from . import arrival, passive, receive, transition
from .info import TcpInfo, tcp_info
from .listener import SOMAXCONN, Listener
from .recovery import Phase
from .segment import IPPROTO_TCP, Addressing
from .sequence import unwrap
from .states import SENDING, TABLE, Action, Event, State
from .tcb import Tcb, UserOptions
from .timers import Timer
from .wakeups import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP

if TYPE_CHECKING:
    from ..host import Host

SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2


@dataclass(slots=True, eq=False)
class TcpSocket(Handle):
    opts: UserOptions = field(default_factory=UserOptions)
    tcb: Tcb | None = None
    listener: Listener | None = None
    linger: float | None = None  #: SO_LINGER's time; 0 resets
    ttl: int | None = None
    tos: int = 0

    @property
    def state(self) -> State:
        if self.listener is not None:
            return State.LISTEN
        return self.tcb.state if self.tcb else State.CLOSED

    def _refusal(self, event: Event) -> Fail | None:
        """The errno that the table has for a call in this state."""
        cell = TABLE[self.state][event]
        if Action.REFUSE in cell.actions:
            return Fail(int(getattr(errno, cell.errno)))
        return None

    # -- opening --------------------------------------------------------------------------------------

    def bind(self, address: IP, port: int) -> Fail | None:
        if self.tcb or self.listener:
            return INVALID
        return self._bind(self.host.tcp_bindings, address, port)

    def listen(self, backlog: int) -> Fail | None:
        """Begin to listen, or change the backlog; binds to an ephemeral port where it has to."""
        if self.tcb is not None and self.tcb.state is State.CLOSED:
            self._detach()
        refused = self._refusal(Event.LISTEN)
        if refused is not None:
            return refused
        backlog = min(max(backlog, 0), SOMAXCONN)
        if self.listener is not None:
            self.listener.backlog = backlog
            return None
        if self.binding is None:
            failed = self.bind(ANY4 if self.version == 4 else ANY6, 0)
            if failed is not None:
                return failed
        binding = self.binding
        if binding is None:
            return INVALID
        binding.listening = True
        if self.host.tcp_bindings.conflict(binding):
            binding.listening = False
            return IN_USE
        listener = Listener(
            binding.address, binding.port, backlog, self.opts, self.dual, self.interface, self
        )
        self.host.tcp.listeners.setdefault((binding.address, binding.port), []).append(listener)
        self.listener = listener
        return None

    def connect(self, address: IP, port: int, now: float) -> Fail:
        """Send a SYN: EINPROGRESS; then POLLOUT says that ``error`` has the outcome."""
        if self.tcb is not None and self.tcb.state is State.CLOSED:
            self._detach()
        refused = self._refusal(Event.CONNECT)
        if refused is not None:
            return refused
        bound = self.binding.address if self.binding else None
        src = bound if bound is not None and not is_any(bound) and len(bound) == len(address) else None
        flow = self.host.flow(address, IPPROTO_TCP, now, src=src, interface=self.interface)
        if isinstance(flow, Fail):
            return flow
        failed = self._local_port(flow, port)
        if failed is not None or self.binding is None:
            return failed or INVALID
        ends = Addressing.of(flow.src, self.binding.port, flow.dst, port)
        if self.host.tcp.key(ends) in self.host.tcp.connections:
            return Fail(errno.EADDRNOTAVAIL)
        self._shape(flow)
        self.tcb = self.host.tcp.create(ends, flow, self.opts, now)
        self.tcb.owner = self
        arrival.set_segment_size(self.tcb)
        transition.step(self.tcb, Event.CONNECT, now)
        return IN_PROGRESS

    def _local_port(self, flow: Flow, port: int) -> Fail | None:
        """An ephemeral port that is free towards this peer (RFC 6056)."""
        if self.binding is not None:
            return None
        tcp = self.host.tcp

        def taken(candidate: int) -> bool:
            ends = Addressing(flow.src, flow.dst, candidate, port, 0)
            return tcp.key(ends) in tcp.connections or self.host.port_taken(flow.src, candidate)

        found = self.host.ports.choose(taken, flow.dst, port)
        if found is None:
            return Fail(errno.EADDRNOTAVAIL)
        self.reuseaddr, before = True, self.reuseaddr
        failed = self._bind(self.host.tcp_bindings, flow.src, found)
        self.reuseaddr = before
        return failed

    def _shape(self, flow: Flow) -> None:
        flow.ttl = flow.ttl if self.ttl is None else self.ttl
        flow.tos = self.tos

    def accept(self) -> "TcpSocket | Fail":
        """The oldest complete connection, as a new handle with the listener's options."""
        if self.listener is None:
            return INVALID
        tcb = self.listener.accept()
        if tcb is None:
            return AGAIN
        handle = TcpSocket(self.host, self.version, opts=tcb.opts, tcb=tcb)
        tcb.owner, tcb.listener = handle, None
        return handle

    # -- data -----------------------------------------------------------------------------------------

    def send(self, data: Buffer) -> int | Fail:
        """How many bytes the send buffer took."""
        tcb = self.tcb
        if tcb is None:
            return BROKEN_PIPE
        if tcb.error:
            return self.take_error() or BROKEN_PIPE
        if tcb.state not in SENDING or tcb.snd.fin_at is not None:
            return BROKEN_PIPE
        if tcb.state in (State.SYN_SENT, State.SYN_RECEIVED) or not tcb.snd.buffer.room:
            tcb.snd.want_room = True
            return AGAIN
        size = tcb.snd.buffer.write(data)
        tcb.snd.want_room = size < len(data)
        tcb.layer.touch(tcb)
        return size

    def recv(self, size: int, peek: bool = False) -> bytes | Fail:
        """Up to ``size`` bytes; b"" at the end of the stream."""
        tcb = self.tcb
        if tcb is None:
            return NOT_CONNECTED
        buffer = tcb.rcv.buffer
        if len(buffer):
            if peek:
                return buffer.peek(size)
            data = buffer.read(size)
            if receive.after_read(tcb):
                tcb.layer.touch(tcb)
            return data
        if tcb.error:
            return self.take_error() or b""
        return b"" if tcb.at_end else AGAIN

    def readable_bytes(self) -> int:
        """SIOCINQ."""
        return len(self.tcb.rcv.buffer) if self.tcb else 0

    def unsent_bytes(self) -> int:
        """SIOCOUTQ: what the peer has not acknowledged."""
        return len(self.tcb.snd.buffer) if self.tcb else 0

    # -- closing --------------------------------------------------------------------------------------

    def shutdown(self, how: int, now: float) -> Fail | None:
        if self.listener is not None:
            self._stop_listening(now)
            return None
        tcb = self.tcb
        if tcb is None or tcb.state is State.CLOSED:
            return NOT_CONNECTED
        if how in (SHUT_RD, SHUT_RDWR):
            tcb.rcv.shutdown = True
            self.wake(POLLIN | POLLRDHUP)
        if how in (SHUT_WR, SHUT_RDWR):
            transition.step(tcb, Event.SHUTDOWN, now)
        return None

    def close(self, now: float) -> None:
        """Close in order; with unread data, or a linger time of zero, by reset (RFC 2525, 2.17)."""
        if self.listener is not None:
            self._stop_listening(now)
        tcb = self.tcb
        if tcb is not None:
            tcb.orphan = True
            rude = self.linger == 0 or (len(tcb.rcv.buffer) > 0 and tcb.state is not State.TIME_WAIT)
            transition.step(tcb, Event.ABORT if rude else Event.CLOSE, now)
            self._detach()
        self._unbind(self.host.tcp_bindings)

    def abort(self, now: float) -> None:
        """Reset the connection."""
        self.linger = 0
        self.close(now)

    def _detach(self) -> None:
        if self.tcb is not None:
            self.tcb.owner = None
            self.tcb = None

    def _stop_listening(self, now: float) -> None:
        listener = self.listener
        if listener is not None:
            self.listener = None
            key = (listener.address, listener.port)
            self.host.tcp.listeners[key].remove(listener)
            passive.close(listener, now)
        if self.binding is not None:
            self.binding.listening = False

    # -- questions ------------------------------------------------------------------------------------

    def take_error(self) -> Fail | None:
        """SO_ERROR: the pending error, which is cleared."""
        if self.tcb is None or not self.tcb.error:
            return None
        failed, self.tcb.error = Fail(self.tcb.error), 0
        return failed

    def events(self) -> int:
        """What poll(2) would say now (tcp_poll in net/ipv4/tcp.c)."""
        if self.listener is not None:
            return POLLIN if self.listener.ready else 0
        tcb = self.tcb
        if tcb is None:
            return POLLOUT | POLLHUP
        mask = POLLERR if tcb.error else 0
        if tcb.state is State.SYN_SENT:
            return mask
        if tcb.at_end:
            mask |= POLLIN | POLLRDHUP
        if tcb.state is State.CLOSED or (tcb.at_end and tcb.snd.fin_at is not None):
            mask |= POLLHUP
        if tcb.readable:
            mask |= POLLIN
        if tcb.snd.fin_at is not None or tcb.state not in SENDING or tcb.snd.buffer.room:
            mask |= POLLOUT
        return mask

    def local(self) -> tuple[IP, int] | None:
        """getsockname(2)."""
        if self.tcb is not None:
            return self.tcb.ends.src, self.tcb.ends.src_port
        return (self.binding.address, self.binding.port) if self.binding else None

    def remote(self) -> tuple[IP, int] | None:
        """getpeername(2); None where there is no connection."""
        if self.tcb is None or self.tcb.state in (State.CLOSED, State.SYN_SENT):
            return None
        return self.tcb.ends.dst, self.tcb.ends.dst_port

    def info(self, now: float) -> TcpInfo | None:
        return tcp_info(self.tcb, now) if self.tcb else None

    # -- options that act at once ---------------------------------------------------------------------

    def set_nodelay(self, on: bool) -> None:
        self.opts.nodelay = on
        self._touch()

    def set_cork(self, on: bool) -> None:
        self.opts.cork = on
        if self.tcb is not None:
            self.tcb.timers.stop(Timer.CORK)
        self._touch()

    def set_keepalive(self, on: bool, now: float) -> None:
        self.opts.keepalive = on
        if self.tcb is not None and self.tcb.state not in (State.CLOSED, State.SYN_SENT):
            transition.start_keepalive(self.tcb, now)
        self._touch()

    def set_rcvbuf(self, size: int) -> None:
        self.opts.rcvbuf = size
        if self.tcb is not None:
            self.tcb.rcv.buffer.limit = size

    def set_sndbuf(self, size: int) -> None:
        self.opts.sndbuf = size
        if self.tcb is not None:
            self.tcb.snd.buffer.limit = size

    def _touch(self) -> None:
        if self.tcb is not None:
            self.tcb.layer.touch(self.tcb)


def tcp_error(host: "Host", report: ErrorReport, now: float) -> None:
    """An ICMP error about a segment of ours: fatal while connecting, else remembered (RFC 5927, RFC 5461)."""
    if len(report.payload) < 8:
        return
    key = report.dst + report.src + bytes(report.payload[2:4]) + bytes(report.payload[:2])
    tcb = host.tcp.connections.get(key)
    if tcb is None:
        return
    seq = unwrap(int.from_bytes(report.payload[4:8], "big"), tcb.snd.una)
    if not tcb.snd.una <= seq <= tcb.snd.nxt:
        return
    if report.errno == errno.EMSGSIZE:
        _shrink(host, tcb, now)
        return
    if isinstance(tcb.owner, Handle):
        tcb.owner.report(report)
    if tcb.state in (State.SYN_SENT, State.SYN_RECEIVED) and report.fatal:
        transition.step(tcb, Event.GIVE_UP, now, report.errno)
    else:
        tcb.soft_error = report.errno


def _shrink(host: "Host", tcb: Tcb, now: float) -> None:
    """The path MTU became smaller: cut differently and send again what was too big (RFC 1191, 6.4)."""
    mtu = host.path_mtu.lookup(tcb.ends.dst, tcb.flow.interface.mtu, now)
    if mtu >= tcb.flow.mtu:
        return
    tcb.flow.mtu = mtu
    arrival.set_segment_size(tcb)
    if tcb.state is not State.SYN_SENT and tcb.recovery.phase is Phase.OPEN:
        tcb.recovery.on_timeout(tcb.snd.una, tcb.snd.nxt)
    tcb.layer.touch(tcb)
