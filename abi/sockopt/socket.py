"""SOL_SOCKET: the options that every socket has; socket(7), unix(7)."""

from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.constants.errqueue import SOF_TIMESTAMPING
from ptrace_net.abi.constants.in_ import IPPROTO
from ptrace_net.abi.constants.socket import AF, SO, SOCK
from ptrace_net.abi.socket import linger, sk_meminfo, so_timestamping, sock_fprog, sock_txtime, ucred
from ptrace_net.abi.sockopt.model import Row, bits, blob, name, nothing, number, numbers, rows, switch, wide
from ptrace_net.abi.time import kernel_sock_timeval, timeval

_BUFFERS: tuple[Row, ...] = (
    ("SO_SNDBUF", number, "rw", "16384 for TCP, else 212992", "any",
     "send buffer; reads back twice what was set (overhead)"),
    ("SO_RCVBUF", number, "rw", "131072 for TCP, else 212992", "any",
     "receive buffer; reads back twice what was set (overhead)"),
    ("SO_SNDBUFFORCE", number, "w", "-", "any", "SO_SNDBUF beyond wmem_max; needs CAP_NET_ADMIN"),
    ("SO_RCVBUFFORCE", number, "w", "-", "any", "SO_RCVBUF beyond rmem_max; needs CAP_NET_ADMIN"),
    ("SO_BUF_LOCK", number, "rw", "0", "any", "1, 2: keep the kernel from tuning the send, receive buffer"),
    ("SO_RESERVE_MEM", number, "rw", "0", "any", "bytes of memory reserved for this socket"),
    ("SO_MEMINFO", sk_meminfo, "r", "-", "any", "memory of the socket: an array indexed by SK_MEMINFO_*"),
    ("SO_RCVLOWAT", number, "rw", "1", "any", "bytes that make the socket readable"),
    ("SO_SNDLOWAT", number, "r", "1", "any", "fixed at 1; setting it gives ENOPROTOOPT"),
)

_TIMES: tuple[Row, ...] = (
    ("SO_RCVTIMEO_OLD SO_RCVTIMEO", timeval, "rw", "0", "any",
     "longest wait of a receive, then EAGAIN; 0: none"),
    ("SO_SNDTIMEO_OLD SO_SNDTIMEO", timeval, "rw", "0", "any",
     "longest wait of a send or connect; 0: no limit"),
    ("SO_RCVTIMEO_NEW", kernel_sock_timeval, "rw", "0", "any", "SO_RCVTIMEO with 64-bit time"),
    ("SO_SNDTIMEO_NEW", kernel_sock_timeval, "rw", "0", "any", "SO_SNDTIMEO with 64-bit time"),
    ("SO_TIMESTAMP_OLD SO_TIMESTAMP", switch, "rw", "0", "any", "SCM_TIMESTAMP (timeval) with each datagram"),
    ("SO_TIMESTAMP_NEW", switch, "rw", "0", "any", "SO_TIMESTAMP with 64-bit time"),
    ("SO_TIMESTAMPNS_OLD SO_TIMESTAMPNS", switch, "rw", "0", "any", "SCM_TIMESTAMPNS (timespec) likewise"),
    ("SO_TIMESTAMPNS_NEW", switch, "rw", "0", "any", "SO_TIMESTAMPNS with 64-bit time"),
    ("SO_TIMESTAMPING_OLD SO_TIMESTAMPING", (bits, so_timestamping), "rw", "0", "any",
     "which timestamps to make and report",
     SOF_TIMESTAMPING, "flags"),
    ("SO_TIMESTAMPING_NEW", (bits, so_timestamping), "rw", "0", "any", "SO_TIMESTAMPING with 64-bit time",
     SOF_TIMESTAMPING,
     "flags"),
    ("SO_TXTIME", sock_txtime, "rw", "0", "any", "take a departure time with each packet (SCM_TXTIME)"),
)  # fmt: skip

