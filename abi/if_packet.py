"""Values of SOL_PACKET options and the heads of ring frames: linux/if_packet.h; packet(7)."""

from ptrace_net.abi.constants.if_ether import ETH_P
from ptrace_net.abi.constants.if_packet import PACKET_MR, TP_STATUS
from ptrace_net.abi.kinds import Pad, c_int, c_uint, c_ulong, c_ushort, mac, u16, u32, u64
from ptrace_net.abi.layout import Field, Layout

packet_mreq = Layout(
    "packet_mreq", "linux/if_packet.h", "PACKET_ADD_MEMBERSHIP: which frames an interface shall take.",
    Field("mr_ifindex", c_int, "interface index"),
    Field("mr_type", c_ushort, "one address, all multicast, all frames", PACKET_MR),
    Field("mr_alen", c_ushort, "bytes of mr_address that count"),
    Field("mr_address", mac(8), "link-layer address"),
    calls="setsockopt",
)  # fmt: skip

_RING = (
    Field("tp_block_size", c_uint, "bytes of a block: a multiple of the page size"),
    Field("tp_block_nr", c_uint, "blocks; 0: remove the ring"),
    Field("tp_frame_size", c_uint, "bytes of a frame: a multiple of 16"),
    Field("tp_frame_nr", c_uint, "frames: blocks times frames in a block"),
)

tpacket_req = Layout(
    "tpacket_req", "linux/if_packet.h", "PACKET_RX_RING, PACKET_TX_RING: a ring shared with the kernel.",
    *_RING, calls="setsockopt",
)  # fmt: skip

tpacket_req3 = Layout(
    "tpacket_req3", "linux/if_packet.h", "PACKET_RX_RING with TPACKET_V3: blocks of frames of any length.",
    *_RING,
    Field("tp_retire_blk_tov", c_uint, "ms after which a block that is not full is handed over; 0: chosen"),
    Field("tp_sizeof_priv", c_uint, "bytes of private data in each block"),
    Field("tp_feature_req_word", c_uint, "TP_FT_REQ_FILL_RXHASH: 1"),
    calls="setsockopt",
)  # fmt: skip

tpacket_stats = Layout(
    "tpacket_stats", "linux/if_packet.h", "PACKET_STATISTICS: counted since it was last read.",
    Field("tp_packets", c_uint, "packets, dropped ones included"),
    Field("tp_drops", c_uint, "packets dropped for want of room"),
    calls="getsockopt",
)  # fmt: skip

tpacket_stats_v3 = Layout(
    "tpacket_stats_v3", "linux/if_packet.h", "PACKET_STATISTICS with TPACKET_V3.",
    Field("tp_packets", c_uint, "packets, dropped ones included"),
    Field("tp_drops", c_uint, "packets dropped for want of room"),
    Field("tp_freeze_q_cnt", c_uint, "times the queue was frozen"),
    calls="getsockopt",
)  # fmt: skip

tpacket_rollover_stats = Layout(
    "tpacket_rollover_stats", "linux/if_packet.h", "PACKET_ROLLOVER_STATS: how often a fanout rolled over.",
    Field("tp_all", u64, "packets"),
    Field("tp_huge", u64, "of them, in large flows"),
    Field("tp_failed", u64, "without success"),
    calls="getsockopt",
)  # fmt: skip

tpacket_auxdata = Layout(
    "tpacket_auxdata", "linux/if_packet.h", "PACKET_AUXDATA: what came with a packet; a control message.",
    Field("tp_status", u32, "status", TP_STATUS, flags=True),
    Field("tp_len", u32, "length on the wire"),
    Field("tp_snaplen", u32, "length captured"),
    Field("tp_mac", u16, "offset of the link-layer header"),
    Field("tp_net", u16, "offset of the network header"),
    Field("tp_vlan_tci", u16, "VLAN tag"),
    Field("tp_vlan_tpid", u16, "its EtherType", ETH_P),
    calls="recvmsg",
)  # fmt: skip

fanout_args = Layout(
    "fanout_args", "linux/if_packet.h", "PACKET_FANOUT: share packets among sockets. Its first 4 bytes are "
    "enough.",
    Field("id_type_flags", u32, "group id in the low 16 bits, PACKET_FANOUT_* in the high 16", c=""),
    Field("max_num_members", u32, "sockets in the group at most; 0: 256"),
    calls="setsockopt",
)  # fmt: skip

tpacket_hdr = Layout(
    "tpacket_hdr", "linux/if_packet.h", "The head of a frame in a TPACKET_V1 ring.",
    Field("tp_status", c_ulong, "whose the frame is, and what happened to it", TP_STATUS, flags=True),
    Field("tp_len", c_uint, "length on the wire"),
    Field("tp_snaplen", c_uint, "length captured"),
    Field("tp_mac", c_ushort, "offset of the link-layer header"),
    Field("tp_net", c_ushort, "offset of the network header"),
    Field("tp_sec", c_uint, "seconds"),
    Field("tp_usec", c_uint, "microseconds"),
)  # fmt: skip

tpacket2_hdr = Layout(
    "tpacket2_hdr", "linux/if_packet.h", "The head of a frame in a TPACKET_V2 ring.",
    Field("tp_status", u32, "whose the frame is, and what happened to it", TP_STATUS, flags=True),
    Field("tp_len", u32, "length on the wire"),
    Field("tp_snaplen", u32, "length captured"),
    Field("tp_mac", u16, "offset of the link-layer header"),
    Field("tp_net", u16, "offset of the network header"),
    Field("tp_sec", u32, "seconds"),
    Field("tp_nsec", u32, "nanoseconds"),
    Field("tp_vlan_tci", u16, "VLAN tag"),
    Field("tp_vlan_tpid", u16, "its EtherType", ETH_P),
    Field("tp_padding", Pad(4), "reserved"),
)  # fmt: skip

tpacket3_hdr = Layout(
    "tpacket3_hdr", "linux/if_packet.h", "The head of a frame in a TPACKET_V3 ring.",
    Field("tp_next_offset", u32, "bytes to the next frame of the block"),
    Field("tp_sec", u32, "seconds"),
    Field("tp_nsec", u32, "nanoseconds"),
    Field("tp_snaplen", u32, "length captured"),
    Field("tp_len", u32, "length on the wire"),
    Field("tp_status", u32, "what happened to it", TP_STATUS, flags=True),
    Field("tp_mac", u16, "offset of the link-layer header"),
    Field("tp_net", u16, "offset of the network header"),
    Field("tp_rxhash", u32, "hash of the flow", c="hv1.tp_rxhash"),
    Field("tp_vlan_tci", u32, "VLAN tag", c="hv1.tp_vlan_tci"),
    Field("tp_vlan_tpid", u16, "its EtherType", ETH_P, c="hv1.tp_vlan_tpid"),
    Field("tp_hv1_padding", Pad(2), "reserved", c="hv1.tp_padding"),
    Field("tp_padding", Pad(8), "reserved"),
)  # fmt: skip
