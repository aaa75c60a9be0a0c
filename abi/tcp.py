"""Values of IPPROTO_TCP options: linux/tcp.h; tcp(7)."""

from ptrace_net.abi.constants.tcp import TCP_CA_STATE, TCP_STATE, TCPI_OPT
from ptrace_net.abi.kinds import Bytes, c_int, s32, storage, u8, u16, u32, u64
from ptrace_net.abi.layout import Field, Layout

_BITS = "bit-field: the first member lies in the low bits, on big-endian machines in the high ones"

tcp_info = Layout(
    "tcp_info", "linux/tcp.h", "TCP_INFO: the state and counters of a connection; times in µs unless said.",
    Field("tcpi_state", u8, "state", TCP_STATE),
    Field("tcpi_ca_state", u8, "congestion state", TCP_CA_STATE),
    Field("tcpi_retransmits", u8, "timeouts in a row without progress"),
    Field("tcpi_probes", u8, "unanswered window or keepalive probes"),
    Field("tcpi_backoff", u8, "doublings of the timeout"),
    Field("tcpi_options", u8, "what was negotiated", TCPI_OPT, flags=True),
    Field("tcpi_wscales", u8, f"tcpi_snd_wscale:4, tcpi_rcv_wscale:4; {_BITS}", c=""),
    Field("tcpi_limits", u8, "tcpi_delivery_rate_app_limited:1, tcpi_fastopen_client_fail:2; bit-field",
        c=""),
    Field("tcpi_rto", u32, "retransmission timeout"),
    Field("tcpi_ato", u32, "delayed acknowledgement timeout"),
    Field("tcpi_snd_mss", u32, "largest segment sent, bytes"),
    Field("tcpi_rcv_mss", u32, "estimate of the peer's segments, bytes"),
    Field("tcpi_unacked", u32, "segments in flight; of a listener: connections waiting to be accepted"),
    Field("tcpi_sacked", u32, "segments acknowledged selectively; of a listener: its backlog"),
    Field("tcpi_lost", u32, "segments taken for lost"),
    Field("tcpi_retrans", u32, "segments retransmitted and not acknowledged"),
    Field("tcpi_fackets", u32, "no longer used"),
    Field("tcpi_last_data_sent", u32, "ms since"),
    Field("tcpi_last_ack_sent", u32, "not remembered: 0"),
    Field("tcpi_last_data_recv", u32, "ms since"),
    Field("tcpi_last_ack_recv", u32, "ms since"),
    Field("tcpi_pmtu", u32, "path MTU, bytes"),
    Field("tcpi_rcv_ssthresh", u32, "limit of the receive window, bytes"),
    Field("tcpi_rtt", u32, "smoothed round trip"),
    Field("tcpi_rttvar", u32, "its mean deviation"),
    Field("tcpi_snd_ssthresh", u32, "slow start threshold, segments; 2147483647: none yet"),
    Field("tcpi_snd_cwnd", u32, "congestion window, segments"),
    Field("tcpi_advmss", u32, "segment size advertised, bytes"),
    Field("tcpi_reordering", u32, "segments that may be out of order before one is taken for lost"),
    Field("tcpi_rcv_rtt", u32, "round trip estimated by the receiver"),
    Field("tcpi_rcv_space", u32, "bytes the program takes in a round trip"),
    Field("tcpi_total_retrans", u32, "segments retransmitted in all"),
    Field("tcpi_pacing_rate", u64, "bytes per second"),
    Field("tcpi_max_pacing_rate", u64, "bytes per second; all ones: no limit"),
    Field("tcpi_bytes_acked", u64, "bytes acknowledged by the peer"),
    Field("tcpi_bytes_received", u64, "bytes received and acknowledged"),
    Field("tcpi_segs_out", u32, "segments sent"),
    Field("tcpi_segs_in", u32, "segments received"),
    Field("tcpi_notsent_bytes", u32, "written and not sent"),
    Field("tcpi_min_rtt", u32, "shortest round trip of late; all ones: none yet"),
    Field("tcpi_data_segs_in", u32, "segments with data received"),
    Field("tcpi_data_segs_out", u32, "segments with data sent"),
    Field("tcpi_delivery_rate", u64, "bytes per second, most recent"),
    Field("tcpi_busy_time", u64, "time with data to send"),
    Field("tcpi_rwnd_limited", u64, "of it, held up by the receive window"),
    Field("tcpi_sndbuf_limited", u64, "of it, held up by the send buffer"),
    Field("tcpi_delivered", u32, "segments delivered, retransmitted ones included"),
    Field("tcpi_delivered_ce", u32, "of them, marked with congestion (ECN)"),
    Field("tcpi_bytes_sent", u64, "bytes sent, retransmitted ones included"),
    Field("tcpi_bytes_retrans", u64, "bytes retransmitted"),
    Field("tcpi_dsack_dups", u32, "duplicates the peer reported"),
    Field("tcpi_reord_seen", u32, "times reordering was seen"),
    Field("tcpi_rcv_ooopack", u32, "segments received out of order"),
    Field("tcpi_snd_wnd", u32, "the peer's window, bytes"),
    calls="getsockopt", lengths="what the caller has room for; newer kernels know more fields than these",
        grows=True,
)  # fmt: skip

