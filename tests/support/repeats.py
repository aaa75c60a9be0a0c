"""TCP segments of a capture that carry what was sent before, and whether the capture itself explains them.

A sender may send again without any loss when nothing has been acknowledged for as long as its timers wait:
a tail loss probe after two smoothed round trips (RFC 8985, 7), the retransmission timer after the RTO (RFC
6298, at least the 200 ms of Linux and of ours). On a busy machine either end may wait that long for a
processor. All else is unexplained: a repeat in the midst of answers, of what is acknowledged, a second probe.

Round trips, timeouts and silence are computed from the capture. It shows when we took a frame from the
device, not when its sender made it: that is read from the sender's timestamps (RFC 7323; both ends count
milliseconds); and what a sender did not know yet, as it does not echo it, counts for nothing.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

INITIAL_RTO, MIN_RTO = 1.0, 0.2  # seconds
TICK = 0.001  # of the senders' timestamp clocks
_HALF, _WHOLE = 1 << 31, 1 << 32


class Seen(NamedTuple):
    """A captured segment; numbers are those on the wire, ``inward`` is its direction at the device."""

    frame: int
    time: float
    stream: int
    sender: tuple[str, str]  # address, port
    inward: bool
    seq: int
    size: int  # payload, SYN and FIN
    syn: bool
    ack: int | None
    sacks: tuple[tuple[int, int], ...] = ()
    tsval: int | None = None
    tsecr: int | None = None


def near(number: int, position: int) -> int:
    """The position that a wire number stands for, next to a known one."""
    return position + ((number - position + _HALF) % _WHOLE - _HALF)


@dataclass(slots=True)
class Estimate:
    """RFC 6298, 2."""

    srtt: float | None = None
    rttvar: float = 0.0

    def sample(self, rtt: float) -> None:
        if self.srtt is None:
            self.srtt, self.rttvar = rtt, rtt / 2
        else:
            self.rttvar += (abs(self.srtt - rtt) - self.rttvar) / 4
            self.srtt += (rtt - self.srtt) / 8

    @property
    def rto(self) -> float:
        return INITIAL_RTO if self.srtt is None else max(MIN_RTO, self.srtt + 4 * self.rttvar)

    @property
    def pto(self) -> float:
        return INITIAL_RTO if self.srtt is None else min(2 * self.srtt, self.rto)


class News(NamedTuple):
    """An ACK that told its receiver something new: what was acknowledged, and how long timers wait then."""

    time: float
    tsval: int | None
    una: int
    sacks: tuple[tuple[int, int], ...] = ()
    first: bool = True  # of the segments with its timestamp: whoever echoes that knows this one
    rto: float = INITIAL_RTO
    pto: float = INITIAL_RTO


@dataclass(slots=True)
class Sender:
    """One end of a connection: what it has sent, and what the other has acknowledged."""

    offset: float | None  # from its timestamps to the capture's time, where it sends any
    nxt: int | None = None
    starts: list[int] = field(default_factory=list)  # of what was sent for the first time
    times: list[float] = field(default_factory=list)
    news: list[News] = field(default_factory=list)
    sacked: set[tuple[int, int]] = field(default_factory=set)
    stamp: int | None = None  # the other end's last timestamp
    flight: deque[tuple[int, float]] = field(default_factory=deque)
    timed: tuple[int, float] | None = None
    # one sample for each flight, or for each ACK: an implementation may do either
    estimates: tuple[Estimate, Estimate] = field(default_factory=lambda: (Estimate(), Estimate()))
    timer_ran: float = float("-inf")
    probed: int = -1  # what it knew at its last probe: how many of the news
    timeouts: tuple[int, int] = (-1, 0)  # what it knew at the last ones, and how many they were
    recovering: int = -1  # below this position everything counts as lost since a timeout
    resent: int = -1  # and up to this one it was sent again
    missing: list[tuple[int, int]] = field(default_factory=list)  # what the capture did not see in its turn

    def sent_at(self, seen: Seen) -> float:
        if self.offset is None or seen.tsval is None:
            return seen.time
        return min(seen.time, seen.tsval / 1000 + self.offset)

    def acknowledged(self, seen: Seen) -> str:
        """The other end's ACK; what is wrong with it, or nothing."""
        first, self.stamp = seen.tsval is None or seen.tsval != self.stamp, seen.tsval
        if seen.ack is None or self.nxt is None:
            return ""
        una = self.news[-1].una if self.news else self.starts[0]
        ack = near(seen.ack, una)
        if ack > self.nxt:
            return f"{ack - self.nxt} bytes are acknowledged that were not there"
        sacks = [(near(left, una), near(right, una)) for left, right in seen.sacks]
        fresh = tuple(block for block in sacks if block[0] >= ack and block not in self.sacked)
        if ack > una:
            self._measure(ack, seen.time)
        if ack > una or fresh:
            self.sacked.update(fresh)
            rto, pto = (min(getattr(each, name) for each in self.estimates) for name in ("rto", "pto"))
            self.news.append(News(seen.time, seen.tsval, max(ack, una), fresh, first, rto, pto))
        return ""

    def _measure(self, ack: int, now: float) -> None:
        by_flight, by_ack = self.estimates
        if self.timed is not None and ack >= self.timed[0]:
            by_flight.sample(max(0.0, now - self.timed[1]))
            self.timed = None
        last = None
        while self.flight and self.flight[0][0] <= ack:
            last = self.flight.popleft()[1]
        if last is not None:
            by_ack.sample(max(0.0, now - last))

    def sends(self, seen: Seen) -> tuple[int, int]:
        """Take a segment with something in it; where it begins, and the position that was next."""
        nxt = seen.seq if self.nxt is None else self.nxt
        start = near(seen.seq, nxt)
        end, at = start + seen.size, self.sent_at(seen)
        if start < nxt:  # Karn: what is sent twice measures nothing
            self.timed = None
            self.flight.clear()
        else:
            if start > nxt:
                self.missing.append((nxt, start))
            self.starts.append(start)
            self.times.append(at)
            self.flight.append((end, at))
            self.timed = self.timed or (end, at)
        self.nxt = max(nxt, end)
        return start, nxt

    def known(self, seen: Seen) -> int:
        """How many of the news the sender of ``seen`` knew: those up to what it echoes."""
        count = len(self.news) if seen.ack is not None else 0
        while count and not _echoed(self.news[count - 1], seen.tsecr):
            count -= 1
        return count

    def silent(self, told: News, at: float) -> tuple[float, float]:
        """Seconds since the timeout was restarted (RFC 6298, 5), and since the probe was, by new data too."""
        oldest = min(bisect_left(self.starts, told.una), len(self.times) - 1)
        since = max(told.time, self.timer_ran, self.times[oldest])
        return at - since, at - max(since, self.times[-1])

    def was_missing(self, start: int, end: int) -> bool:
        """Whether these bytes were not seen yet; from now on they were."""
        for left, right in self.missing:
            if left <= start and end <= right:
                self.missing.remove((left, right))
                self.missing += [part for part in ((left, start), (end, right)) if part[0] < part[1]]
                return True
        return False


