"""TCP of one host: who a segment is for, the timers of all connections, and what belongs to no connection.

Segments find their connection by the eight or twenty-odd bytes that name it, in the order of the packet
(source, destination, ports).  Timers sit in one heap; a deadline that moves later leaves its old entry, which
is looked at and put back.
"""

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from ..addresses import ANY4, ANY6, IP
from ..frame import Malformed
from ..ip_output import Flow
from ..packet import IpPacket
from . import arrival, passive, segment, timeouts
from .config import TcpConfig
from .cookies import SynCookies
from .cubic import ALGORITHMS
from .isn import InitialSequence
from .listener import Listener
from .segment import ACK, FIN, RST, SYN, Addressing, Segment
from .sequence import MASK
from .states import State
from .tcb import Tcb, UserOptions, new_tcb
from .transmit import output
from .wakeups import POLLIN


@dataclass(slots=True)
class TcpStatistics:
    """Some rows of /proc/net/snmp and netstat."""

    in_segs: int = 0
    in_errors: int = 0
    out_resets: int = 0
    listen_drops: int = 0
    cookies_sent: int = 0
    cookies_received: int = 0
    cookies_failed: int = 0


@dataclass(slots=True)
class TcpLayer:
    """``flow_to`` finds the way back to whom a packet came from; ``random`` returns n random bytes."""

    config: TcpConfig
    flow_to: Callable[[IP, IP, float], Flow | None]
    random: Callable[[int], bytes]
    connections: dict[bytes, Tcb] = field(default_factory=dict)
    listeners: dict[tuple[IP, int], list[Listener]] = field(default_factory=dict)
    statistics: TcpStatistics = field(default_factory=TcpStatistics)
    _dirty: dict[Tcb, None] = field(default_factory=dict)
    _heap: list[tuple[float, int, Tcb]] = field(default_factory=list)
    _order: "itertools.count[int]" = field(default_factory=itertools.count)
    _challenges: tuple[int, int] = (0, 0)
    isn: InitialSequence = field(init=False)
    cookies: SynCookies = field(init=False)

    def __post_init__(self) -> None:
        self.isn = InitialSequence(self.random(16))
        self.cookies = SynCookies(self.random(16))

    # -- in -------------------------------------------------------------------------------------------

    def input(self, packet: IpPacket, now: float) -> None:
        """A packet with protocol 6."""
        try:
            seg = segment.parse(packet.payload, packet.src, packet.dst, packet.verified)
        except Malformed:
            self.statistics.in_errors += 1
            raise
        self.statistics.in_segs += 1
        if not packet.unicast:
            return
        tcb = self.connections.get(packet.src + packet.dst + bytes(packet.payload[:4]))
        if tcb is not None:
            arrival.segment_arrives(tcb, seg, now)
            self._dirty[tcb] = None
            return
        self._without_connection(packet.src, packet.dst, seg, packet.interface, now)

    def _without_connection(self, src: IP, dst: IP, seg: Segment, interface: str, now: float) -> None:
        listener = self.find_listener(dst, seg.dst_port, interface, hash((src, seg.src_port)))
        while listener is not None and listener.gone is not None and seg.flags & SYN and listener.gone():
            listener = self.find_listener(dst, seg.dst_port, interface, hash((src, seg.src_port)))
        if listener is not None and seg.flags & (SYN | ACK | RST) == SYN:
            if seg.flags & FIN:
                return  # a scan, not a client; Linux says nothing either
            passive.spawn(self, listener, src, dst, seg, now)
        elif listener is not None and seg.flags & (SYN | ACK | RST) == ACK:
            passive.try_cookie(self, listener, src, dst, seg, now)
        else:
            self.refuse(src, dst, seg, now)

    def refuse(self, src: IP, dst: IP, seg: Segment, now: float) -> None:
        """Nobody has that port: reset."""
        flow = self.flow_to(dst, src, now)
        if flow is not None:
            self.reset(flow, Addressing.of(dst, seg.dst_port, src, seg.src_port), seg, now)

    def add_listener(self, listener: Listener) -> None:
        self.listeners.setdefault(listener.key, []).append(listener)

    def remove_listener(self, listener: Listener) -> None:
        group = self.listeners[listener.key]
        group.remove(listener)
        if not group:
            del self.listeners[listener.key]

    def find_listener(self, address: IP, port: int, interface: str, choice: int) -> Listener | None:
        """The most specific listener; of a SO_REUSEPORT group the one that the peer's hash chooses."""
        wildcard = ANY4 if len(address) == 4 else ANY6
        candidates = [(address, port), (wildcard, port)]
        for key in candidates:
            group = [entry for entry in self.listeners.get(key, ()) if entry.interface in (None, interface)]
            if group:
                return group[choice % len(group)]
        if len(address) == 4:
            dual = [entry for entry in self.listeners.get((ANY6, port), ()) if entry.dual]
            return dual[choice % len(dual)] if dual else None
        return None

    # -- what connections ask for ---------------------------------------------------------------------

    def reset(self, flow: Flow, ends: Addressing, seg: Segment, now: float) -> None:
        """RFC 9293, 3.10.7.1: the sequence number that the sender will believe."""
        if seg.flags & RST:
            return
        acked = bool(seg.flags & ACK)
        seq, ack = (seg.ack, 0) if acked else (0, (seg.seq + seg.length) & MASK)
        partial = flow.interface.offload.tx_checksum
        head = segment.header(ends, seq, ack, RST if acked else RST | ACK, 0, b"", b"", partial)
        flow.send(head, b"", now, 0, segment.CHECKSUM_OFFSET if partial else None)
        self.statistics.out_resets += 1

    def released(self, tcb: Tcb) -> None:
        self.connections.pop(self.key(tcb.ends), None)
        if isinstance(tcb.listener, Listener):
            tcb.listener.forget(tcb)

    def reopen(self, tcb: Tcb, segment: Segment, now: float) -> None:
        ends = tcb.ends
        self._without_connection(ends.dst, ends.src, segment, tcb.flow.interface.name, now)

    def established(self, tcb: Tcb) -> None:
        if isinstance(tcb.listener, Listener):
            tcb.listener.established(tcb)
            tcb.listener.owner.wake(POLLIN)

    def can_establish(self, tcb: Tcb) -> bool:
        return not (isinstance(tcb.listener, Listener) and tcb.listener.full)

    def allow_challenge(self, now: float) -> bool:
        second, count = self._challenges
        self._challenges = (int(now), count + 1 if second == int(now) else 1)
        return self._challenges[1] <= self.config.challenge_limit

    def touch(self, tcb: Tcb) -> None:
        self._dirty[tcb] = None

    # -- connections ----------------------------------------------------------------------------------

    @staticmethod
    def key(ends: Addressing) -> bytes:
        """The name of a connection, as the bytes of a packet that comes for it."""
        return ends.dst + ends.src + ends.dst_port.to_bytes(2, "big") + ends.src_port.to_bytes(2, "big")

    def create(
        self, ends: Addressing, flow: Flow, opts: UserOptions, now: float, isn: int | None = None
    ) -> Tcb:
        """A connection under its four-tuple, which must be free."""
        four = (ends.src, ends.src_port, ends.dst, ends.dst_port)
        congestion = ALGORITHMS[opts.congestion or self.config.congestion]
        number = self.isn.number(four, now) if isn is None else isn
        tcb = new_tcb(self, self.config, ends, flow, number, opts, congestion(536))
        tcb.ts_offset = self.isn.timestamp_offset(four)
        self.connections[self.key(ends)] = tcb
        self._dirty[tcb] = None
        return tcb

    # -- time -----------------------------------------------------------------------------------------

    def poll(self, now: float) -> None:
        """Run the timers that are due and let connections send."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            _when, _order, tcb = heapq.heappop(heap)
            tcb.scheduled = float("inf")
            timeouts.run(tcb, now)
            self._dirty[tcb] = None
        while self._dirty:
            dirty, self._dirty = self._dirty, {}
            for tcb in dirty:
                if tcb.state is not State.CLOSED:
                    output(tcb, now)
                self._schedule(tcb)

    def sent_late(self, now: float, late: float) -> None:
        """What ``poll`` made at ``now`` left that much later (a long burst, a busy machine)."""
        for tcb in self.connections.values():
            if tcb.snd.last_sent == now:
                timeouts.put_off(tcb, now, late)

    def _schedule(self, tcb: Tcb) -> None:
        earliest = tcb.timers.earliest
        if earliest < tcb.scheduled:
            tcb.scheduled = earliest
            heapq.heappush(self._heap, (earliest, next(self._order), tcb))

    def deadline(self) -> float | None:
        """When ``poll`` has something to do; it may turn out to be nothing."""
        if self._dirty:
            return 0.0
        return self._heap[0][0] if self._heap else None
