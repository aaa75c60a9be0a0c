"""IPPROTO_TCP and IPPROTO_UDP; tcp(7), udp(7)."""

from ptrace_net.abi.constants.tcp import TCP, TCP_QUEUE, TCP_REPAIR_VALUE
from ptrace_net.abi.constants.udp import UDP, UDP_ENCAP
from ptrace_net.abi.netlink.diag import tcp_bbr_info, tcpvegas_info
from ptrace_net.abi.sockopt.model import Row, bits, blob, name, number, rows, switch
from ptrace_net.abi.tcp import tcp_info, tcp_md5sig, tcp_repair_opt, tcp_repair_window, tcp_zerocopy_receive

_SENDING: tuple[Row, ...] = (
    ("TCP_NODELAY", switch, "rw", "0", "tcp", "send small segments at once: no Nagle"),
    ("TCP_CORK", switch, "rw", "0", "tcp", "hold back partial segments, for 200 ms at most"),
    ("TCP_MAXSEG", number, "rw", "536", "tcp", "segment size; once connected, the current one"),
    ("TCP_WINDOW_CLAMP", number, "rw", "0", "tcp", "upper limit of the advertised window"),
    ("TCP_NOTSENT_LOWAT", bits, "rw", "0", "tcp",
     "unsent bytes below which the socket is writable; 0: sysctl"),
    ("TCP_CONGESTION", name, "rw", "a sysctl, often cubic", "tcp",
     "congestion control algorithm, at most 15 bytes"),
    ("TCP_THIN_LINEAR_TIMEOUTS", switch, "rw", "0", "tcp", "no exponential backoff of thin streams"),
    ("TCP_THIN_DUPACK", switch, "rw", "0", "tcp", "without effect since Linux 4.11"),
    ("TCP_TX_DELAY", number, "rw", "0", "tcp", "µs to delay every segment"),
    ("TCP_ZEROCOPY_RECEIVE", tcp_zerocopy_receive, "r", "-", "tcp", "map received pages"),
)

_LIFE: tuple[Row, ...] = (
    ("TCP_KEEPIDLE", number, "rw", "7200", "tcp", "idle seconds before the first keepalive probe"),
    ("TCP_KEEPINTVL", number, "rw", "75", "tcp", "seconds between probes"),
    ("TCP_KEEPCNT", number, "rw", "9", "tcp", "unanswered probes that end the connection"),
    ("TCP_SYNCNT", number, "rw", "6", "tcp", "times SYN is sent again, 1 to 127; the default is a sysctl"),
    ("TCP_USER_TIMEOUT", bits, "rw", "0", "tcp", "ms that data may stay unacknowledged; 0: the default"),
    ("TCP_LINGER2", number, "rw", "60", "tcp", "seconds in FIN_WAIT2; below 0: none"),
    ("TCP_DEFER_ACCEPT", number, "rw", "0", "tcp", "of a listener: accept when data have come; seconds"),
    ("TCP_QUICKACK", switch, "rw", "1", "tcp", "acknowledge at once, until the kernel thinks otherwise"),
    ("TCP_INQ", switch, "rw", "0", "tcp", "TCP_CM_INQ: bytes left to read, with each receive"),
    ("TCP_FASTOPEN", number, "rw", "0", "tcp", "of a listener: length of the queue of fast opens"),
    ("TCP_FASTOPEN_CONNECT", switch, "rw", "0", "tcp", "connect returns at once, the first write sends SYN"),
    ("TCP_FASTOPEN_KEY", blob, "rw", "-", "tcp", "key of the cookies, 16 bytes, or 32 with a backup"),
    ("TCP_FASTOPEN_NO_COOKIE", switch, "rw", "0", "tcp", "fast open without a cookie"),
)