def _echoed(news: News, tsecr: int | None) -> bool:
    """Whether a segment with this echo was sent after the news came."""
    if news.tsval is None or tsecr is None:
        return True
    return news.first if tsecr == news.tsval else (tsecr - news.tsval) % _WHOLE < _HALF


def _unexplained(side: Sender, seen: Seen, start: int, nxt: int) -> str:
    """Why a repeat from ``start`` on, when ``nxt`` came next, is not explained, or nothing."""
    end, at, count = start + seen.size, side.sent_at(seen), side.known(seen)
    told = side.news[count - 1] if count else News(float("-inf"), None, side.starts[0])
    if end <= told.una:
        return "of what was acknowledged"
    if any(left <= start and end <= right for news in side.news[:count] for left, right in news.sacks):
        return "of what was acknowledged selectively"
    if side.resent <= start and end <= side.recovering:
        side.resent = end
        return ""
    silence, probe_silence = side.silent(told, at)
    timeouts = side.timeouts[1] if side.timeouts[0] == count else 0
    if silence + TICK >= told.rto * 2**timeouts:
        side.timeouts = count, timeouts + 1
        side.recovering, side.resent, side.timer_ran = nxt, end, at
        return ""
    if probe_silence + TICK < told.pto:
        return f"after {probe_silence * 1000:.0f} ms, where a probe waits {told.pto * 1000:.0f} ms"
    if side.probed == count or told.una < side.recovering:
        return "after a probe or a timeout"
    if end < nxt:
        return "from the middle, which no probe is"
    side.probed, side.timer_ran = count, at
    return ""


@dataclass(slots=True)
class Stream:
    ends: dict[tuple[str, str], Sender] = field(default_factory=dict)
    syn_again: bool = False

    def sender(self, seen: Seen, offset: float | None) -> Sender:
        if seen.sender not in self.ends:
            self.ends[seen.sender] = Sender(offset)
        return self.ends[seen.sender]

    def sent(self, side: Sender, seen: Seen, lossy: bool) -> str:
        """Take a segment with something in it; why that is wrong, or nothing."""
        start, nxt = side.sends(seen)
        if start > nxt:
            return "" if lossy else f"{start - nxt} bytes before it are not there"
        if start == nxt:
            return ""
        if side.was_missing(start, start + seen.size):
            return "" if lossy else "what was missing"
        answer = seen.syn and seen.ack is not None and self.syn_again
        self.syn_again = seen.syn and seen.ack is None
        why = "" if answer else _unexplained(side, seen, start, nxt)  # a SYN again: SYN,ACK again
        return why and f"a repeat {why}"


def _clocks(segments: Sequence[Seen]) -> dict[tuple[int, tuple[str, str]], float]:
    """For each sender the least difference between capture and timestamp: of what was taken at once."""
    offsets: dict[tuple[int, tuple[str, str]], float] = {}
    for seen in segments:
        if seen.tsval is not None:
            key, offset = (seen.stream, seen.sender), seen.time - seen.tsval / 1000
            offsets[key] = min(offset, offsets.get(key, offset))
    return offsets


def wrong(segments: Sequence[Seen], flooded: bool = False) -> Iterator[tuple[int, str]]:
    """Frames that nothing explains on a link that loses nothing: (number, why).

    ``flooded``: the queue towards us may have overflown, so that a hole in what the other side sends, and
    what fills it, is no fault.
    """
    offsets = _clocks(segments)
    streams: dict[int, Stream] = {}
    for seen in segments:
        stream = streams.setdefault(seen.stream, Stream())
        side = stream.sender(seen, offsets.get((seen.stream, seen.sender)))
        for name, other in stream.ends.items():
            if name != seen.sender and (why := other.acknowledged(seen)):
                yield seen.frame, why
        if seen.size and (why := stream.sent(side, seen, flooded and seen.inward)):
            yield seen.frame, why
