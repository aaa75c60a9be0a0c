"""What happens when a timer runs out."""

import errno
from collections.abc import Callable

from . import transition
from .probe import send_probe_segment
from .recovery import Phase
from .states import Event, State
from .tcb import Tcb
from .timers import Timer
from .transmit import push, resend, resend_lost, send_ack, send_probe, send_reset

_HANDSHAKE = (State.SYN_SENT, State.SYN_RECEIVED)


def run(tcb: Tcb, now: float) -> None:
    """Act on every timer that is due."""
    for timer in tcb.timers.due(now):
        if tcb.state is not State.CLOSED:
            _HANDLERS[timer](tcb, now)


def put_off(tcb: Tcb, now: float, late: float) -> None:
    """What was sent at ``now`` left later: so do its timers run out, and its round trip began then."""
    for timer in (Timer.RETRANSMIT, Timer.PROBE):
        tcb.timers.set(timer, tcb.timers.at[timer] + late)
    if tcb.snd.timed is not None and tcb.snd.timed[1] == now:
        tcb.snd.timed = (tcb.snd.timed[0], now + late)


def _limit(tcb: Tcb) -> int:
    """How often a segment is sent again before the connection is given up."""
    if tcb.state is State.SYN_SENT:
        return tcb.config.syn_retries
    if tcb.state is State.SYN_RECEIVED:
        return tcb.config.synack_retries
    return tcb.config.orphan_retries if tcb.orphan else tcb.config.retries


def _give_up(tcb: Tcb, now: float) -> None:
    transition.step(tcb, Event.GIVE_UP, now, tcb.soft_error or errno.ETIMEDOUT)


def _exhausted(tcb: Tcb, now: float) -> bool:
    """Whether the retries, or TCP_USER_TIMEOUT, are used up."""
    timeout = tcb.opts.user_timeout
    if timeout and tcb.state not in _HANDSHAKE:
        return now - tcb.snd.stalled_since >= timeout
    return tcb.snd.retries >= _limit(tcb)


def _retransmit(tcb: Tcb, now: float) -> None:
    snd, recovery = tcb.snd, tcb.recovery
    if _exhausted(tcb, now):
        _give_up(tcb, now)
        return
    snd.retries += 1
    snd.probe_end = None
    tcb.timers.stop(Timer.PROBE)
    tcb.rtt.back_off()
    if tcb.state in _HANDSHAKE:
        resend(tcb, snd.iss, snd.iss + 1, now)
    else:
        if recovery.phase is not Phase.LOSS:
            tcb.congestion.on_timeout(snd.nxt - snd.una, now)
        recovery.on_timeout(snd.una, snd.nxt)
        resend_lost(tcb, now, forced=True)
    tcb.timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)


def _delayed_ack(tcb: Tcb, now: float) -> None:
    send_ack(tcb, now)


def _persist(tcb: Tcb, now: float) -> None:
    """Ask for the window; a peer that answers may keep it closed for ever (RFC 9293, 3.8.6.1)."""
    silent = now - max(tcb.rcv.last_arrival, tcb.snd.stalled_since)
    if _exhausted(tcb, now) and silent >= tcb.rtt.timeout:
        _give_up(tcb, now)
        return
    tcb.snd.retries += 1
    tcb.rtt.back_off()
    if tcb.snd.wnd and tcb.snd.nxt < tcb.snd.buffer.end:
        push(tcb, now)
    else:
        send_probe(tcb, now)
        tcb.timers.set(Timer.PERSIST, now + tcb.rtt.timeout)


def _keepalive(tcb: Tcb, now: float) -> None:
    opts, config = tcb.opts, tcb.config
    idle = opts.keepalive_time or config.keepalive_time
    interval = opts.keepalive_interval or config.keepalive_interval
    quiet = now - max(tcb.rcv.last_arrival, tcb.snd.last_sent)
    if quiet < idle or tcb.snd.nxt > tcb.snd.una:
        tcb.timers.set(Timer.KEEPALIVE, now + (idle - quiet if quiet < idle else interval))
        return
    if tcb.keepalive_probes >= (opts.keepalive_probes or config.keepalive_probes):
        send_reset(tcb, now)
        _give_up(tcb, now)
        return
    tcb.keepalive_probes += 1
    send_probe(tcb, now)
    tcb.timers.set(Timer.KEEPALIVE, now + interval)


def _cork(tcb: Tcb, now: float) -> None:
    push(tcb, now)


def _linger(tcb: Tcb, now: float) -> None:
    transition.step(tcb, Event.EXPIRE, now)


_HANDLERS: dict[Timer, Callable[[Tcb, float], None]] = {
    Timer.RETRANSMIT: _retransmit,
    Timer.DELAYED_ACK: _delayed_ack,
    Timer.PERSIST: _persist,
    Timer.KEEPALIVE: _keepalive,
    Timer.CORK: _cork,
    Timer.PROBE: send_probe_segment,
    Timer.LINGER: _linger,
}
