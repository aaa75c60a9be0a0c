"""Values of IPv6 and ICMPv6 options and control messages: linux/in6.h, ipv6.h; ipv6(7), RFC 3542."""

from ptrace_net.abi.constants.in6 import IPV6_FL
from ptrace_net.abi.kinds import Array, Pad, be32, c_int, in6_addr, u8, u16, u32
from ptrace_net.abi.layout import Field, Layout
from ptrace_net.abi.sockaddr import sockaddr_in6

in6_addr_value = Layout(
    "in6_addr", "linux/in6.h", "An IPv6 address on its own, as in sockaddr_in6 and ipv6_mreq.",
    Field("s6_addr", in6_addr, "address, as in the packet"),
    calls="setsockopt",
)  # fmt: skip

ipv6_mreq = Layout(
    "ipv6_mreq", "linux/in6.h", "IPV6_ADD_MEMBERSHIP: a group, on an interface by index.",
    Field("ipv6mr_multiaddr", in6_addr, "group, ff00::/8"),
    Field("ipv6mr_ifindex", c_int, "interface index; 0: by the routing table"),
    calls="setsockopt",
)  # fmt: skip

in6_flowlabel_req = Layout(
    "in6_flowlabel_req", "linux/in6.h", "IPV6_FLOWLABEL_MGR: get, put or renew a flow label.",
    Field("flr_dst", in6_addr, "destination"),
    Field("flr_label", be32, "label, 20 bits"),
    Field("flr_action", u8, "IPV6_FL_A_*", IPV6_FL),
    Field("flr_share", u8, "IPV6_FL_S_*"),
    Field("flr_flags", u16, "IPV6_FL_F_*"),
    Field("flr_expires", u16, "seconds"),
    Field("flr_linger", u16, "seconds"),
    Field("flr_pad", Pad(4), "reserved", c="__flr_pad"),
    calls="setsockopt getsockopt",
)  # fmt: skip

in6_pktinfo = Layout(
    "in6_pktinfo", "linux/ipv6.h", "IPV6_PKTINFO: by which interface and address a datagram came or shall "
    "leave.",
    Field("ipi6_addr", in6_addr, "destination of what was received; source of what is sent, :: to leave it "
        "open"),
    Field("ipi6_ifindex", c_int, "interface index; 0: by the routing table"),
    calls="sendmsg recvmsg setsockopt",
)  # fmt: skip

ip6_mtuinfo = Layout(
    "ip6_mtuinfo", "linux/ipv6.h", "IPV6_PATHMTU: the path MTU to a destination.",
    Field("ip6m_addr", sockaddr_in6, "destination"),
    Field("ip6m_mtu", u32, "path MTU in bytes"),
    calls="getsockopt recvmsg",
)  # fmt: skip

icmp6_filter = Layout(
    "icmp6_filter", "linux/icmpv6.h", "ICMPV6_FILTER: which ICMPv6 types a raw socket does not get; RFC "
    "3542.",
    Field("data", Array(u32, 8), "one bit per type, set: blocked"),
    calls="setsockopt getsockopt",
)  # fmt: skip

icmp_filter = Layout(
    "icmp_filter", "linux/icmp.h", "ICMP_FILTER: which ICMP types a raw socket does not get; raw(7).",
    Field("data", u32, "one bit per type (0 to 31), set: blocked"),
    calls="setsockopt getsockopt",
)  # fmt: skip
