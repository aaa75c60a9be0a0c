"""Processing the acknowledgment, SACK blocks and window of an acceptable segment (RFC 9293, 3.10.7.4)."""

from . import probe, transition
from .recovery import Phase
from .segment import Segment
from .sequence import MASK, later, unwrap
from .states import Event
from .tcb import Tcb
from .timers import Timer
from .transmit import resend_lost, schedule_probe, timestamp
from .wakeups import POLLOUT

_MAX_SANE_RTT = 600_000  # ms; an echoed timestamp from before that is not ours


def process(tcb: Tcb, seg: Segment, seq: int, now: float) -> bool:
    """Take the ACK of ``seg``; False where the rest of the segment is to be dropped."""
    snd = tcb.snd
    ack = unwrap(seg.ack, snd.una)
    if ack > snd.nxt or ack < snd.una - max(snd.max_wnd, 65535):
        transition.challenge(tcb, now)
        return False
    advanced = ack - snd.una
    news = _take_sack(tcb, seg, ack) if seg.options.sack and tcb.recovery.sack else False
    repeated = bool(seg.options.sack) and _is_duplicate_report(tcb, seg, ack)
    old_window = snd.wnd
    if ack >= snd.una:
        _update_window(tcb, seg, seq, ack)
    if advanced > 0:
        _advance(tcb, seg, ack, now)
    duplicate = advanced == 0 and not seg.length and snd.wnd == old_window and snd.nxt > snd.una
    if advanced > 0 or news or duplicate:
        _recover(tcb, advanced, duplicate or news, now)
        probe.acknowledged(tcb, repeated, now)
    if advanced > 0 and snd.fin_at is not None and snd.una > snd.fin_at:
        transition.step(tcb, Event.RCV_ACK_OF_FIN, now)
    return True


def _take_sack(tcb: Tcb, seg: Segment, ack: int) -> bool:
    """Note the blocks that lie in what is outstanding; whether they told anything new."""
    snd, board, news = tcb.snd, tcb.recovery.board, False
    for left, right in seg.options.sack:
        start, end = unwrap(left, snd.una), unwrap(right, snd.una)
        if max(ack, snd.una) <= start < end <= snd.nxt:
            news |= board.add(start, end)
    return news


def _is_duplicate_report(tcb: Tcb, seg: Segment, ack: int) -> bool:
    """Whether the first block is a D-SACK: it lies below the acknowledgment (RFC 2883, 4)."""
    return unwrap(seg.options.sack[0][1], tcb.snd.una) <= ack


def _update_window(tcb: Tcb, seg: Segment, seq: int, ack: int) -> None:
    """A repeated segment may open the window, or close it, but not narrow it (tcp_may_update_window)."""
    snd = tcb.snd
    window = seg.window << max(snd.wscale, 0)
    newer = seq > snd.wl1 or (seq == snd.wl1 and ack > snd.wl2)
    if newer or (seq == snd.wl1 and ack == snd.wl2 and (window > snd.wnd or not window)):
        if window and not snd.wnd:
            tcb.timers.stop(Timer.PERSIST)
            tcb.rtt.progress()
            snd.retries = 0
        snd.wnd, snd.wl1, snd.wl2 = window, seq, ack
        snd.max_wnd = max(snd.max_wnd, window)


def _advance(tcb: Tcb, seg: Segment, ack: int, now: float) -> None:
    """New data is acknowledged."""
    snd = tcb.snd
    _measure(tcb, seg, ack, now)
    snd.una = ack
    snd.buffer.acknowledge(ack)
    snd.retries = tcb.soft_error = 0
    snd.stalled_since = now
    if snd.nxt > ack:
        tcb.timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)
        schedule_probe(tcb, now)
    else:
        tcb.timers.stop(Timer.RETRANSMIT)
    if snd.want_room and snd.buffer.room * 3 >= snd.buffer.limit:
        snd.want_room = False
        tcb.wake(POLLOUT)


def _measure(tcb: Tcb, seg: Segment, ack: int, now: float) -> None:
    """A round trip: the timed segment, or the echo of a timestamp where that was resent."""
    timed = tcb.snd.timed
    if timed is not None:
        if ack >= timed[0]:
            tcb.rtt.sample(now - timed[1])
            tcb.snd.timed = None
        return
    tcb.rtt.progress()
    if tcb.ts_on and seg.options.ts_val is not None and not later(seg.options.ts_ecr, timestamp(tcb, now)):
        elapsed = (timestamp(tcb, now) - seg.options.ts_ecr) & MASK
        if seg.options.ts_ecr and elapsed < _MAX_SANE_RTT:
            tcb.rtt.sample(elapsed / 1000)


def _recover(tcb: Tcb, advanced: int, duplicate: bool, now: float) -> None:
    """Let recovery find out what is lost, and congestion control move its window."""
    snd, recovery = tcb.snd, tcb.recovery
    flight = snd.nxt - snd.una
    began = recovery.on_ack(snd.una, snd.nxt, advanced > 0, duplicate)
    if began:
        tcb.congestion.on_loss(flight, now)
        resend_lost(tcb, now, forced=True)
    elif advanced > 0 and not recovery.sack and recovery.phase is Phase.RECOVERY:
        resend_lost(tcb, now, forced=True)
    elif advanced > 0 and recovery.phase is not Phase.RECOVERY and (
        snd.cwnd_limited or recovery.phase is Phase.LOSS
    ):
        tcb.congestion.on_ack(advanced, now, tcb.rtt.srtt or tcb.rtt.rto)
