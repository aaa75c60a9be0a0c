"""SOL_PACKET and SOL_NETLINK; packet(7), netlink(7)."""

from ptrace_net.abi.constants.errqueue import SOF_TIMESTAMPING
from ptrace_net.abi.constants.if_packet import PACKET, TPACKET
from ptrace_net.abi.constants.netlink import NETLINK_OPTIONS
from ptrace_net.abi.if_packet import (
    fanout_args,
    packet_mreq,
    tpacket_req,
    tpacket_req3,
    tpacket_rollover_stats,
    tpacket_stats,
    tpacket_stats_v3,
)
from ptrace_net.abi.sockopt.model import Row, bits, number, numbers, rows, switch

_PACKET: tuple[Row, ...] = (
    ("PACKET_ADD_MEMBERSHIP", packet_mreq, "w", "-", "packet", "take frames for an address, or all frames"),
    ("PACKET_DROP_MEMBERSHIP", packet_mreq, "w", "-", "packet", "no longer"),
    ("PACKET_RECV_OUTPUT", number, "", "-", "packet", "reserved: ENOPROTOOPT"),
    ("PACKET_RX_RING", (tpacket_req3, tpacket_req), "w", "-", "packet",
     "ring for receiving; tpacket_req before TPACKET_V3"),
    ("PACKET_TX_RING", tpacket_req, "w", "-", "packet", "ring for sending"),
    ("PACKET_STATISTICS", (tpacket_stats, tpacket_stats_v3), "r", "0", "packet",
     "counters, cleared by reading; v3 has one more"),
    ("PACKET_COPY_THRESH", number, "rw", "0", "packet", "copy frames that are longer than a ring's frame"),
    ("PACKET_AUXDATA", switch, "rw", "0", "packet", "tpacket_auxdata with each packet"),
    ("PACKET_ORIGDEV", switch, "rw", "0", "packet", "sll_ifindex is that of the physical interface"),
    ("PACKET_VERSION", number, "rw", "0", "packet", "form of ring frames", TPACKET),
    ("PACKET_HDRLEN", number, "r", "-", "packet", "bytes of a frame's head; in: the version"),
    ("PACKET_RESERVE", number, "rw", "0", "packet", "room before each frame"),
    ("PACKET_LOSS", switch, "rw", "0", "packet", "malformed frames of a ring are dropped, not fatal"),
    ("PACKET_VNET_HDR", switch, "rw", "0", "packet", "a virtio_net_hdr before each packet"),
    ("PACKET_TX_TIMESTAMP", number, "", "-", "packet",
     "a control message: sock_extended_err of a sent frame"),
    ("PACKET_TIMESTAMP", number, "rw", "0", "packet", "source of ring timestamps", SOF_TIMESTAMPING, "flags"),
    ("PACKET_FANOUT", (fanout_args, bits), "rw", "0", "packet",
     "share packets among sockets; 4 bytes are enough"),
    ("PACKET_FANOUT_DATA", number, "w", "-", "packet", "the BPF program that shares them out"),
    ("PACKET_TX_HAS_OFF", switch, "rw", "0", "packet", "ring frames say where their data begin"),
    ("PACKET_QDISC_BYPASS", switch, "rw", "0", "packet", "send past the queueing discipline"),
    ("PACKET_ROLLOVER_STATS", tpacket_rollover_stats, "r", "-", "packet",
     "counters of a fanout; EINVAL without"),
    ("PACKET_IGNORE_OUTGOING", switch, "rw", "0", "packet", "do not get what the host sends"),
    ("PACKET_VNET_HDR_SZ", number, "rw", "0", "packet", "bytes of the virtio_net_hdr"),
)

_NETLINK: tuple[Row, ...] = (
    ("NETLINK_ADD_MEMBERSHIP", number, "w", "-", "netlink", "join a multicast group by its number"),
    ("NETLINK_DROP_MEMBERSHIP", number, "w", "-", "netlink", "leave it"),
    ("NETLINK_LIST_MEMBERSHIPS", numbers, "r", "", "netlink", "joined groups as a bit array"),
    ("NETLINK_PKTINFO", switch, "rw", "0", "netlink", "nl_pktinfo (the group) with each message"),
    ("NETLINK_BROADCAST_ERROR", switch, "rw", "0", "netlink",
     "a broadcast that a listener missed is an error"),
    ("NETLINK_NO_ENOBUFS", switch, "rw", "0", "netlink", "lose messages without ENOBUFS"),
    ("NETLINK_RX_RING", number, "", "-", "netlink", "removed in Linux 4.6: ENOPROTOOPT"),
    ("NETLINK_TX_RING", number, "", "-", "netlink", "removed in Linux 4.6: ENOPROTOOPT"),
    ("NETLINK_LISTEN_ALL_NSID", switch, "rw", "0", "netlink",
     "also of the other namespaces that have an id here"),
    ("NETLINK_CAP_ACK", switch, "rw", "0", "netlink", "an error does not carry the whole request"),
    ("NETLINK_EXT_ACK", switch, "rw", "0", "netlink", "errors come with attributes: NLMSGERR_ATTR_*"),
    ("NETLINK_GET_STRICT_CHK", switch, "rw", "0", "netlink", "dump requests are checked and may filter"),
)

PACKET_OPTIONS = (
    *rows(263, "SOL_PACKET", PACKET, _PACKET),
    *rows(270, "SOL_NETLINK", NETLINK_OPTIONS, _NETLINK),
)
