"""Which attributes a message has and what they carry: rtnetlink(7), sock_diag(7), linux/genetlink.h."""

from collections.abc import Mapping

from ptrace_net.abi.constants import (
    Constants,
    fib_rules,
    genetlink,
    if_,
    if_addr,
    if_link,
    in_,
    neighbour,
    rtnetlink,
    sock_diag,
    socket,
)
from ptrace_net.abi.constants.netlink import NLMSGERR_ATTR
from ptrace_net.abi.kinds import be16, s32, u8, u16, u32, u64
from ptrace_net.abi.netlink.attributes import (
    Attributes,
    Kind,
    Records,
    address,
    binary,
    numbers,
    settings,
    string,
)
from ptrace_net.abi.netlink.diag import (
    inet_diag_meminfo,
    tcp_bbr_info,
    tcp_dctcp_info,
    tcpvegas_info,
    unix_diag_rqlen,
    unix_diag_vfs,
)
from ptrace_net.abi.netlink.route import (
    ifa_cacheinfo,
    ifla_cacheinfo,
    nda_cacheinfo,
    rta_cacheinfo,
    rtnexthop,
    rtnl_link_ifmap,
    rtnl_link_stats,
    rtnl_link_stats64,
)
from ptrace_net.abi.tcp import tcp_info


def _kinds(**groups: tuple[Kind, str]) -> dict[str, Kind]:
    """``{name: kind}`` from groups of names, ``_kinds(a=(u32, "IFLA_MTU IFLA_LINK"))``."""
    return {name: kind for kind, names in groups.values() for name in names.split()}


NLMSGERR = Attributes(NLMSGERR_ATTR, _kinds(
    text=(string, "NLMSGERR_ATTR_MSG"),
    number=(u32, "NLMSGERR_ATTR_OFFS NLMSGERR_ATTR_MISS_TYPE NLMSGERR_ATTR_MISS_NEST"),
))  # fmt: skip

_INFO = Attributes(if_link.IFLA_INFO, _kinds(text=(string, "IFLA_INFO_KIND IFLA_INFO_SLAVE_KIND")))
_INET = Attributes(if_link.IFLA_INET, _kinds(conf=(settings, "IFLA_INET_CONF")))
_INET6 = Attributes(if_link.IFLA_INET6, _kinds(
    flags=(u32, "IFLA_INET6_FLAGS IFLA_INET6_RA_MTU"), octet=(u8, "IFLA_INET6_ADDR_GEN_MODE"),
    conf=(settings, "IFLA_INET6_CONF"), times=(ifla_cacheinfo, "IFLA_INET6_CACHEINFO"),
    address=(address, "IFLA_INET6_TOKEN"),
))  # fmt: skip
_XDP = Attributes(if_link.IFLA_XDP, _kinds(
    octet=(u8, "IFLA_XDP_ATTACHED"),
    number=(u32, "IFLA_XDP_FLAGS IFLA_XDP_PROG_ID IFLA_XDP_DRV_PROG_ID IFLA_XDP_SKB_PROG_ID "
        "IFLA_XDP_HW_PROG_ID"),
    signed=(s32, "IFLA_XDP_FD IFLA_XDP_EXPECTED_FD"),
))  # fmt: skip
_PROPERTIES = Attributes(if_link.IFLA, _kinds(text=(string, "IFLA_ALT_IFNAME")))

