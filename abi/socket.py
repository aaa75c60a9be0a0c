"""Values of SOL_SOCKET options: sys/socket.h, linux/net_tstamp.h, linux/filter.h; socket(7)."""

from ptrace_net.abi.constants.errqueue import SOF_TIMESTAMPING, SOF_TXTIME
from ptrace_net.abi.kinds import Array, c_int, c_ushort, pointer, u8, u16, u32
from ptrace_net.abi.layout import Field, Layout

linger = Layout(
    "linger", "sys/socket.h", "SO_LINGER: what close(2) does with unsent data.",
    Field("l_onoff", c_int, "not 0: wait for unsent data to be acknowledged"),
    Field("l_linger", c_int, "seconds to wait; 0 with l_onoff: discard and send a reset"),
    calls="setsockopt getsockopt",
)  # fmt: skip

ucred = Layout(
    "ucred", "sys/socket.h", "SCM_CREDENTIALS and SO_PEERCRED: who is at the other end; unix(7).",
    Field("pid", c_int, "process, as seen from the reader's namespace; 0: not visible there"),
    Field("uid", u32, "user"),
    Field("gid", u32, "group"),
    calls="sendmsg recvmsg getsockopt",
)  # fmt: skip

sock_filter = Layout(
    "sock_filter", "linux/filter.h", "One instruction of classic BPF.",
    Field("code", u16, "class, size, mode or operation"),
    Field("jt", u8, "instructions to skip where the condition holds"),
    Field("jf", u8, "instructions to skip where it does not"),
    Field("k", u32, "constant"),
    calls="setsockopt seccomp",
)  # fmt: skip

sock_fprog = Layout(
    "sock_fprog", "linux/filter.h", "A program of classic BPF: SO_ATTACH_FILTER, seccomp(2).",
    Field("len", c_ushort, "instructions, at most BPF_MAXINSNS (4096)"),
    Field("filter", pointer, "array of struct sock_filter"),
    calls="setsockopt seccomp",
)  # fmt: skip

so_timestamping = Layout(
    "so_timestamping", "linux/net_tstamp.h", "SO_TIMESTAMPING with a clock to bind to.",
    Field("flags", c_int, "which timestamps", SOF_TIMESTAMPING, flags=True),
    Field("bind_phc", c_int, "virtual PTP clock, with SOF_TIMESTAMPING_BIND_PHC"),
    calls="setsockopt getsockopt",
)  # fmt: skip

sock_txtime = Layout(
    "sock_txtime", "linux/net_tstamp.h", "SO_TXTIME: packets are sent at a given time.",
    Field("clockid", c_int, "CLOCK_TAI for the etf qdisc, CLOCK_MONOTONIC for fq"),
    Field("flags", u32, "deadline mode, report errors", SOF_TXTIME, flags=True),
    calls="setsockopt getsockopt",
)  # fmt: skip

sk_meminfo = Layout(
    "sk_meminfo", "linux/sock_diag.h", "SO_MEMINFO: an array indexed by SK_MEMINFO_*.",
    Field("vars", Array(u32, 9), "rmem_alloc rcvbuf wmem_alloc sndbuf fwd_alloc wmem_queued optmem backlog "
        "drops",
          c=""),
    calls="getsockopt", c="__u32[SK_MEMINFO_VARS]",
)  # fmt: skip
