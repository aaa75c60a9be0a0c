"""Values of IPPROTO_IP options and control messages: linux/in.h; ip(7), RFC 3678."""

from ptrace_net.abi.constants.in_ import MCAST_FILTER
from ptrace_net.abi.kinds import Bytes, c_int, in_addr, storage, u32
from ptrace_net.abi.layout import Field, Layout

_GROUP = "setsockopt"

in_addr_value = Layout(
    "in_addr", "linux/in.h", "An IPv4 address on its own: IP_MULTICAST_IF reads it back.",
    Field("s_addr", in_addr, "address, as in the packet"),
    calls="getsockopt",
)  # fmt: skip

ip_mreq = Layout(
    "ip_mreq", "linux/in.h", "IP_ADD_MEMBERSHIP: a group, on the interface that has an address.",
    Field("imr_multiaddr", in_addr, "group, 224.0.0.0/4"),
    Field("imr_interface", in_addr, "address of the local interface; 0.0.0.0: by the routing table"),
    calls=_GROUP,
)  # fmt: skip

ip_mreqn = Layout(
    "ip_mreqn", "linux/in.h", "IP_ADD_MEMBERSHIP, IP_MULTICAST_IF: a group, on an interface by index.",
    Field("imr_multiaddr", in_addr, "group"),
    Field("imr_address", in_addr, "address of the local interface"),
    Field("imr_ifindex", c_int, "interface index; goes before the address"),
    calls=_GROUP,
)  # fmt: skip

ip_mreq_source = Layout(
    "ip_mreq_source", "linux/in.h", "IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE: one source of a group.",
    Field("imr_multiaddr", in_addr, "group"),
    Field("imr_interface", in_addr, "address of the local interface"),
    Field("imr_sourceaddr", in_addr, "source"),
    calls=_GROUP,
)  # fmt: skip

ip_msfilter = Layout(
    "ip_msfilter", "linux/in.h", "IP_MSFILTER: the head of a source filter; its addresses follow.",
    Field("imsf_multiaddr", in_addr, "group"),
    Field("imsf_interface", in_addr, "address of the local interface"),
    Field("imsf_fmode", u32, "include or exclude the sources", MCAST_FILTER),
    Field("imsf_numsrc", u32, "addresses that follow"),
    Field("imsf_slist", in_addr, "the first of them"),
    calls="setsockopt getsockopt", lengths="16 + 4 for each source",
)  # fmt: skip

group_req = Layout(
    "group_req", "linux/in.h", "MCAST_JOIN_GROUP: a group of either family; RFC 3678.",
    Field("gr_interface", u32, "interface index; 0: by the routing table"),
    Field("gr_group", storage, "group: a sockaddr_in or sockaddr_in6"),
    calls=_GROUP,
)  # fmt: skip

group_source_req = Layout(
    "group_source_req", "linux/in.h", "MCAST_JOIN_SOURCE_GROUP, MCAST_BLOCK_SOURCE: one source of a group.",
    Field("gsr_interface", u32, "interface index"),
    Field("gsr_group", storage, "group"),
    Field("gsr_source", storage, "source"),
    calls=_GROUP,
)  # fmt: skip

group_filter = Layout(
    "group_filter", "linux/in.h", "MCAST_MSFILTER: the head of a source filter of either family.",
    Field("gf_interface", u32, "interface index"),
    Field("gf_group", storage, "group"),
    Field("gf_fmode", u32, "include or exclude the sources", MCAST_FILTER),
    Field("gf_numsrc", u32, "addresses that follow"),
    Field("gf_slist", Bytes("struct sockaddr_storage[1]", 128, "word", "sockaddr"), "the first of them"),
    calls="setsockopt getsockopt", lengths="the head + 128 for each source",
)  # fmt: skip

in_pktinfo = Layout(
    "in_pktinfo", "linux/in.h", "IP_PKTINFO: by which interface and address a datagram came or shall leave.",
    Field("ipi_ifindex", c_int, "interface index"),
    Field("ipi_spec_dst", in_addr, "local address of the packet: the source of a reply"),
    Field("ipi_addr", in_addr, "destination in the header: not looked at when sending"),
    calls="sendmsg recvmsg",
)  # fmt: skip