_IDENTITY: tuple[Row, ...] = (
    ("SO_TYPE", number, "r", "-", "any", "socket type", SOCK),
    ("SO_DOMAIN", number, "r", "-", "any", "address family", AF),
    ("SO_PROTOCOL", number, "r", "-", "any", "protocol", IPPROTO),
    ("SO_ERROR", number, "r", "0", "any", "pending error, cleared by reading it; how a connect ended", ERRNO),
    ("SO_ACCEPTCONN", switch, "r", "0", "any", "1 after listen(2)"),
    ("SO_COOKIE", wide, "r", "-", "any", "a number that no other socket has while the system runs"),
    ("SO_NETNS_COOKIE", wide, "r", "-", "any", "the same for the network namespace"),
    ("SO_PEERNAME", blob, "r", "-", "connected", "what getpeername(2) returns"),
    ("SO_PEERCRED", ucred, "r", "-", "unix", "who connected or made the pair, at that time"),
    ("SO_PEERGROUPS", numbers, "r", "-", "unix", "supplementary groups of the peer; ERANGE: too little room"),
    ("SO_PEERSEC", name, "r", "-", "unix", "security context of the peer"),
    ("SO_PASSCRED", switch, "rw", "0", "unix", "SCM_CREDENTIALS with each message"),
    ("SO_PASSSEC", switch, "rw", "0", "unix", "SCM_SECURITY with each message"),
    ("SO_PASSPIDFD", switch, "rw", "0", "unix", "SCM_PIDFD with each message"),
    ("SO_PEERPIDFD", number, "r", "-", "unix", "a pidfd of the peer"),
    ("SO_PASSRIGHTS", switch, "rw", "1", "unix", "whether SCM_RIGHTS may be received"),
    ("SO_INQ", switch, "w", "0", "unix", "SCM_INQ: bytes left to read, with each receive"),
)

_BINDING: tuple[Row, ...] = (
    ("SO_REUSEADDR", switch, "rw", "0", "any",
     "bind while connections of the port linger; UDP: share the port"),
    ("SO_REUSEPORT", switch, "rw", "0", "any",
     "several sockets of one user on a port, load shared among them"),
    ("SO_BINDTODEVICE", name, "rw", "", "ip", "only packets of this interface; at most 15 bytes; '' to undo"),
    ("SO_BINDTOIFINDEX", number, "rw", "0", "ip", "SO_BINDTODEVICE by interface index; 0 to undo"),
    ("SO_INCOMING_CPU", number, "rw", "-1", "any", "CPU that handles this socket's packets"),
    ("SO_INCOMING_NAPI_ID", number, "r", "0", "any", "receive queue of the last packet"),
    ("SO_MARK", bits, "rw", "0", "any", "mark of its packets for routing and filters; needs CAP_NET_ADMIN"),
    ("SO_RCVMARK", switch, "rw", "0", "any", "SO_MARK of each datagram, as a control message"),
    ("SO_PRIORITY", number, "rw", "0", "any", "queueing priority; beyond 6 needs CAP_NET_ADMIN"),
    ("SO_RCVPRIORITY", switch, "rw", "0", "any", "SO_PRIORITY of each datagram, as a control message"),
)

