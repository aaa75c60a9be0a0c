"""What the routing and ARP ioctls exchange: linux/route.h, ipv6_route.h, if_arp.h; rtnetlink(7), arp(7)."""

from ptrace_net.abi.constants.if_arp import ATF
from ptrace_net.abi.constants.route import RTF
from ptrace_net.abi.kinds import c_int, c_short, c_ulong, c_ushort, in6_addr, pointer, text, u16, u32
from ptrace_net.abi.layout import Field, Layout
from ptrace_net.abi.sockaddr import sockaddr, sockaddr_in

rtentry = Layout(
    "rtentry", "linux/route.h", "SIOCADDRT, SIOCDELRT: an IPv4 route.",
    Field("rt_pad1", c_ulong, "not used"),
    Field("rt_dst", sockaddr_in, "destination"),
    Field("rt_gateway", sockaddr_in, "gateway, with RTF_GATEWAY"),
    Field("rt_genmask", sockaddr_in, "network mask"),
    Field("rt_flags", c_ushort, "flags", RTF, flags=True),
    Field("rt_pad2", c_short, "not used"),
    Field("rt_pad3", c_ulong, "not used"),
    Field("rt_pad4", pointer, "not used"),
    Field("rt_metric", c_short, "metric + 1"),
    Field("rt_dev", pointer, "interface name, or NULL"),
    Field("rt_mtu", c_ulong, "MTU, with RTF_MTU"),
    Field("rt_window", c_ulong, "window, with RTF_WINDOW"),
    Field("rt_irtt", c_ushort, "first round trip time, with RTF_IRTT"),
    calls="ioctl",
)  # fmt: skip

in6_rtmsg = Layout(
    "in6_rtmsg", "linux/ipv6_route.h", "SIOCADDRT, SIOCDELRT on an IPv6 socket: an IPv6 route.",
    Field("rtmsg_dst", in6_addr, "destination"),
    Field("rtmsg_src", in6_addr, "source"),
    Field("rtmsg_gateway", in6_addr, "gateway"),
    Field("rtmsg_type", u32, "not used"),
    Field("rtmsg_dst_len", u16, "bits of the destination"),
    Field("rtmsg_src_len", u16, "bits of the source"),
    Field("rtmsg_metric", u32, "metric; 0: 1024"),
    Field("rtmsg_info", c_ulong, "1/100 s until it expires, with RTF_EXPIRES"),
    Field("rtmsg_flags", u32, "flags", RTF, flags=True),
    Field("rtmsg_ifindex", c_int, "interface index"),
    calls="ioctl",
)  # fmt: skip

arpreq = Layout(
    "arpreq", "linux/if_arp.h", "SIOCGARP, SIOCSARP, SIOCDARP: an entry of the ARP table; arp(7).",
    Field("arp_pa", sockaddr_in, "IPv4 address"),
    Field("arp_ha", sockaddr, "link-layer address: sa_family is ARPHRD_*"),
    Field("arp_flags", c_int, "flags", ATF, flags=True),
    Field("arp_netmask", sockaddr_in, "network mask, with ATF_NETMASK"),
    Field("arp_dev", text(16), "interface name"),
    calls="ioctl",
)  # fmt: skip
