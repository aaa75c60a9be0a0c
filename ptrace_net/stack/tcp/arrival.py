"""A segment arrives for a connection: the checks of RFC 9293, 3.10.7 in their order.

PAWS, sequence, RST, SYN, ACK, data, FIN.  Blind attacks are answered as RFC 5961 asks: a reset or SYN inside
the window that is not exact gets a challenge ACK.
"""

import errno

from . import acknowledge, transition
from .receive import accept_data
from .segment import ACK, FIN, RST, SYN, Segment
from .sequence import MASK, later, unwrap
from .states import Event, State
from .tcb import Tcb
from .timers import Timer
from .transmit import resend, send_ack

_SOON = 0.008  # TCP_TIMEOUT_MIN
_PAWS_LIFETIME = 24 * 86400.0


def segment_arrives(tcb: Tcb, seg: Segment, now: float) -> None:
    """Process ``seg``; afterwards ``transmit.output`` is due."""
    tcb.counters.segs_in += 1
    tcb.keepalive_probes = 0
    tcb.rcv.last_arrival = now
    if tcb.state is State.SYN_SENT:
        _in_syn_sent(tcb, seg, now)
        return
    seq = unwrap(seg.seq, tcb.rcv.nxt)
    if tcb.state is State.TIME_WAIT and _reopens(tcb, seg, seq):
        transition.step(tcb, Event.RCV_SYN, now)
        tcb.layer.reopen(tcb, seg, now)
        return
    if not _acceptable(tcb, seg, seq, now):
        _refuse(tcb, seg, seq, now)
    elif seg.flags & RST:
        _reset(tcb, seq, now)
    elif seg.flags & SYN:
        _unexpected_syn(tcb, seg, seq, now)
    elif seg.flags & ACK:
        _acknowledged(tcb, seg, seq, now)


def negotiate(tcb: Tcb, seg: Segment, now: float) -> None:
    """Take the peer's sequence number, window and options from its SYN."""
    offered, snd, rcv, config = seg.options, tcb.snd, tcb.rcv, tcb.config
    rcv.irs = seg.seq
    rcv.nxt = rcv.last_ack = seg.seq + 1
    rcv.edge = rcv.nxt + min(rcv.buffer.free, 0xFFFF)
    snd.peer_mss = max(offered.mss or snd.peer_mss, 48)
    scaling = offered.wscale is not None and config.window_scaling
    snd.wscale = offered.wscale if scaling and offered.wscale is not None else -1
    if not scaling:
        rcv.wscale = 0
    tcb.ts_on = offered.ts_val is not None and config.timestamps
    if offered.ts_val is not None:
        rcv.ts_recent, rcv.ts_recent_at = offered.ts_val, now
    tcb.recovery.sack = offered.sack_permitted and config.sack
    snd.wnd = snd.max_wnd = seg.window
    snd.wl1, snd.wl2 = rcv.nxt, snd.una
    set_segment_size(tcb)


def set_segment_size(tcb: Tcb) -> None:
    """The MSS is known, or has changed: tell congestion control and recovery."""
    tcb.size_segments()
    if tcb.congestion.mss != tcb.snd.mss:
        tcb.congestion.set_mss(tcb.snd.mss)
    tcb.recovery.mss = tcb.snd.mss


def _in_syn_sent(tcb: Tcb, seg: Segment, now: float) -> None:
    snd = tcb.snd
    acked = bool(seg.flags & ACK)
    if acked and unwrap(seg.ack, snd.iss) != snd.iss + 1:
        if not snd.retries:  # an old connection is in the way: our reset clears it, so ask again soon
            tcb.timers.set(Timer.RETRANSMIT, now + _SOON)
        if not seg.flags & RST:
            tcb.layer.reset(tcb.flow, tcb.ends, seg, now)
        return
    if seg.flags & RST:
        if acked:
            transition.step(tcb, Event.RCV_RST, now, errno.ECONNREFUSED)
        return
    if not seg.flags & SYN:
        return
    negotiate(tcb, seg, now)
    if not acked:
        transition.step(tcb, Event.RCV_SYN, now)  # simultaneous open
        return
    acknowledge.process(tcb, seg, tcb.rcv.irs, now)
    transition.step(tcb, Event.RCV_SYN_ACK, now)
    if seg.payload or seg.flags & FIN:
        accept_data(tcb, seg, tcb.rcv.irs + 1, now)


