"""``struct tcp_info`` (linux/tcp.h), from the connection as it is.

Fields have the names and units of the header: microseconds for round trips, milliseconds for ages, segments
for the windows of congestion control.
"""

from dataclasses import dataclass

from .states import State
from .tcb import Tcb

TCPI_OPT_TIMESTAMPS, TCPI_OPT_SACK, TCPI_OPT_WSCALE = 1, 2, 4
_INFINITE_SSTHRESH = 0x7FFFFFFF


@dataclass(frozen=True, slots=True)
class TcpInfo:
    tcpi_state: int
    tcpi_ca_state: int
    tcpi_retransmits: int
    tcpi_probes: int
    tcpi_backoff: int
    tcpi_options: int
    tcpi_snd_wscale: int
    tcpi_rcv_wscale: int
    tcpi_rto: int
    tcpi_ato: int
    tcpi_snd_mss: int
    tcpi_rcv_mss: int
    tcpi_unacked: int
    tcpi_sacked: int
    tcpi_lost: int
    tcpi_last_data_sent: int
    tcpi_last_data_recv: int
    tcpi_pmtu: int
    tcpi_rtt: int
    tcpi_rttvar: int
    tcpi_snd_ssthresh: int
    tcpi_snd_cwnd: int
    tcpi_advmss: int
    tcpi_rcv_space: int
    tcpi_total_retrans: int
    tcpi_bytes_acked: int
    tcpi_bytes_received: int
    tcpi_segs_out: int
    tcpi_segs_in: int
    tcpi_notsent_bytes: int
    tcpi_min_rtt: int
    tcpi_data_segs_in: int
    tcpi_data_segs_out: int
    tcpi_bytes_sent: int
    tcpi_bytes_retrans: int
    tcpi_snd_wnd: int
    tcpi_rcv_wnd: int


def tcp_info(tcb: Tcb, now: float) -> TcpInfo:
    """The values at ``now``."""
    snd, rcv, rtt, counters = tcb.snd, tcb.rcv, tcb.rtt, tcb.counters
    mss = snd.mss
    recovery = tcb.recovery
    lost = max(0, recovery.lost_edge - max(snd.una, recovery.rexmit_edge))
    ssthresh = tcb.congestion.ssthresh
    return TcpInfo(
        tcpi_state=tcb.state.value,
        tcpi_ca_state=recovery.phase.value,
        tcpi_retransmits=snd.retries,
        tcpi_probes=tcb.keepalive_probes,
        tcpi_backoff=rtt.backoff,
        tcpi_options=_options(tcb),
        tcpi_snd_wscale=max(snd.wscale, 0),
        tcpi_rcv_wscale=rcv.wscale,
        tcpi_rto=_us(rtt.timeout),
        tcpi_ato=_us(tcb.config.delayed_ack),
        tcpi_snd_mss=mss,
        tcpi_rcv_mss=mss,
        tcpi_unacked=_segments(snd.nxt - snd.una, mss),
        tcpi_sacked=_segments(recovery.board.sacked, mss),
        tcpi_lost=_segments(lost, mss),
        tcpi_last_data_sent=_ms(now - snd.last_sent),
        tcpi_last_data_recv=_ms(now - rcv.last_arrival),
        tcpi_pmtu=tcb.flow.mtu,
        tcpi_rtt=_us(rtt.srtt or 0.0),
        tcpi_rttvar=_us(rtt.rttvar),
        tcpi_snd_ssthresh=ssthresh if ssthresh == _INFINITE_SSTHRESH else ssthresh // mss,
        tcpi_snd_cwnd=tcb.congestion.cwnd // mss,
        tcpi_advmss=min(tcb.flow.mtu, 65535) - tcb.flow.header_length - 20,
        tcpi_rcv_space=rcv.buffer.free,
        tcpi_total_retrans=counters.retransmits,
        tcpi_bytes_acked=max(0, snd.una - snd.iss - 1),
        tcpi_bytes_received=counters.bytes_received,
        tcpi_segs_out=counters.segs_out,
        tcpi_segs_in=counters.segs_in,
        tcpi_notsent_bytes=max(0, snd.buffer.end - snd.nxt),
        tcpi_min_rtt=_us(rtt.minimum) if rtt.srtt is not None else 0xFFFFFFFF,
        tcpi_data_segs_in=counters.data_segs_in,
        tcpi_data_segs_out=counters.data_segs_out,
        tcpi_bytes_sent=counters.bytes_sent,
        tcpi_bytes_retrans=counters.bytes_retrans,
        tcpi_snd_wnd=snd.wnd,
        tcpi_rcv_wnd=max(0, rcv.edge - rcv.nxt),
    )


def _options(tcb: Tcb) -> int:
    if tcb.state in (State.CLOSED, State.SYN_SENT):
        return 0
    bits = TCPI_OPT_TIMESTAMPS if tcb.ts_on else 0
    bits |= TCPI_OPT_SACK if tcb.recovery.sack else 0
    return bits | (TCPI_OPT_WSCALE if tcb.snd.wscale >= 0 else 0)


def _segments(size: int, mss: int) -> int:
    return -(-size // mss)


def _us(seconds: float) -> int:
    return int(seconds * 1_000_000)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)