LINK = Attributes(if_link.IFLA, _kinds(
    number=(u32, "IFLA_MTU IFLA_LINK IFLA_MASTER IFLA_TXQLEN IFLA_WEIGHT IFLA_NET_NS_PID IFLA_NUM_VF "
        "IFLA_GROUP "
                 "IFLA_NET_NS_FD IFLA_EXT_MASK IFLA_PROMISCUITY IFLA_NUM_TX_QUEUES IFLA_NUM_RX_QUEUES "
                 "IFLA_CARRIER_CHANGES IFLA_GSO_MAX_SEGS IFLA_GSO_MAX_SIZE IFLA_CARRIER_UP_COUNT "
                 "IFLA_CARRIER_DOWN_COUNT IFLA_MIN_MTU IFLA_MAX_MTU IFLA_EVENT IFLA_TSO_MAX_SIZE "
                 "IFLA_TSO_MAX_SEGS IFLA_ALLMULTI IFLA_GRO_MAX_SIZE"),
    signed=(s32, "IFLA_LINK_NETNSID IFLA_TARGET_NETNSID IFLA_NEW_NETNSID IFLA_NEW_IFINDEX"),
    octet=(u8, "IFLA_OPERSTATE IFLA_LINKMODE IFLA_CARRIER IFLA_PROTO_DOWN"),
    text=(string, "IFLA_IFNAME IFLA_QDISC IFLA_IFALIAS IFLA_PHYS_PORT_NAME IFLA_ALT_IFNAME "
                  "IFLA_PARENT_DEV_NAME IFLA_PARENT_DEV_BUS_NAME"),
    address=(address, "IFLA_ADDRESS IFLA_BROADCAST IFLA_PERM_ADDRESS"),
    stats=(rtnl_link_stats, "IFLA_STATS"), stats64=(rtnl_link_stats64, "IFLA_STATS64"),
    map=(rtnl_link_ifmap, "IFLA_MAP"), info=(_INFO, "IFLA_LINKINFO"), xdp=(_XDP, "IFLA_XDP"),
    properties=(_PROPERTIES, "IFLA_PROP_LIST"),
    families=(Attributes(socket.AF, {"AF_INET": _INET, "AF_INET6": _INET6}), "IFLA_AF_SPEC"),
))  # fmt: skip

ADDRESS = Attributes(if_addr.IFA, _kinds(
    address=(address, "IFA_ADDRESS IFA_LOCAL IFA_BROADCAST IFA_ANYCAST IFA_MULTICAST"),
    text=(string, "IFA_LABEL"), number=(u32, "IFA_FLAGS IFA_RT_PRIORITY"),
    signed=(s32, "IFA_TARGET_NETNSID"), octet=(u8, "IFA_PROTO"), times=(ifa_cacheinfo, "IFA_CACHEINFO"),
))  # fmt: skip

_METRICS = Attributes(rtnetlink.RTAX, {
    **{name: u32 for name in rtnetlink.RTAX if name != "RTAX_UNSPEC"}, "RTAX_CC_ALGO": string,
})  # fmt: skip

ROUTE = Attributes(rtnetlink.RTA, _kinds(
    address=(address, "RTA_DST RTA_SRC RTA_GATEWAY RTA_PREFSRC RTA_NEWDST"),
    number=(u32, "RTA_IIF RTA_OIF RTA_PRIORITY RTA_FLOW RTA_TABLE RTA_MARK RTA_UID RTA_EXPIRES RTA_NH_ID"),
    octet=(u8, "RTA_PREF RTA_IP_PROTO RTA_TTL_PROPAGATE"), short=(u16, "RTA_ENCAP_TYPE"),
    port=(be16, "RTA_SPORT RTA_DPORT"), times=(rta_cacheinfo, "RTA_CACHEINFO"), metrics=(_METRICS,
        "RTA_METRICS"),
))  # fmt: skip

ROUTE.kinds[rtnetlink.RTA["RTA_MULTIPATH"]] = Records(rtnexthop, ROUTE)

NEIGHBOUR = Attributes(neighbour.NDA, _kinds(
    address=(address, "NDA_DST NDA_LLADDR"), port=(be16, "NDA_PORT"), octet=(u8, "NDA_PROTOCOL"),
    number=(u32, "NDA_PROBES NDA_VNI NDA_IFINDEX NDA_MASTER NDA_SRC_VNI NDA_NH_ID NDA_FLAGS_EXT"),
    signed=(s32, "NDA_LINK_NETNSID"), short=(u16, "NDA_VLAN"), times=(nda_cacheinfo, "NDA_CACHEINFO"),
))  # fmt: skip

RULE = Attributes(fib_rules.FRA, _kinds(
    address=(address, "FRA_DST FRA_SRC"), text=(string, "FRA_IIFNAME FRA_OIFNAME"),
    number=(u32, "FRA_GOTO FRA_PRIORITY FRA_FWMARK FRA_FLOW FRA_SUPPRESS_IFGROUP FRA_SUPPRESS_PREFIXLEN "
                 "FRA_TABLE FRA_FWMASK"),
    octet=(u8, "FRA_L3MDEV FRA_PROTOCOL FRA_IP_PROTO"),
))  # fmt: skip

