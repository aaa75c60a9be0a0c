"""Performing the cells of the state table: one small function for each action.

``step`` is the only place that changes ``tcb.state``.
"""

import errno
from collections.abc import Callable

from .segment import ACK
from .states import TABLE, Action, Cell, Event, State
from .tcb import Tcb
from .timers import Timer
from .transmit import send_ack, send_reset, send_syn
from .wakeups import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP


def step(tcb: Tcb, event: Event, now: float, error: int = 0) -> Cell:
    """Look up the cell, change state, act.  ``error`` is the errno that a FAIL reports."""
    cell = TABLE[tcb.state][event]
    tcb.error = tcb.error or (error if Action.FAIL in cell.actions else 0)
    tcb.state = cell.next
    for action in cell.actions:
        _ACTIONS[action](tcb, now)
    tcb.layer.touch(tcb)
    return cell


def challenge(tcb: Tcb, now: float) -> None:
    """A challenge ACK (RFC 5961), within the limits: two a second here, and one on all together."""
    if now >= tcb.next_challenge and tcb.layer.allow_challenge(now):
        tcb.next_challenge = now + tcb.config.invalid_ratelimit
        send_ack(tcb, now)


def reset_error(state: State) -> int:
    """What a reset means to the user, by the state it hits (tcp_reset in net/ipv4/tcp_input.c)."""
    if state in (State.SYN_SENT, State.SYN_RECEIVED):
        return errno.ECONNREFUSED
    return errno.EPIPE if state is State.CLOSE_WAIT else errno.ECONNRESET


def _send_syn(tcb: Tcb, now: float) -> None:
    send_syn(tcb, 0, now)
    _handshake_timer(tcb, now)


def answer_syn(tcb: Tcb, now: float) -> None:
    """SYN-ACK, for a new connection of a listener or in a simultaneous open."""
    send_syn(tcb, ACK, now)
    _handshake_timer(tcb, now)


def _handshake_timer(tcb: Tcb, now: float) -> None:
    tcb.snd.timed = (tcb.snd.iss + 1, now)
    tcb.snd.stalled_since = now
    tcb.timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)


def _acknowledge(tcb: Tcb, now: float) -> None:
    tcb.rcv.ack_now = True


def _queue_fin(tcb: Tcb, now: float) -> None:
    tcb.snd.fin_at = tcb.snd.buffer.end


def _reset(tcb: Tcb, now: float) -> None:
    send_reset(tcb, now)


def _connected(tcb: Tcb, now: float) -> None:
    start_keepalive(tcb, now)
    tcb.layer.established(tcb)
    tcb.wake(POLLOUT)


def start_keepalive(tcb: Tcb, now: float) -> None:
    """Arm the keep-alive timer, where the user wants one."""
    if tcb.opts.keepalive:
        tcb.timers.set(Timer.KEEPALIVE, now + (tcb.opts.keepalive_time or tcb.config.keepalive_time))
    else:
        tcb.timers.stop(Timer.KEEPALIVE)


def _end_of_stream(tcb: Tcb, now: float) -> None:
    tcb.wake(POLLIN | POLLRDHUP)


def _fail(tcb: Tcb, now: float) -> None:
    tcb.rcv.shutdown = True
    tcb.wake(POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP)


def _linger(tcb: Tcb, now: float) -> None:
    """2MSL in TIME_WAIT; tcp_fin_timeout in FIN_WAIT_2, which only a closed socket leaves by time."""
    if tcb.state is State.TIME_WAIT:
        tcb.timers.clear()
        tcb.snd.buffer.clear()
        tcb.timers.set(Timer.LINGER, now + tcb.config.time_wait)
    elif tcb.orphan:
        timeout = tcb.config.fin_timeout if tcb.opts.fin_timeout is None else tcb.opts.fin_timeout
        tcb.timers.set(Timer.LINGER, now + timeout)


def _release(tcb: Tcb, now: float) -> None:
    tcb.timers.clear()
    tcb.snd.buffer.clear()
    tcb.layer.released(tcb)
    tcb.wake(POLLIN | POLLOUT | POLLHUP | POLLRDHUP)


def _by_caller(tcb: Tcb, now: float) -> None:
    """REFUSE, SPAWN and REOPEN concern more than the connection: who called ``step`` acts on the cell."""


_ACTIONS: dict[Action, Callable[[Tcb, float], None]] = {
    Action.SEND_SYN: _send_syn,
    Action.SEND_SYN_ACK: answer_syn,
    Action.SEND_ACK: _acknowledge,
    Action.SEND_FIN: _queue_fin,
    Action.SEND_RST: _reset,
    Action.CHALLENGE: challenge,
    Action.CONNECTED: _connected,
    Action.END_OF_STREAM: _end_of_stream,
    Action.FAIL: _fail,
    Action.LINGER: _linger,
    Action.RELEASE: _release,
    Action.REFUSE: _by_caller,
    Action.SPAWN: _by_caller,
    Action.REOPEN: _by_caller,
}