_STATE: tuple[Row, ...] = (
    ("TCP_INFO", tcp_info, "r", "-", "tcp", "state and counters"),
    ("TCP_CC_INFO", (blob, tcp_bbr_info, tcpvegas_info), "r", "-", "tcp",
     "state of the congestion control: a tcp_cc_info"),
    ("TCP_TIMESTAMP", number, "rw", "-", "tcp", "current value of the timestamp clock"),
    ("TCP_SAVE_SYN", number, "rw", "0", "tcp", "of a listener: keep the SYN; 2: with the link-layer header"),
    ("TCP_SAVED_SYN", blob, "r", "-", "tcp", "the headers of the SYN that was kept; read once"),
    ("TCP_MD5SIG", tcp_md5sig, "w", "-", "tcp", "key for a peer (RFC 2385)"),
    ("TCP_MD5SIG_EXT", tcp_md5sig, "w", "-", "tcp", "the same with a prefix or an interface"),
    ("TCP_ULP", name, "rw", "-", "tcp", "upper layer protocol: tls, mptcp, smc"),
    ("TCP_REPAIR", number, "rw", "0", "tcp", "freeze for checkpointing; needs CAP_NET_ADMIN",
     TCP_REPAIR_VALUE),
    ("TCP_REPAIR_QUEUE", number, "rw", "-", "tcp", "queue that TCP_QUEUE_SEQ and send, recv act on",
     TCP_QUEUE),
    ("TCP_QUEUE_SEQ", bits, "rw", "-", "tcp", "sequence number of the queue under repair"),
    ("TCP_REPAIR_OPTIONS", tcp_repair_opt, "w", "-", "tcp", "negotiated options, an array"),
    ("TCP_REPAIR_WINDOW", tcp_repair_window, "rw", "-", "tcp", "windows of a connection under repair"),
)

_NEWER: tuple[Row, ...] = (
    ("TCP_AO_ADD_KEY", blob, "w", "-", "tcp", "authentication option (RFC 5925): add a key (tcp_ao_add)"),
    ("TCP_AO_DEL_KEY", blob, "w", "-", "tcp", "remove a key (tcp_ao_del)"),
    ("TCP_AO_INFO", blob, "rw", "-", "tcp", "current and next key, counters (tcp_ao_info_opt)"),
    ("TCP_AO_GET_KEYS", blob, "r", "-", "tcp", "list the keys (tcp_ao_getsockopt)"),
    ("TCP_AO_REPAIR", blob, "rw", "-", "tcp", "sequence extensions under repair (tcp_ao_repair)"),
    ("TCP_IS_MPTCP", switch, "r", "0", "tcp", "1: the connection is carried by MPTCP"),
    ("TCP_RTO_MAX_MS", number, "rw", "120000", "tcp", "longest retransmission timeout, 1000 to 120000 ms"),
    ("TCP_RTO_MIN_US", number, "rw", "200000", "tcp", "shortest retransmission timeout, µs"),
    ("TCP_DELACK_MAX_US", number, "rw", "200000", "tcp", "longest delay of an acknowledgement, µs"),
)

_UDP: tuple[Row, ...] = (
    ("UDP_CORK", switch, "rw", "0", "udp", "gather writes into one datagram until it is 0 again"),
    ("UDP_ENCAP", number, "rw", "0", "udp", "packets carry another protocol", UDP_ENCAP),
    ("UDP_NO_CHECK6_TX", switch, "rw", "0", "udp", "send over IPv6 without a checksum (tunnels)"),
    ("UDP_NO_CHECK6_RX", switch, "rw", "0", "udp", "accept over IPv6 without a checksum"),
    ("UDP_SEGMENT", number, "rw", "0", "udp", "split every send into datagrams of so many bytes"),
    ("UDP_GRO", switch, "rw", "0", "udp",
     "receive several datagrams as one, with their size (a control message)"),
)

TCP_OPTIONS = (
    *rows(6, "SOL_TCP", TCP, _SENDING + _LIFE + _STATE + _NEWER),
    *rows(17, "SOL_UDP", UDP, _UDP),
)
