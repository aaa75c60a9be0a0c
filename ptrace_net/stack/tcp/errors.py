"""ICMP errors about segments of ours (RFC 5927, RFC 5461), and the path MTU that some of them tell."""

import errno
from typing import TYPE_CHECKING

from ..handle import Handle
from ..icmp import ICMP_DEST_UNREACH
from ..packet import ErrorReport
from . import arrival, transition
from .recovery import Phase
from .sequence import unwrap
from .states import Event, State
from .tcb import Tcb

if TYPE_CHECKING:
    from ..host import Host


def tcp_error(host: "Host", report: ErrorReport, now: float) -> None:
    """Whatever it is, it ends an attempt to connect (tcp_v4_err); a connection that times out tells it.

    For what the peer has begun see ``_ends_request``.
    """
    if len(report.payload) < 8:
        return
    key = report.dst + report.src + bytes(report.payload[2:4]) + bytes(report.payload[:2])
    tcb = host.tcp.connections.get(key)
    if tcb is None:
        return
    seq = unwrap(int.from_bytes(report.payload[4:8], "big"), tcb.snd.una)
    if not tcb.snd.una <= seq <= tcb.snd.nxt:
        return
    if report.errno == errno.EMSGSIZE:
        _shrink(host, tcb, now)
        return
    if isinstance(tcb.owner, Handle):
        tcb.owner.report(report)
    if tcb.state is State.SYN_RECEIVED and tcb.listener is not None:
        if seq == tcb.snd.iss and _ends_request(report):
            transition.step(tcb, Event.GIVE_UP, now, report.errno)
    elif tcb.state in (State.SYN_SENT, State.SYN_RECEIVED):
        transition.step(tcb, Event.GIVE_UP, now, report.errno)
    else:
        tcb.soft_error = report.errno


def _ends_request(report: ErrorReport) -> bool:
    """Whether nobody waits any more for the answer to a listener's SYN-ACK (tcp_req_err): of IPv4's errors a
    closed port, for one, does not say so.
    """
    if report.version == 6:
        return report.fatal
    return report.type != ICMP_DEST_UNREACH or report.code <= 1  # ICMP_NET_UNREACH, ICMP_HOST_UNREACH


def _shrink(host: "Host", tcb: Tcb, now: float) -> None:
    """The path MTU became smaller: cut differently and send again what was too big (RFC 1191, 6.4)."""
    mtu = host.path_mtu.lookup(tcb.ends.dst, tcb.flow.interface.mtu, now)
    if mtu >= tcb.flow.mtu:
        return
    tcb.flow.mtu = mtu
    arrival.set_segment_size(tcb)
    if tcb.state is not State.SYN_SENT and tcb.recovery.phase is Phase.OPEN:
        tcb.recovery.on_timeout(tcb.snd.una, tcb.snd.nxt)
    tcb.layer.touch(tcb)
