"""Sending: what may go out now, and the segments that carry it.

``output`` is run whenever something changed: it resends what is lost, sends new data as far as the windows
allow (Nagle, cork and silly-window avoidance decide about small segments), then the acknowledgment that is
still owed.  Where the device segments, one call builds up to 64 KB.
"""

from ..frame import Buffer
from . import options, segment
from .options import Options
from .recovery import Phase
from .segment import ACK, FIN, PSH, RST, SYN
from .sequence import MASK
from .states import TRANSMITTING, State
from .tcb import Tcb
from .timers import Timer

MAX_WINDOW = 0xFFFF
_PROBE_SLACK = 0.01  # a peer on a busy machine is not a lossy link
_WORST_ACK_DELAY = 0.2  # a single segment may wait for a delayed acknowledgment


def timestamp(tcb: Tcb, now: float) -> int:
    """This connection's timestamp clock: milliseconds from a secret offset."""
    return (int(now * 1000) + tcb.ts_offset) & MASK


def output(tcb: Tcb, now: float) -> None:
    """Send all that may be sent."""
    if tcb.state in TRANSMITTING:
        resend_lost(tcb, now)
        _send_new(tcb, now)
        _arm(tcb, now)
    if tcb.rcv.ack_now and tcb.state is not State.CLOSED:
        send_ack(tcb, now)


# -- segments -----------------------------------------------------------------------------------------


def send_segment(tcb: Tcb, position: int, flags: int, payload: Buffer, now: float) -> None:
    """One frame with ACK; it may stand for several segments where the device splits them."""
    rcv = tcb.rcv
    opts = options.pack_timestamps(timestamp(tcb, now), rcv.ts_recent) if tcb.ts_on else b""
    if tcb.recovery.sack and not payload and (rcv.duplicate or len(rcv.ooo)):
        opts += _sack_option(tcb)
    window = _offer_window(tcb)
    _emit(tcb, position, flags | ACK, window, opts, payload, now)
    rcv.last_ack = rcv.nxt
    rcv.ack_now = False
    tcb.timers.stop(Timer.DELAYED_ACK)


def _sack_option(tcb: Tcb) -> bytes:
    """What arrived again first (D-SACK, RFC 2883), then what waits for its turn."""
    rcv = tcb.rcv
    first = [rcv.duplicate] if rcv.duplicate else []
    rcv.duplicate = None
    blocks = [*first, *rcv.ooo.blocks((3 if tcb.ts_on else 4) - len(first))]
    return options.pack_sack([(left & MASK, right & MASK) for left, right in blocks])