_BEHAVIOUR: tuple[Row, ...] = (
    ("SO_DEBUG", switch, "rw", "0", "any", "does nothing; setting it needs CAP_NET_ADMIN"),
    ("SO_DONTROUTE", switch, "rw", "0", "any", "send to hosts on a link only, past the routing table"),
    ("SO_BROADCAST", switch, "rw", "0", "any", "allow sending to a broadcast address, else EACCES"),
    ("SO_KEEPALIVE", switch, "rw", "0", "any", "probe an idle connection"),
    ("SO_OOBINLINE", switch, "rw", "0", "any", "urgent data stay in the stream"),
    ("SO_NO_CHECK", switch, "rw", "0", "any", "UDP over IPv4 without a checksum"),
    ("SO_LINGER", linger, "rw", "0", "any", "what close(2) does with unsent data"),
    ("SO_BSDCOMPAT", switch, "rw", "0", "any", "without effect since Linux 2.2"),
    ("SO_RXQ_OVFL", switch, "rw", "0", "any", "number of datagrams dropped, with each datagram"),
    ("SO_WIFI_STATUS", switch, "rw", "0", "any", "whether a frame was acknowledged, on the error queue"),
    ("SO_PEEK_OFF", number, "rw", "-1", "any", "where MSG_PEEK begins and goes on; -1: at the front. "
     "EOPNOTSUPP where the protocol has none"),
    ("SO_NOFCS", switch, "rw", "0", "any", "the frame check sequence is the program's"),
    ("SO_SELECT_ERR_QUEUE", switch, "rw", "0", "any", "POLLPRI while the error queue holds something"),
    ("SO_BUSY_POLL", number, "rw", "0", "any", "µs to poll the device when there is nothing to read"),
    ("SO_PREFER_BUSY_POLL", switch, "rw", "0", "any", "poll rather than take interrupts"),
    ("SO_BUSY_POLL_BUDGET", number, "w", "8", "any", "packets to take in one poll"),
    ("SO_MAX_PACING_RATE", (bits, wide), "rw", "no limit: all ones", "any",
     "bytes per second; 8 bytes of value are taken too"),
    ("SO_CNX_ADVICE", number, "w", "-", "any", "1: the path looks bad, choose another"),
    ("SO_ZEROCOPY", switch, "rw", "0", "any", "allow MSG_ZEROCOPY"),
    ("SO_TXREHASH", number, "rw", "1", "any", "choose another path after timeouts; 255 in set: the default"),
)  # fmt: skip

_FILTERS: tuple[Row, ...] = (
    ("SO_ATTACH_FILTER SO_GET_FILTER", (sock_fprog, blob), "rw", "-", "any",
     "classic BPF; getsockopt: array of sock_filter"),
    ("SO_ATTACH_BPF", number, "w", "-", "any", "extended BPF: a descriptor from bpf(2)"),
    ("SO_DETACH_FILTER SO_DETACH_BPF", nothing, "w", "-", "any",
     "remove the filter; the value is not looked at"),
    ("SO_ATTACH_REUSEPORT_CBPF", sock_fprog, "w", "-", "any", "chooses a socket of a SO_REUSEPORT group"),
    ("SO_ATTACH_REUSEPORT_EBPF", number, "w", "-", "any", "the same in extended BPF"),
    ("SO_DETACH_REUSEPORT_BPF", nothing, "w", "-", "any", "remove it"),
    ("SO_LOCK_FILTER", switch, "rw", "0", "any", "the filter can no longer be changed"),
    ("SO_BPF_EXTENSIONS", number, "r", "-", "any", "how many extensions classic BPF has: 64"),
    ("SO_DEVMEM_DONTNEED", blob, "w", "-", "tcp", "give back fragments of device memory (dmabuf_token)"),
)

_ABSENT: tuple[Row, ...] = (
    ("SO_SECURITY_AUTHENTICATION", number, "", "-", "any", "reserved, never implemented: ENOPROTOOPT"),
    ("SO_SECURITY_ENCRYPTION_TRANSPORT", number, "", "-", "any", "reserved, never implemented: ENOPROTOOPT"),
    ("SO_SECURITY_ENCRYPTION_NETWORK", number, "", "-", "any", "reserved, never implemented: ENOPROTOOPT"),
)

_ROWS = _BUFFERS + _TIMES + _IDENTITY + _BINDING + _BEHAVIOUR + _FILTERS + _ABSENT

SOCKET_OPTIONS = tuple(rows(1, "SOL_SOCKET", SO, _ROWS))
