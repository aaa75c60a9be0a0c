"""The bodies of rtnetlink messages: linux/rtnetlink.h, if_link.h, if_addr.h, neighbour.h; rtnetlink(7)."""

from ptrace_net.abi.constants.fib_rules import FIB_RULE, FR_ACT
from ptrace_net.abi.constants.if_ import IFF
from ptrace_net.abi.constants.if_addr import IFA_F
from ptrace_net.abi.constants.if_arp import ARPHRD
from ptrace_net.abi.constants.neighbour import NTF, NUD
from ptrace_net.abi.constants.rtnetlink import RT_SCOPE, RT_TABLE, RTM_F, RTN, RTNH_F, RTPROT
from ptrace_net.abi.constants.socket import AF
from ptrace_net.abi.kinds import Pad, c_int, c_uchar, c_uint, c_ushort, s32, u8, u16, u32, u64
from ptrace_net.abi.layout import Field, Layout

_CALLS = "sendto sendmsg recvmsg recvfrom"
_FAMILY = "address family; AF_UNSPEC in a dump: all"

rtgenmsg = Layout(
    "rtgenmsg", "linux/rtnetlink.h", "The least that a dump request may carry.",
    Field("rtgen_family", c_uchar, _FAMILY, AF),
    calls=_CALLS,
)  # fmt: skip

ifinfomsg = Layout(
    "ifinfomsg", "linux/rtnetlink.h", "RTM_NEWLINK, RTM_GETLINK…: an interface. IFLA_* follow.",
    Field("ifi_family", c_uchar, "AF_UNSPEC, or AF_BRIDGE for ports", AF),
    Field("ifi_pad", Pad(1), "zero", c="__ifi_pad"),
    Field("ifi_type", c_ushort, "hardware type", ARPHRD),
    Field("ifi_index", c_int, "interface index"),
    Field("ifi_flags", c_uint, "state", IFF, flags=True),
    Field("ifi_change", c_uint, "flags to change"),
    calls=_CALLS,
)  # fmt: skip

ifaddrmsg = Layout(
    "ifaddrmsg", "linux/if_addr.h", "RTM_NEWADDR, RTM_GETADDR…: an address of an interface. IFA_* follow.",
    Field("ifa_family", u8, _FAMILY, AF),
    Field("ifa_prefixlen", u8, "bits of the network"),
    Field("ifa_flags", u8, "the low 8 flags; IFA_FLAGS has all", IFA_F, flags=True),
    Field("ifa_scope", u8, "how far it is valid", RT_SCOPE),
    Field("ifa_index", u32, "interface index"),
    calls=_CALLS,
)  # fmt: skip

rtmsg = Layout(
    "rtmsg", "linux/rtnetlink.h", "RTM_NEWROUTE, RTM_GETROUTE…: a route. RTA_* follow.",
    Field("rtm_family", c_uchar, _FAMILY, AF),
    Field("rtm_dst_len", c_uchar, "bits of the destination"),
    Field("rtm_src_len", c_uchar, "bits of the source"),
    Field("rtm_tos", c_uchar, "type of service"),
    Field("rtm_table", c_uchar, "routing table; RTA_TABLE has more bits", RT_TABLE),
    Field("rtm_protocol", c_uchar, "who made it", RTPROT),
    Field("rtm_scope", c_uchar, "distance to the destination", RT_SCOPE),
    Field("rtm_type", c_uchar, "kind of route", RTN),
    Field("rtm_flags", c_uint, "flags", RTM_F, flags=True),
    calls=_CALLS,
)  # fmt: skip

rtnexthop = Layout(
    "rtnexthop", "linux/rtnetlink.h", "One next hop in RTA_MULTIPATH; its own attributes follow.",
    Field("rtnh_len", c_ushort, "bytes with its attributes"),
    Field("rtnh_flags", c_uchar, "flags", RTNH_F, flags=True),
    Field("rtnh_hops", c_uchar, "weight minus 1"),
    Field("rtnh_ifindex", c_int, "interface index"),
    calls=_CALLS,
)  # fmt: skip

ndmsg = Layout(
    "ndmsg", "linux/neighbour.h", "RTM_NEWNEIGH, RTM_GETNEIGH…: a neighbour. NDA_* follow.",
    Field("ndm_family", u8, _FAMILY, AF),
    Field("ndm_pad1", Pad(1), "zero"),
    Field("ndm_pad2", Pad(2), "zero"),
    Field("ndm_ifindex", s32, "interface index"),
    Field("ndm_state", u16, "what is known of it", NUD, flags=True),
    Field("ndm_flags", u8, "flags", NTF, flags=True),
    Field("ndm_type", u8, "kind of address", RTN),
    calls=_CALLS,
)  # fmt: skip

tcmsg = Layout(
    "tcmsg", "linux/rtnetlink.h", "RTM_NEWQDISC…: a queueing discipline, class or filter. TCA_* follow.",
    Field("tcm_family", c_uchar, "AF_UNSPEC", AF),
    Field("tcm_pad1", Pad(1), "zero", c="tcm__pad1"),
    Field("tcm_pad2", Pad(2), "zero", c="tcm__pad2"),
    Field("tcm_ifindex", c_int, "interface index"),
    Field("tcm_handle", u32, "its number, major:minor in 16 bits each"),
    Field("tcm_parent", u32, "what it hangs on; 0xffffffff: the root"),
    Field("tcm_info", u32, "filters: priority and protocol; else a reference count"),
    calls=_CALLS,
)  # fmt: skip

