"""The transmission control block: everything a connection is, without behaviour.

The modules beside this one are functions on it: arrival, acknowledge, receive, transmit, timeouts and
transition.
``Layer`` and ``Owner`` are what a connection needs of its surroundings.
"""

from dataclasses import dataclass, field
from typing import Protocol

from ..ip_output import Flow
from .config import TcpConfig
from .congestion import NewReno
from .reassembly import Reassembly
from .receivebuffer import ReceiveBuffer
from .recovery import Recovery
from .rtt import RttEstimator
from .segment import HEADER_LENGTH, Addressing, Segment
from .sendbuffer import SendBuffer
from .states import State
from .timers import Timers

TIMESTAMP_SIZE = 12
DEFAULT_MSS = {4: 536, 16: 1220}


class Layer(Protocol):
    """What a connection asks of tcp/layer.py."""

    def reset(self, flow: Flow, ends: Addressing, segment: Segment, now: float) -> None:
        """Answer a segment with the RST that it deserves."""

    def released(self, tcb: "Tcb") -> None:
        """The connection is over; forget it."""

    def reopen(self, tcb: "Tcb", segment: Segment, now: float) -> None:
        """A SYN came for a connection that has just been released: give it to the listener."""

    def established(self, tcb: "Tcb") -> None:
        """The handshake is complete: to the accept queue."""

    def can_establish(self, tcb: "Tcb") -> bool:
        """Whether the accept queue has a place."""

    def allow_challenge(self, now: float) -> bool:
        """The rate limit of challenge ACKs."""

    def touch(self, tcb: "Tcb") -> None:
        """Run the connection's output at the next poll."""


class Owner(Protocol):
    """Who is told that the connection became readable, writable, or ended: poll(2) bits."""

    def wake(self, events: int) -> None: ...


@dataclass(slots=True)
class SendState:
    """SND.* of RFC 9293, 3.3.1, as positions; ``wnd`` is in bytes, already scaled."""

    iss: int
    buffer: SendBuffer
    una: int = 0
    nxt: int = 0
    wnd: int = 0
    wl1: int = 0
    wl2: int = 0
    max_wnd: int = 0
    wscale: int = 0
    mss: int = 536  #: payload bytes of a full segment, options taken off
    burst: int = 536  #: the largest payload in one frame, a multiple of ``mss``
    peer_mss: int = 536
    fin_at: int | None = None  #: the position of our FIN, once the user has closed
    small: int = 0  #: the end of the last segment that was not full (Nagle as Minshall has it)
    want_room: bool = False
    last_sent: float = 0.0
    timed: tuple[int, float] | None = None  #: the segment whose round trip is measured: end, time
    retries: int = 0
    stalled_since: float = 0.0
    cwnd_limited: bool = False
    probe_end: int | None = None  #: the end of a tail loss probe that is not acknowledged yet
    probe_resent: bool = False  #: it carried old data, so its loss may have been repaired silently


@dataclass(slots=True)
class ReceiveState:
    """RCV.* of RFC 9293, 3.3.1; ``edge`` is the right edge of the window that was offered."""

    buffer: ReceiveBuffer
    irs: int = 0
    nxt: int = 0
    edge: int = 0
    wscale: int = 0
    ooo: Reassembly = field(default_factory=Reassembly)
    ts_recent: int = 0
    ts_recent_at: float = 0.0
    last_ack: int = 0  #: the last acknowledgment that was sent
    ack_now: bool = False
    quick: int = 0  #: how many of the next segments are acknowledged at once
    fin_at: int | None = None  #: the position of the peer's FIN, once it was seen
    shutdown: bool = False
    duplicate: tuple[int, int] | None = None  #: what arrived again, for the next SACK (RFC 2883)
    last_arrival: float = 0.0


@dataclass(slots=True)
class UserOptions:
    """Socket options that steer the machine; None takes the value of ``TcpConfig``."""

    nodelay: bool = False
    cork: bool = False
    keepalive: bool = False
    keepalive_time: float | None = None
    keepalive_interval: float | None = None
    keepalive_probes: int | None = None
    user_timeout: float = 0.0
    max_seg: int = 0
    congestion: str | None = None
    fin_timeout: float | None = None
    rcvbuf: int | None = None
    sndbuf: int | None = None


@dataclass(slots=True)
class Counters:
    """For tcp_info: segments and payload bytes both ways."""

    segs_out: int = 0
    segs_in: int = 0
    data_segs_out: int = 0
    data_segs_in: int = 0
    bytes_sent: int = 0
    bytes_retrans: int = 0
    bytes_received: int = 0
    retransmits: int = 0


@dataclass(slots=True, eq=False)
class Tcb:
    layer: Layer
    config: TcpConfig
    ends: Addressing
    flow: Flow
    snd: SendState
    rcv: ReceiveState
    rtt: RttEstimator
    congestion: NewReno
    recovery: Recovery
    opts: UserOptions
    state: State = State.CLOSED
    timers: Timers = field(default_factory=Timers)
    counters: Counters = field(default_factory=Counters)
    owner: Owner | None = None
    listener: object | None = None  #: whose SYN queue it is in
    orphan: bool = False  #: the user has closed it
    ts_on: bool = False
    ts_offset: int = 0
    error: int = 0  #: SO_ERROR
    soft_error: int = 0
    keepalive_probes: int = 0
    next_challenge: float = 0.0
    scheduled: float = float("inf")  #: when the layer's timer heap will look at it

    @property
    def readable(self) -> bool:
        """Data is queued, or the stream has ended."""
        return len(self.rcv.buffer) > 0 or self.at_end

    @property
    def at_end(self) -> bool:
        """Nothing will come after what is queued."""
        rcv = self.rcv
        finished = rcv.fin_at is not None and rcv.nxt > rcv.fin_at
        return finished or rcv.shutdown or self.state is State.CLOSED

    def size_segments(self) -> None:
        """Derive ``mss`` and ``burst`` from the path MTU, the peer's MSS and the device's offload."""
        flow, snd = self.flow, self.snd
        headers = flow.header_length + HEADER_LENGTH
        options = TIMESTAMP_SIZE if self.ts_on else 0
        limits = [snd.peer_mss, min(flow.mtu, flow.interface.offload.max_size) - headers]
        if self.opts.max_seg:
            limits.append(self.opts.max_seg)
        snd.mss = max(min(limits) - options, 48)
        snd.burst = snd.mss
        if flow.interface.offload.segmentation:
            room = flow.interface.offload.max_size - headers - options
            snd.burst = max(1, room // snd.mss) * snd.mss

    def wake(self, events: int) -> None:
        if self.owner is not None:
            self.owner.wake(events)


def new_tcb(
    layer: Layer, config: TcpConfig, ends: Addressing, flow: Flow, iss: int, opts: UserOptions,
    congestion: NewReno,
) -> Tcb:
    """A closed connection whose SYN will be at ``iss``."""
    buffer = SendBuffer(iss + 1, opts.sndbuf or config.sndbuf)
    tcb = Tcb(
        layer, config, ends, flow, SendState(iss, buffer, una=iss, nxt=iss, small=iss),
        ReceiveState(ReceiveBuffer(opts.rcvbuf or config.rcvbuf), quick=config.quick_acks),
        RttEstimator(config.min_rto), congestion, Recovery(congestion.mss), opts,
    )
    tcb.snd.peer_mss = DEFAULT_MSS[len(ends.src)]
    tcb.rcv.wscale = config.wscale if config.window_scaling else 0
    return tcb