def _emit(
    tcb: Tcb, position: int, flags: int, window: int, opts: bytes, payload: Buffer, now: float
) -> None:
    flow, counters, size = tcb.flow, tcb.counters, len(payload)
    partial = flow.interface.offload.tx_checksum
    ack = tcb.rcv.nxt & MASK if flags & ACK else 0
    head = segment.header(tcb.ends, position & MASK, ack, flags, window, opts, payload, partial)
    gso_size = tcb.snd.mss if size > tcb.snd.mss else 0
    flow.send(head, payload, now, gso_size, segment.CHECKSUM_OFFSET if partial else None)
    count = -(-size // tcb.snd.mss) if size else 1
    counters.segs_out += count
    if size:
        counters.data_segs_out += count
        counters.bytes_sent += size
        tcb.snd.last_sent = now


def send_ack(tcb: Tcb, now: float) -> None:
    send_segment(tcb, tcb.snd.nxt, 0, b"", now)


def send_probe(tcb: Tcb, now: float) -> None:
    """A segment from before the window, which the peer has to acknowledge (keep-alive, zero window)."""
    send_segment(tcb, tcb.snd.una - 1, 0, b"", now)


def send_reset(tcb: Tcb, now: float) -> None:
    _emit(tcb, tcb.snd.nxt, RST | ACK, 0, b"", b"", now)


def send_syn(tcb: Tcb, flags: int, now: float) -> None:
    """SYN, or SYN with ACK; the first time or again."""
    config, rcv = tcb.config, tcb.rcv
    answering = bool(flags & ACK)
    offered = Options(
        mss=min(tcb.flow.mtu, 65535) - tcb.flow.header_length - segment.HEADER_LENGTH,
        wscale=rcv.wscale if config.window_scaling and (not answering or tcb.snd.wscale >= 0) else None,
        sack_permitted=tcb.recovery.sack if answering else config.sack,
        ts_val=timestamp(tcb, now) if (tcb.ts_on if answering else config.timestamps) else None,
        ts_ecr=rcv.ts_recent if answering else 0,
    )
    window = min(rcv.buffer.free, MAX_WINDOW)
    rcv.edge = max(rcv.edge, rcv.nxt + window)
    _emit(tcb, tcb.snd.iss, flags | SYN, window, options.pack_syn(offered), b"", now)
    tcb.snd.nxt = max(tcb.snd.nxt, tcb.snd.iss + 1)
    rcv.last_ack = rcv.nxt
    rcv.ack_now = False


def _offer_window(tcb: Tcb) -> int:
    """The window field; the right edge never moves left and moves right in worthwhile steps only."""
    rcv = tcb.rcv
    target = rcv.nxt + rcv.buffer.free
    if target >= rcv.edge + min(tcb.snd.mss, rcv.buffer.limit // 2):
        rcv.edge = target
    shift = rcv.wscale
    field = min(-(-(rcv.edge - rcv.nxt) >> shift), MAX_WINDOW)
    rcv.edge = rcv.nxt + (field << shift)
    return field


# -- retransmission -----------------------------------------------------------------------------------


def resend_lost(tcb: Tcb, now: float, forced: bool = False) -> None:
    """Send again what recovery holds for lost, within the congestion window; ``forced``: one at least."""
    recovery, snd = tcb.recovery, tcb.snd
    if recovery.lost_edge <= snd.una:
        return
    quota = tcb.congestion.cwnd - recovery.pipe(snd.una, snd.nxt)
    while quota >= snd.mss or forced:
        limit = max(1, min(quota, snd.burst) // snd.mss) * snd.mss
        lost = recovery.next_lost(snd.una, limit)
        if lost is None:
            return
        if lost[0] == snd.una:
            tcb.timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)
        resend(tcb, *lost, now)
        recovery.resent(*lost, snd.nxt)
        quota -= lost[1] - lost[0]
        forced = False


def resend(tcb: Tcb, start: int, end: int, now: float) -> None:
    """Positions start..end once more; SYN and FIN included where they lie within."""
    snd = tcb.snd
    tcb.counters.retransmits += 1
    snd.timed = None
    if start == snd.iss:
        send_syn(tcb, 0 if tcb.state is State.SYN_SENT else ACK, now)
        return
    fin = snd.fin_at is not None and end > snd.fin_at
    stop = end - 1 if fin else end
    payload = snd.buffer.peek(start, stop - start) if stop > start else b""
    tcb.counters.bytes_retrans += len(payload)
    send_segment(tcb, start, FIN if fin else PSH if stop == snd.buffer.end else 0, payload, now)


# -- new data -----------------------------------------------------------------------------------------


def _send_new(tcb: Tcb, now: float) -> None:
    snd = tcb.snd
    buffer = snd.buffer
    if snd.nxt > buffer.end or (snd.nxt == buffer.end and snd.fin_at is None):
        snd.cwnd_limited = False
        return
    if snd.una == snd.nxt and now - snd.last_sent > tcb.rtt.rto:
        tcb.congestion.on_idle()
    usable = snd.una + snd.wnd - snd.nxt
    quota = tcb.congestion.cwnd - tcb.recovery.pipe(snd.una, snd.nxt)
    while snd.nxt < buffer.end:
        size = _next_size(tcb, buffer.end - snd.nxt, usable, quota, now)
        if not size:
            break
        _send_data(tcb, size, now)
        usable -= size
        quota -= size
    snd.cwnd_limited = snd.nxt < buffer.end and quota < snd.mss <= usable
    if snd.nxt == snd.fin_at and usable > 0:
        _advance(tcb, 1, now)
        send_segment(tcb, snd.nxt - 1, FIN, b"", now)


def _next_size(tcb: Tcb, pending: int, usable: int, quota: int, now: float) -> int:
    """How many bytes the next frame takes; 0: wait for an acknowledgment, a window, or more data."""
    snd = tcb.snd
    size = min(pending, usable, quota, snd.burst)
    if size <= 0:
        return 0
    whole = size // snd.mss * snd.mss
    if size == whole:
        return size
    if size == pending:
        return whole if _holds_tail(tcb, now) else size
    if whole or snd.nxt > snd.una or quota < snd.mss:
        return whole
    # a window smaller than a segment is worth it only if it is half of the largest ever (RFC 9293, 3.8.6.2.1)
    return size if 0 < snd.max_wnd // 2 <= size else 0


def _holds_tail(tcb: Tcb, now: float) -> bool:
    """Whether a last segment that is not full waits: corked, or Nagle with a small one unacknowledged."""
    snd, opts = tcb.snd, tcb.opts
    if snd.fin_at is not None:
        return False
    if opts.cork:
        if not tcb.timers.running(Timer.CORK):
            tcb.timers.set(Timer.CORK, now + tcb.config.cork_time)
        return True
    return not opts.nodelay and snd.small > snd.una


def _send_data(tcb: Tcb, size: int, now: float) -> None:
    snd = tcb.snd
    start = snd.nxt
    payload = snd.buffer.peek(start, size)
    last = start + size == snd.buffer.end
    fin = last and snd.fin_at is not None and snd.una + snd.wnd > start + size
    if size % snd.mss:
        snd.small = start + size
    _advance(tcb, size + fin, now)
    send_segment(tcb, start, (PSH if last else 0) | (FIN if fin else 0), payload, now)


def _advance(tcb: Tcb, size: int, now: float) -> None:
    snd = tcb.snd
    if snd.una == snd.nxt:
        snd.stalled_since = now
    snd.nxt += size
    if snd.timed is None and tcb.recovery.phase is Phase.OPEN:
        snd.timed = (snd.nxt, now)
    schedule_probe(tcb, now)


def schedule_probe(tcb: Tcb, now: float) -> None:
    """Two round trips from now, a tail loss probe (RFC 8985, 7.2), unless the timeout comes first."""
    snd, rtt, recovery = tcb.snd, tcb.rtt, tcb.recovery
    if not recovery.sack or recovery.phase is not Phase.OPEN or rtt.srtt is None or snd.probe_end is not None:
        return
    delay = 2 * rtt.srtt + (_WORST_ACK_DELAY if snd.nxt - snd.una <= snd.mss else _PROBE_SLACK)
    if delay < rtt.timeout:
        tcb.timers.set(Timer.PROBE, now + delay)


def push(tcb: Tcb, now: float) -> None:
    """Send what is held back, as far as the window goes: the cork or persist timer ran out."""
    snd = tcb.snd
    size = min(snd.buffer.end - snd.nxt, snd.una + snd.wnd - snd.nxt, snd.mss)
    if size > 0:
        _send_data(tcb, size, now)
        _arm(tcb, now)


def _arm(tcb: Tcb, now: float) -> None:
    """Something in flight: the retransmission timer.  Something to send and a closed window: persist."""
    snd, timers = tcb.snd, tcb.timers
    if snd.nxt > snd.una:
        timers.stop(Timer.PERSIST)
        if not timers.running(Timer.RETRANSMIT):
            timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)
        return
    timers.stop(Timer.RETRANSMIT)
    timers.stop(Timer.PROBE)
    waiting = snd.nxt < snd.buffer.end or snd.nxt == snd.fin_at
    if not waiting:
        timers.stop(Timer.PERSIST)
    elif not timers.running(Timer.PERSIST) and not timers.running(Timer.CORK):
        snd.stalled_since = snd.stalled_since or now
        timers.set(Timer.PERSIST, now + tcb.rtt.timeout)