def _reopens(tcb: Tcb, seg: Segment, seq: int) -> bool:
    """A new SYN for an old pair of ports, beyond the old connection (RFC 9293, 3.6.1; RFC 6191)."""
    if seg.flags & (SYN | RST | ACK) != SYN:
        return False
    if tcb.ts_on and seg.options.ts_val is not None:
        return later(seg.options.ts_val, tcb.rcv.ts_recent) or seq > tcb.rcv.nxt
    return seq > tcb.rcv.nxt


def _acceptable(tcb: Tcb, seg: Segment, seq: int, now: float) -> bool:
    """PAWS and the sequence check; notes the timestamp to echo."""
    rcv = tcb.rcv
    end = seq + seg.length
    if tcb.ts_on and seg.options.ts_val is not None:
        old = later(rcv.ts_recent, seg.options.ts_val) and now - rcv.ts_recent_at < _PAWS_LIFETIME
        if old and not seg.flags & RST:
            return False
        if not old and seq <= rcv.last_ack <= end:
            rcv.ts_recent, rcv.ts_recent_at = seg.options.ts_val, now
    return end >= rcv.last_ack and seq <= rcv.edge


def _refuse(tcb: Tcb, seg: Segment, seq: int, now: float) -> None:
    """An unacceptable segment is answered with where we are, never a reset."""
    if seg.flags & RST:
        return
    if seg.length:
        if seg.payload and seq < tcb.rcv.nxt:
            tcb.rcv.duplicate = (seq, min(seq + len(seg.payload), tcb.rcv.nxt))
        send_ack(tcb, now)
    else:
        transition.challenge(tcb, now)


def _reset(tcb: Tcb, seq: int, now: float) -> None:
    """Only an exact reset is believed (RFC 5961, 3.2)."""
    if seq == tcb.rcv.nxt:
        transition.step(tcb, Event.RCV_RST, now, transition.reset_error(tcb.state))
    else:
        transition.challenge(tcb, now)


def _unexpected_syn(tcb: Tcb, seg: Segment, seq: int, now: float) -> None:
    """The peer repeats its SYN: bare, as it missed our SYN-ACK, or with ACK in a simultaneous open.

    Any other is challenged.
    """
    repeated = tcb.state is State.SYN_RECEIVED and seg.seq == tcb.rcv.irs & MASK
    if repeated and not seg.flags & ACK:
        resend(tcb, tcb.snd.iss, tcb.snd.iss + 1, now)
    elif repeated:
        if acknowledge.process(tcb, seg, seq, now) and tcb.snd.una > tcb.snd.iss:
            transition.step(tcb, Event.RCV_SYN_ACK, now)
    elif tcb.state is State.TIME_WAIT:
        transition.challenge(tcb, now)
    else:
        transition.step(tcb, Event.RCV_SYN, now)


def _acknowledged(tcb: Tcb, seg: Segment, seq: int, now: float) -> None:
    """The ACK, then data and FIN."""
    if tcb.state is State.SYN_RECEIVED:
        ack = unwrap(seg.ack, tcb.snd.una)
        if not tcb.snd.una < ack <= tcb.snd.nxt:
            tcb.layer.reset(tcb.flow, tcb.ends, seg, now)
            return
        if not tcb.layer.can_establish(tcb):
            return
    waiting = tcb.state is State.SYN_RECEIVED
    if not acknowledge.process(tcb, seg, seq, now):
        return
    if waiting:
        transition.step(tcb, Event.RCV_ACK, now)
    if (seg.payload or seg.flags & FIN) and tcb.state is not State.CLOSED:
        accept_data(tcb, seg, seq, now)
