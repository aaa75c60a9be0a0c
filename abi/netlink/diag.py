"""What ss(8) asks for: linux/sock_diag.h, inet_diag.h, unix_diag.h; sock_diag(7)."""

from ptrace_net.abi.constants.in_ import IPPROTO
from ptrace_net.abi.constants.sock_diag import UDIAG_SHOW
from ptrace_net.abi.constants.socket import AF, SOCK
from ptrace_net.abi.constants.tcp import TCP_STATE
from ptrace_net.abi.kinds import Array, Bytes, Pad, be16, u8, u16, u32
from ptrace_net.abi.layout import Field, Layout

_CALLS = "sendto sendmsg recvmsg recvfrom"
_ADDRESS = Bytes("__be32[4]", 16, 4, "ip")

sock_diag_req = Layout(
    "sock_diag_req", "linux/sock_diag.h", "The part that every request has.",
    Field("sdiag_family", u8, "address family", AF),
    Field("sdiag_protocol", u8, "protocol of the family", IPPROTO),
    calls=_CALLS,
)  # fmt: skip

inet_diag_sockid = Layout(
    "inet_diag_sockid", "linux/inet_diag.h", "Which socket: its ports, addresses, interface and cookie.",
    Field("idiag_sport", be16, "local port"),
    Field("idiag_dport", be16, "peer's port"),
    Field("idiag_src", _ADDRESS, "local address; IPv4: the first 4 bytes"),
    Field("idiag_dst", _ADDRESS, "peer's address"),
    Field("idiag_if", u32, "interface it is bound to"),
    Field("idiag_cookie", Array(u32, 2), "its number, low word first; all ones: any"),
    calls=_CALLS,
)  # fmt: skip

inet_diag_req_v2 = Layout(
    "inet_diag_req_v2", "linux/inet_diag.h", "SOCK_DIAG_BY_FAMILY for inet sockets: which to list.",
    Field("sdiag_family", u8, "AF_INET or AF_INET6", AF),
    Field("sdiag_protocol", u8, "protocol", IPPROTO),
    Field("idiag_ext", u8, "attributes wanted: bit INET_DIAG_x - 1"),
    Field("pad", Pad(1), "zero; of raw sockets: their protocol"),
    Field("idiag_states", u32, "states wanted: bit TCP_x"),
    Field("id", inet_diag_sockid, "one socket; in a dump ignored but for the ports"),
    calls=_CALLS,
)  # fmt: skip

inet_diag_msg = Layout(
    "inet_diag_msg", "linux/inet_diag.h", "An inet socket. INET_DIAG_* follow.",
    Field("idiag_family", u8, "AF_INET or AF_INET6", AF),
    Field("idiag_state", u8, "state", TCP_STATE),
    Field("idiag_timer", u8, "0 none, 1 retransmission, 2 keepalive, 3 TIME_WAIT, 4 window probe"),
    Field("idiag_retrans", u8, "how often the timer has fired"),
    Field("id", inet_diag_sockid, "the socket"),
    Field("idiag_expires", u32, "ms until the timer fires"),
    Field("idiag_rqueue", u32, "bytes to read; of a listener: connections to accept"),
    Field("idiag_wqueue", u32, "bytes not acknowledged; of a listener: its backlog"),
    Field("idiag_uid", u32, "owner"),
    Field("idiag_inode", u32, "inode"),
    calls=_CALLS,
)  # fmt: skip

inet_diag_meminfo = Layout(
    "inet_diag_meminfo", "linux/inet_diag.h", "INET_DIAG_MEMINFO: memory of a socket.",
    Field("idiag_rmem", u32, "receive queue"),
    Field("idiag_wmem", u32, "send queue"),
    Field("idiag_fmem", u32, "set aside"),
    Field("idiag_tmem", u32, "sent and not freed"),
    calls=_CALLS,
)  # fmt: skip