tcp_md5sig = Layout(
    "tcp_md5sig", "linux/tcp.h", "TCP_MD5SIG: the key for a peer, RFC 2385.",
    Field("tcpm_addr", storage, "peer"),
    Field("tcpm_flags", u8, "TCP_MD5SIG_EXT: 1 PREFIX, 2 IFINDEX"),
    Field("tcpm_prefixlen", u8, "prefix length of the peer's network"),
    Field("tcpm_keylen", u16, "bytes of the key, 0: remove it"),
    Field("tcpm_ifindex", c_int, "interface or VRF"),
    Field("tcpm_key", Bytes("__u8[80]", 80), "key"),
    calls="setsockopt",
)  # fmt: skip

tcp_repair_opt = Layout(
    "tcp_repair_opt", "linux/tcp.h", "TCP_REPAIR_OPTIONS: one negotiated option.",
    Field("opt_code", u32, "TCPOPT_*"),
    Field("opt_val", u32, "its value"),
    calls="setsockopt",
)  # fmt: skip

tcp_repair_window = Layout(
    "tcp_repair_window", "linux/tcp.h", "TCP_REPAIR_WINDOW: the windows of a connection under repair.",
    Field("snd_wl1", u32, "sequence number of the last window update"),
    Field("snd_wnd", u32, "send window"),
    Field("max_window", u32, "largest window the peer offered"),
    Field("rcv_wnd", u32, "receive window"),
    Field("rcv_wup", u32, "acknowledgement number of the last window update"),
    calls="setsockopt getsockopt",
)  # fmt: skip

tcp_zerocopy_receive = Layout(
    "tcp_zerocopy_receive", "linux/tcp.h", "TCP_ZEROCOPY_RECEIVE: map received pages.",
    Field("address", u64, "in: where the mapping is"),
    Field("length", u32, "in and out: bytes to map, mapped"),
    Field("recv_skip_hint", u32, "out: bytes to read by other means"),
    Field("inq", u32, "out: bytes in the read queue"),
    Field("err", s32, "out: socket error"),
    Field("copybuf_address", u64, "in: where to copy what cannot be mapped"),
    Field("copybuf_len", s32, "in and out: its bytes"),
    Field("flags", u32, "in: flags"),
    Field("msg_control", u64, "control messages"),
    Field("msg_controllen", u64, "their bytes"),
    Field("msg_flags", u32, "their flags"),
    Field("reserved", u32, "zero"),
    calls="getsockopt", grows=True,
)  # fmt: skip
