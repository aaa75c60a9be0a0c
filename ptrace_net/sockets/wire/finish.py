"""The end of a run: what its programs wrote before they ended is still delivered, as the kernel does it."""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING

from ptrace_net.stack.tcp.states import State

if TYPE_CHECKING:
    from collections.abc import Sized

    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.tcp.tcb import Tcb

PATIENCE = 8.0  # seconds without progress: some retransmissions
_ENDING = (State.FIN_WAIT_1, State.CLOSING, State.LAST_ACK)


def finish(lane: Lane, ends: Sized) -> None:
    """Serve until the ``ends`` are empty and all is acknowledged, or the peers are silent."""
    before, since = None, time.monotonic()
    while True:
        lane.serve()
        now, waiting = time.monotonic(), _unacknowledged(lane)
        if not waiting and not len(ends):
            return
        progress = len(ends), sum(tcb.snd.una for tcb in waiting)
        if progress != before:
            before, since = progress, now
        elif now - since > PATIENCE:
            return
        due = lane.attached.deadline()
        wait = PATIENCE if due is None else min(PATIENCE, max(0.0, due - now))
        select.select(lane.attached.descriptors(), [], [], wait)


def _unacknowledged(lane: Lane) -> list[Tcb]:
    """Connections whose peers have not acknowledged everything yet."""
    return [
        tcb
        for tcb in lane.host.tcp.connections.values()
        if tcb.state in _ENDING or (len(tcb.snd.buffer) and tcb.state is not State.TIME_WAIT)
    ]
