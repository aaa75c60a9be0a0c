"""Taking in data: trimming to the window, reassembly, FIN, and when to acknowledge (RFC 5681, 4.2)."""

import errno

from . import transition
from .segment import FIN, Segment
from .states import RECEIVING, Event, State
from .tcb import Tcb
from .timers import Timer
from .transmit import MAX_WINDOW, send_ack
from .wakeups import POLLIN


def accept_data(tcb: Tcb, seg: Segment, seq: int, now: float) -> None:
    """The payload and FIN of an acceptable segment at position ``seq``."""
    rcv = tcb.rcv
    size = len(seg.payload)
    if tcb.state not in RECEIVING:
        if seq < rcv.nxt or tcb.state is State.TIME_WAIT:
            _after_the_end(tcb, seg, now)
        return
    if size and tcb.orphan and seq + size > rcv.nxt:
        tcb.layer.reset(tcb.flow, tcb.ends, seg, now)  # data that nobody will read
        transition.step(tcb, Event.GIVE_UP, now, errno.ECONNRESET)
        return
    if seg.flags & FIN and rcv.fin_at is None and seq + size < rcv.edge + 1:
        rcv.fin_at = seq + size
    before = rcv.nxt
    unusual = False
    if size:
        _take(tcb, seg.payload, seq)
        unusual = _acknowledge(tcb, size, rcv.nxt - before, now)
    else:
        rcv.ack_now = True
    if rcv.nxt > before:
        tcb.wake(POLLIN)
    if rcv.nxt == rcv.fin_at:
        rcv.nxt += 1
        transition.step(tcb, Event.RCV_FIN, now)
    if unusual:
        send_ack(tcb, now)


def _after_the_end(tcb: Tcb, seg: Segment, now: float) -> None:
    """A segment that repeats what came before the peer's FIN, or the FIN itself."""
    if seg.flags & FIN:
        transition.step(tcb, Event.RCV_FIN, now)
    tcb.rcv.ack_now = True


def _take(tcb: Tcb, payload: memoryview, seq: int) -> None:
    """Queue what is new and inside the window."""
    rcv = tcb.rcv
    limit = rcv.edge if rcv.fin_at is None else min(rcv.edge, rcv.fin_at)
    if seq + len(payload) > limit:
        payload = payload[: max(0, limit - seq)]
    if seq > rcv.nxt:
        if payload:
            rcv.ooo.insert(seq, payload)
        return
    if seq < rcv.nxt:
        rcv.duplicate = (seq, min(seq + len(payload), rcv.nxt))
    payload = payload[rcv.nxt - seq :]
    if payload:
        _queue(tcb, payload)
        rcv.nxt += len(payload)
        if len(rcv.ooo):
            _queue_reassembled(tcb)


def _queue(tcb: Tcb, payload: memoryview) -> None:
    if not tcb.rcv.shutdown:
        tcb.rcv.buffer.append(payload)


def _queue_reassembled(tcb: Tcb) -> None:
    rcv = tcb.rcv
    rcv.nxt = rcv.ooo.take(rcv.nxt, rcv.buffer)
    if rcv.shutdown:
        rcv.buffer.clear()


def _acknowledge(tcb: Tcb, size: int, gained: int, now: float) -> bool:
    """Soon for every second full segment and at the start, else a little later.

    True for anything unusual, such as a gap: then every segment has its own acknowledgment.
    """
    rcv, counters = tcb.rcv, tcb.counters
    counters.data_segs_in += max(1, -(-size // tcb.snd.mss))
    counters.bytes_received += gained
    unusual = gained != size or len(rcv.ooo) > 0
    if unusual or rcv.nxt - rcv.last_ack >= 2 * tcb.snd.mss or rcv.quick > 0:
        rcv.quick = max(0, rcv.quick - 1)
        rcv.ack_now = True
    elif not tcb.timers.running(Timer.DELAYED_ACK):
        tcb.timers.set(Timer.DELAYED_ACK, now + tcb.config.delayed_ack)
    return unusual


def after_read(tcb: Tcb) -> bool:
    """The user has read: whether the window grew enough to say so (it doubled, as Linux has it)."""
    rcv = tcb.rcv
    offered, free = rcv.edge - rcv.nxt, min(rcv.buffer.free, MAX_WINDOW << rcv.wscale)
    if free >= 2 * offered and free - offered >= min(2 * tcb.snd.mss, rcv.buffer.limit // 2):
        rcv.ack_now = True
        return True
    return False