fib_rule_hdr = Layout(
    "fib_rule_hdr", "linux/fib_rules.h",
    "RTM_NEWRULE, RTM_GETRULE…: which table to look a route up in. FRA_* follow.",
    Field("family", u8, _FAMILY, AF),
    Field("dst_len", u8, "bits of the destination"),
    Field("src_len", u8, "bits of the source"),
    Field("tos", u8, "type of service"),
    Field("table", u8, "routing table; FRA_TABLE has more bits", RT_TABLE),
    Field("res1", Pad(1), "reserved"),
    Field("res2", Pad(1), "reserved"),
    Field("action", u8, "what to do", FR_ACT),
    Field("flags", u32, "flags", FIB_RULE, flags=True),
    calls=_CALLS,
)  # fmt: skip

rta_cacheinfo = Layout(
    "rta_cacheinfo", "linux/rtnetlink.h", "RTA_CACHEINFO: the life of a route; times in 1/100 s.",
    Field("rta_clntref", u32, "references"),
    Field("rta_lastuse", u32, "since it was last used"),
    Field("rta_expires", s32, "until it expires"),
    Field("rta_error", u32, "errno that it gives"),
    Field("rta_used", u32, "uses"),
    Field("rta_id", u32, "no longer used"),
    Field("rta_ts", u32, "no longer used"),
    Field("rta_tsage", u32, "no longer used"),
    calls=_CALLS,
)  # fmt: skip

ifa_cacheinfo = Layout(
    "ifa_cacheinfo", "linux/if_addr.h", "IFA_CACHEINFO: how long an address lives.",
    Field("ifa_prefered", u32, "seconds that it is preferred; all ones: for ever"),
    Field("ifa_valid", u32, "seconds that it is valid; all ones: for ever"),
    Field("cstamp", u32, "when it was made, 1/100 s since the system started"),
    Field("tstamp", u32, "when it was changed, likewise"),
    calls=_CALLS,
)  # fmt: skip

nda_cacheinfo = Layout(
    "nda_cacheinfo", "linux/neighbour.h", "NDA_CACHEINFO: when a neighbour was heard of; times in 1/100 s.",
    Field("ndm_confirmed", u32, "since it was confirmed"),
    Field("ndm_used", u32, "since it was used"),
    Field("ndm_updated", u32, "since it changed"),
    Field("ndm_refcnt", u32, "references"),
    calls=_CALLS,
)  # fmt: skip

ifla_cacheinfo = Layout(
    "ifla_cacheinfo", "linux/if_link.h", "IFLA_INET6_CACHEINFO: times of IPv6 on an interface.",
    Field("max_reasm_len", u32, "longest reassembled packet"),
    Field("tstamp", u32, "when it was changed, 1/100 s since the system started"),
    Field("reachable_time", u32, "ms that a neighbour is taken to be reachable"),
    Field("retrans_time", u32, "ms between solicitations"),
    calls=_CALLS,
)  # fmt: skip

_COUNTERS = (
    ("rx_packets", "packets received"), ("tx_packets", "packets sent"),
    ("rx_bytes", "bytes received"), ("tx_bytes", "bytes sent"),
    ("rx_errors", "bad packets received"), ("tx_errors", "packets that could not be sent"),
    ("rx_dropped", "received, no room"), ("tx_dropped", "not sent, no room"),
    ("multicast", "multicast packets received"), ("collisions", "collisions"),
    ("rx_length_errors", "wrong length"), ("rx_over_errors", "ring overflow"),
    ("rx_crc_errors", "wrong checksum"), ("rx_frame_errors", "wrong alignment"),
    ("rx_fifo_errors", "FIFO overrun"), ("rx_missed_errors", "missed"),
    ("tx_aborted_errors", "aborted"), ("tx_carrier_errors", "no carrier"),
    ("tx_fifo_errors", "FIFO underrun"), ("tx_heartbeat_errors", "no heartbeat"),
    ("tx_window_errors", "late collision"), ("rx_compressed", "compressed, received"),
    ("tx_compressed", "compressed, sent"), ("rx_nohandler", "for an inactive interface"),
)  # fmt: skip

rtnl_link_stats = Layout(
    "rtnl_link_stats", "linux/if_link.h", "IFLA_STATS: counters of an interface in 32 bits.",
    *(Field(name, u32, doc) for name, doc in _COUNTERS),
    calls=_CALLS,
)  # fmt: skip

rtnl_link_stats64 = Layout(
    "rtnl_link_stats64", "linux/if_link.h", "IFLA_STATS64: counters of an interface.",
    *(Field(name, u64, doc) for name, doc in _COUNTERS),
    Field("rx_otherhost_dropped", u64, "for another host's link-layer address"),
    calls=_CALLS,
)  # fmt: skip

rtnl_link_ifmap = Layout(
    "rtnl_link_ifmap", "linux/if_link.h", "IFLA_MAP: resources of an interface.",
    Field("mem_start", u64, "first address of its memory"),
    Field("mem_end", u64, "last address"),
    Field("base_addr", u64, "I/O port"),
    Field("irq", u16, "interrupt"),
    Field("dma", u8, "DMA channel"),
    Field("port", u8, "kind of port"),
    calls=_CALLS,
)  # fmt: skip

