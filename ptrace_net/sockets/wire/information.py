"""``struct tcp_info`` of a connection (linux/tcp.h), from what ``stack.tcp.info`` says."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.stack.tcp.info import TcpInfo

_LAYOUT = struct.Struct("=8B24I4Q6I4Q2I2Q4I")
_UNLIMITED = (1 << 64) - 1


def pack(info: TcpInfo) -> bytes:
    """The fields that the stack does not count are 0."""
    i = info
    return _LAYOUT.pack(
        i.tcpi_state, i.tcpi_ca_state, i.tcpi_retransmits, i.tcpi_probes, i.tcpi_backoff, i.tcpi_options,
        i.tcpi_snd_wscale | i.tcpi_rcv_wscale << 4, 0,
        i.tcpi_rto, i.tcpi_ato, i.tcpi_snd_mss, i.tcpi_rcv_mss, i.tcpi_unacked, i.tcpi_sacked, i.tcpi_lost,
        0, 0, i.tcpi_last_data_sent, 0, i.tcpi_last_data_recv, 0, i.tcpi_pmtu, 0, i.tcpi_rtt, i.tcpi_rttvar,
        i.tcpi_snd_ssthresh, i.tcpi_snd_cwnd, i.tcpi_advmss, 0, 0, i.tcpi_rcv_space, i.tcpi_total_retrans,
        _UNLIMITED, _UNLIMITED, i.tcpi_bytes_acked, i.tcpi_bytes_received,
        i.tcpi_segs_out, i.tcpi_segs_in, i.tcpi_notsent_bytes, i.tcpi_min_rtt, i.tcpi_data_segs_in,
        i.tcpi_data_segs_out,
        0, 0, 0, 0, 0, 0, i.tcpi_bytes_sent, i.tcpi_bytes_retrans,
        0, 0, 0, i.tcpi_snd_wnd,
    )  # fmt: skip