TRAFFIC = Attributes(rtnetlink.TCA, _kinds(
    text=(string, "TCA_KIND"), number=(u32, "TCA_CHAIN TCA_INGRESS_BLOCK TCA_EGRESS_BLOCK"),
    octet=(u8, "TCA_HW_OFFLOAD"),
))  # fmt: skip

INET_DIAG = Attributes(sock_diag.INET_DIAG, _kinds(
    memory=(inet_diag_meminfo, "INET_DIAG_MEMINFO"), info=(tcp_info, "INET_DIAG_INFO"),
    vegas=(tcpvegas_info, "INET_DIAG_VEGASINFO"), dctcp=(tcp_dctcp_info, "INET_DIAG_DCTCPINFO"),
    bbr=(tcp_bbr_info, "INET_DIAG_BBRINFO"), text=(string, "INET_DIAG_CONG"), numbers=(numbers,
        "INET_DIAG_SKMEMINFO"),
    octet=(u8, "INET_DIAG_TOS INET_DIAG_TCLASS INET_DIAG_SHUTDOWN INET_DIAG_SKV6ONLY INET_DIAG_PROTOCOL"),
    number=(u32, "INET_DIAG_MARK INET_DIAG_CLASS_ID"), wide=(u64, "INET_DIAG_CGROUP_ID"),
))  # fmt: skip

UNIX_DIAG = Attributes(sock_diag.UNIX_DIAG, _kinds(
    name=(binary, "UNIX_DIAG_NAME"), file=(unix_diag_vfs, "UNIX_DIAG_VFS"), number=(u32,
        "UNIX_DIAG_PEER UNIX_DIAG_UID"),
    numbers=(numbers, "UNIX_DIAG_ICONS UNIX_DIAG_MEMINFO"), queues=(unix_diag_rqlen, "UNIX_DIAG_RQLEN"),
    octet=(u8, "UNIX_DIAG_SHUTDOWN"),
))  # fmt: skip

_OPERATION = Attributes(genetlink.CTRL_ATTR_OP, _kinds(number=(u32, "CTRL_ATTR_OP_ID CTRL_ATTR_OP_FLAGS")))
_GROUP = Attributes(genetlink.CTRL_ATTR_MCAST_GRP, _kinds(
    text=(string, "CTRL_ATTR_MCAST_GRP_NAME"), number=(u32, "CTRL_ATTR_MCAST_GRP_ID"),
))  # fmt: skip

CONTROLLER = Attributes(genetlink.CTRL_ATTR, _kinds(
    short=(u16, "CTRL_ATTR_FAMILY_ID"), text=(string, "CTRL_ATTR_FAMILY_NAME"),
    number=(u32, "CTRL_ATTR_VERSION CTRL_ATTR_HDRSIZE CTRL_ATTR_MAXATTR CTRL_ATTR_OP"),
    operations=(Attributes(genetlink.CTRL_ATTR_OP, {}, listed=_OPERATION), "CTRL_ATTR_OPS"),
    groups=(Attributes(genetlink.CTRL_ATTR_MCAST_GRP, {}, listed=_GROUP), "CTRL_ATTR_MCAST_GROUPS"),
))  # fmt: skip

# What the numbers of an attribute are called: (names, whether they are flags).
VALUES: Mapping[str, tuple[Constants, bool]] = {
    "IFA_FLAGS": (if_addr.IFA_F, True), "IFLA_OPERSTATE": (if_.IF_OPER, False),
    "IFLA_LINKMODE": (if_.IF_LINK_MODE, False), "RTA_TABLE": (rtnetlink.RT_TABLE, False),
    "IFLA_INET6_ADDR_GEN_MODE": (if_link.IN6_ADDR_GEN_MODE, False),
    "IFLA_XDP_ATTACHED": (if_link.XDP_ATTACHED, False), "FRA_TABLE": (rtnetlink.RT_TABLE, False),
    "FRA_PROTOCOL": (rtnetlink.RTPROT, False), "INET_DIAG_PROTOCOL": (in_.IPPROTO, False),
}  # fmt: skip

RAW = Attributes(genetlink.GENL_ID, {}, listed=binary)
