"""What every netlink protocol shares: linux/netlink.h; netlink(3), netlink(7)."""

from ptrace_net.abi.constants.netlink import NLM_F, NLMSG
from ptrace_net.abi.kinds import c_int, c_ushort, u16, u32
from ptrace_net.abi.layout import Field, Layout

_CALLS = "sendto sendmsg recvmsg recvfrom read write"

nlmsghdr = Layout(
    "nlmsghdr", "linux/netlink.h", "The head of every netlink message. Messages begin at multiples of 4.",
    Field("nlmsg_len", u32, "bytes of the message, with this head, without the padding after it"),
    Field("nlmsg_type", u16, "what follows; below 16 the same for all protocols", NLMSG),
    Field("nlmsg_flags", u16, "NLM_F_*; from 0x100 on they depend on the type", NLM_F, flags=True),
    Field("nlmsg_seq", u32, "number of the request, repeated in the reply"),
    Field("nlmsg_pid", u32, "port id of the sender; in a reply that of the requester; 0: the kernel"),
    calls=_CALLS, lengths="at least 16",
)  # fmt: skip

nlmsgerr = Layout(
    "nlmsgerr", "linux/netlink.h", "NLMSG_ERROR: how a request ended. The request follows, then attributes.",
    Field("error", c_int, "0: an acknowledgement, else an errno, negative"),
    Field("msg", nlmsghdr, "the head of the request"),
    calls=_CALLS, lengths="20, then the request (without NETLINK_CAP_ACK), then NLMSGERR_ATTR_*",
)  # fmt: skip

nlattr = Layout(
    "nlattr", "linux/netlink.h", "The head of an attribute. Attributes begin at multiples of 4.",
    Field("nla_len", u16, "bytes of the attribute, with this head, without the padding after it"),
    Field("nla_type", u16, "what it is, per message; 0x8000: nested, 0x4000: network byte order"),
    calls=_CALLS,
)  # fmt: skip

rtattr = Layout(
    "rtattr", "linux/rtnetlink.h", "The head of an attribute, by the name that rtnetlink(3) has for it.",
    Field("rta_len", c_ushort, "bytes of the attribute, with this head, without the padding after it"),
    Field("rta_type", c_ushort, "what it is, per message"),
    calls=_CALLS,
)  # fmt: skip

nl_pktinfo = Layout(
    "nl_pktinfo", "linux/netlink.h", "NETLINK_PKTINFO: the group that a message was sent to.",
    Field("group", u32, "multicast group; 0: none"),
    calls="recvmsg",
)  # fmt: skip

nla_bitfield32 = Layout(
    "nla_bitfield32", "linux/netlink.h", "Flags, and which of them are meant.",
    Field("value", u32, "the flags"),
    Field("selector", u32, "those that count"),
    calls=_CALLS,
)  # fmt: skip
