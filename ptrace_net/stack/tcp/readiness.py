"""What poll(2) says of a connection (``tcp_poll`` in net/ipv4/tcp.c)."""

from .states import SENDING, State
from .tcb import Tcb
from .wakeups import POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDHUP


def readiness(tcb: Tcb | None) -> int:
    """The bits for a connection, or for a handle that has none."""
    if tcb is None:
        return POLLOUT | POLLHUP
    mask = POLLERR if tcb.error else 0
    if tcb.state is State.SYN_SENT:
        return mask
    if tcb.at_end:
        mask |= POLLIN | POLLRDHUP
    if tcb.state is State.CLOSED or (tcb.at_end and tcb.snd.fin_at is not None):
        mask |= POLLHUP
    if tcb.readable:
        mask |= POLLIN
    if tcb.snd.fin_at is not None or tcb.state not in SENDING or tcb.snd.buffer.room:
        mask |= POLLOUT
    return mask
