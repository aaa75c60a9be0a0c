"""The handle of a TCP socket: calls that never block, with explicit results.

A handle is fresh, bound, listening, or has a connection; which calls fit is decided by the state table.
Failures are ``result.Fail``; EAGAIN means that ``Host.take_events`` will tell when to come again.
"""

import errno
from dataclasses import dataclass, field

from ..addresses import IP
from ..frame import Buffer
from ..handle import Handle
from ..result import AGAIN, BROKEN_PIPE, INVALID, NOT_CONNECTED, Fail
from . import opening, passive, receive, transition
from .info import TcpInfo, tcp_info
from .listener import Listener
from .readiness import readiness
from .states import SENDING, TABLE, Action, Event, State
from .tcb import Tcb, UserOptions
from .timers import Timer
from .wakeups import POLLIN, POLLRDHUP

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
        self._renew()
        return self._refusal(Event.LISTEN) or opening.listen(self, backlog)

    def connect(self, address: IP, port: int, now: float) -> Fail:
        """Send a SYN: EINPROGRESS; then POLLOUT says that ``take_error`` has the outcome."""
        self._renew()
        return self._refusal(Event.CONNECT) or opening.connect(self, address, port, now)

    def _renew(self) -> None:
        """A handle whose connection is over is as good as new."""
        if self.tcb is not None and self.tcb.state is State.CLOSED:
            self._detach(self.tcb)

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

    def room(self) -> int:
        """How many bytes ``send`` would take now; where none, POLLOUT comes when it would."""
        tcb = self.tcb
        if tcb is None or tcb.error or tcb.state not in SENDING or tcb.snd.fin_at is not None:
            return 1  # send says what is wrong
        room = 0 if tcb.state in (State.SYN_SENT, State.SYN_RECEIVED) else tcb.snd.buffer.room
        tcb.snd.want_room |= not room
        return room

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
            self._stop_listening(self.listener, now)
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
            self._stop_listening(self.listener, now)
        tcb = self.tcb
        if tcb is not None:
            tcb.orphan = True
            rude = self.linger == 0 or (len(tcb.rcv.buffer) > 0 and tcb.state is not State.TIME_WAIT)
            transition.step(tcb, Event.ABORT if rude else Event.CLOSE, now)
            self._detach(tcb)
        self._unbind(self.host.tcp_bindings)

    def abort(self, now: float) -> None:
        """Reset the connection."""
        self.linger = 0
        self.close(now)

    def _detach(self, tcb: Tcb) -> None:
        tcb.owner = self.tcb = None

    def _stop_listening(self, listener: Listener, now: float) -> None:
        """Give up the accept queue and, as Linux does, a port that nobody asked for by number."""
        self.listener = None
        self.host.tcp.remove_listener(listener)
        passive.close(listener, now)
        listener.binding.listening = False
        if listener.binding.ephemeral:
            self._unbind(self.host.tcp_bindings)

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
        return readiness(self.tcb)

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
