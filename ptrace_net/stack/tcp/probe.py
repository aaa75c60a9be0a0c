"""Tail loss probes (RFC 8985, 7): what to do when the end of a flight, or the only ACK of it, is lost.

After two round trips of silence one segment is sent, new or the last one again; its acknowledgment shows what
is missing long before the retransmission timer would run out.
"""

from .recovery import Phase
from .tcb import Tcb
from .timers import Timer
from .transmit import push, resend


def send_probe_segment(tcb: Tcb, now: float) -> None:
    """The probe timer ran out."""
    snd = tcb.snd
    if tcb.recovery.phase is not Phase.OPEN or snd.nxt == snd.una:
        return
    before = snd.nxt
    push(tcb, now)
    snd.probe_resent = snd.nxt == before
    if snd.probe_resent:
        resend(tcb, max(snd.una, snd.nxt - snd.mss), snd.nxt, now)
    snd.probe_end = snd.nxt
    tcb.recovery.probe_end = snd.nxt
    tcb.timers.stop(Timer.PROBE)
    tcb.timers.set(Timer.RETRANSMIT, now + tcb.rtt.timeout)


def acknowledged(tcb: Tcb, duplicate: bool, now: float) -> None:
    """Something was acknowledged; ``duplicate``: the peer had the probe's data before (D-SACK)."""
    snd = tcb.snd
    if snd.probe_end is None or snd.una < snd.probe_end:
        return
    if snd.probe_resent and not duplicate and tcb.recovery.phase is Phase.OPEN:
        tcb.congestion.on_loss(max(snd.nxt - snd.una, snd.mss), now)  # the probe has repaired a loss
    snd.probe_end = None
