"""The error queue and timestamps: linux/errqueue.h; ip(7) IP_RECVERR, timestamping.rst."""

from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.constants.errqueue import SO_EE_ORIGIN
from ptrace_net.abi.kinds import Array, u8, u32
from ptrace_net.abi.layout import Field, Layout
from ptrace_net.abi.time import kernel_timespec, timespec

sock_extended_err = Layout(
    "sock_extended_err", "linux/errqueue.h",
    "IP_RECVERR, IPV6_RECVERR, PACKET_TX_TIMESTAMP: one queued error; the offender's sockaddr follows.",
    Field("ee_errno", u32, "error", ERRNO),
    Field("ee_origin", u8, "who made it", SO_EE_ORIGIN),
    Field("ee_type", u8, "ICMP type"),
    Field("ee_code", u8, "ICMP code; zero copy: whether the data were copied"),
    Field("ee_pad", u8, "zero"),
    Field("ee_info", u32, "path MTU after EMSGSIZE; SCM_TSTAMP_*; zero copy: first number of a range"),
    Field("ee_data", u32, "id of the timestamp; zero copy: last number of the range"),
    calls="recvmsg", lengths="16 + the offender's sockaddr (SO_EE_OFFENDER)",
)  # fmt: skip

scm_timestamping = Layout(
    "scm_timestamping", "linux/errqueue.h", "SCM_TIMESTAMPING: three stamps of one packet.",
    Field("ts", Array(timespec, 3), "software; (deprecated); hardware"),
    calls="recvmsg",
)  # fmt: skip

scm_timestamping64 = Layout(
    "scm_timestamping64", "linux/errqueue.h", "SCM_TIMESTAMPING_NEW: three stamps of one packet, in 64 bits.",
    Field("ts", Array(kernel_timespec, 3), "software; (deprecated); hardware"),
    calls="recvmsg",
)  # fmt: skip

scm_ts_pktinfo = Layout(
    "scm_ts_pktinfo", "linux/net_tstamp.h", "SCM_TIMESTAMPING_PKTINFO: where a stamped packet came in.",
    Field("if_index", u32, "interface index"),
    Field("pkt_length", u32, "its length there"),
    Field("reserved", Array(u32, 2), "zero"),
    calls="recvmsg",
)  # fmt: skip