tcpvegas_info = Layout(
    "tcpvegas_info", "linux/inet_diag.h", "TCP_CC_INFO, INET_DIAG_VEGASINFO: state of Vegas and its kin.",
    Field("tcpv_enabled", u32, "1 where it is active"),
    Field("tcpv_rttcnt", u32, "round trips measured"),
    Field("tcpv_rtt", u32, "last round trip, µs"),
    Field("tcpv_minrtt", u32, "shortest round trip, µs"),
    calls="getsockopt recvmsg",
)  # fmt: skip

tcp_dctcp_info = Layout(
    "tcp_dctcp_info", "linux/inet_diag.h", "TCP_CC_INFO, INET_DIAG_DCTCPINFO: state of DCTCP.",
    Field("dctcp_enabled", u16, "1 where it is active"),
    Field("dctcp_ce_state", u16, "last congestion mark seen"),
    Field("dctcp_alpha", u32, "share of marked bytes, scaled by 1024"),
    Field("dctcp_ab_ecn", u32, "bytes acknowledged with marks"),
    Field("dctcp_ab_tot", u32, "bytes acknowledged"),
    calls="getsockopt recvmsg",
)  # fmt: skip

tcp_bbr_info = Layout(
    "tcp_bbr_info", "linux/inet_diag.h", "TCP_CC_INFO, INET_DIAG_BBRINFO: state of BBR.",
    Field("bbr_bw_lo", u32, "bandwidth, bytes per second: the low half"),
    Field("bbr_bw_hi", u32, "the high half"),
    Field("bbr_min_rtt", u32, "shortest round trip, µs"),
    Field("bbr_pacing_gain", u32, "pacing gain, scaled by 256"),
    Field("bbr_cwnd_gain", u32, "window gain, scaled by 256"),
    calls="getsockopt recvmsg",
)  # fmt: skip

unix_diag_req = Layout(
    "unix_diag_req", "linux/unix_diag.h", "SOCK_DIAG_BY_FAMILY for local sockets: which to list.",
    Field("sdiag_family", u8, "AF_UNIX", AF),
    Field("sdiag_protocol", u8, "0"),
    Field("pad", Pad(2), "zero"),
    Field("udiag_states", u32, "states wanted: bit TCP_x"),
    Field("udiag_ino", u32, "inode of one socket"),
    Field("udiag_show", u32, "attributes wanted", UDIAG_SHOW, flags=True),
    Field("udiag_cookie", Array(u32, 2), "its number; all ones: any"),
    calls=_CALLS,
)  # fmt: skip

unix_diag_msg = Layout(
    "unix_diag_msg", "linux/unix_diag.h", "A local socket. UNIX_DIAG_* follow.",
    Field("udiag_family", u8, "AF_UNIX", AF),
    Field("udiag_type", u8, "socket type", SOCK),
    Field("udiag_state", u8, "TCP_ESTABLISHED, TCP_LISTEN or TCP_CLOSE", TCP_STATE),
    Field("pad", Pad(1), "zero"),
    Field("udiag_ino", u32, "inode"),
    Field("udiag_cookie", Array(u32, 2), "its number"),
    calls=_CALLS,
)  # fmt: skip

unix_diag_vfs = Layout(
    "unix_diag_vfs", "linux/unix_diag.h", "UNIX_DIAG_VFS: the file of a bound socket.",
    Field("udiag_vfs_ino", u32, "inode of the file"),
    Field("udiag_vfs_dev", u32, "device of the file"),
    calls=_CALLS,
)  # fmt: skip

unix_diag_rqlen = Layout(
    "unix_diag_rqlen", "linux/unix_diag.h", "UNIX_DIAG_RQLEN: queues of a socket.",
    Field("udiag_rqueue", u32, "bytes to read; of a listener: connections to accept"),
    Field("udiag_wqueue", u32, "bytes sent and not read; of a listener: its backlog"),
    calls=_CALLS,
)  # fmt: skip

genlmsghdr = Layout(
    "genlmsghdr", "linux/genetlink.h", "The head of a generic netlink message, after nlmsghdr.",
    Field("cmd", u8, "command of the family; of the controller CTRL_CMD_*"),
    Field("version", u8, "version of the family"),
    Field("reserved", u16, "zero"),
    calls=_CALLS,
)  # fmt: skip
