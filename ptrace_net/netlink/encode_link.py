"""RTM_NEWLINK, as rtnl_fill_ifinfo() and inet6_fill_ifinfo() of the kernel write it, and queueing
disciplines.

Settings that the stack does not have (IFLA_INET_CONF and its like) are those of a kernel's defaults.
"""

from __future__ import annotations

import struct

from ptrace_net.abi.constants.if_link import IFLA, IFLA_INET, IFLA_INET6
from ptrace_net.abi.constants.rtnetlink import RTM, TCA
from ptrace_net.abi.netlink.route import (
    ifinfomsg,
    ifla_cacheinfo,
    rtnl_link_ifmap,
    rtnl_link_stats,
    rtnl_link_stats64,
    tcmsg,
)
from ptrace_net.netlink import wire
from ptrace_net.netlink.endpoint import Piece
from ptrace_net.network.values import Counters, Link

ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
RTEXT_FILTER_SKIP_STATS = 0x8
IF_READY, IF_RA_RCVD, IF_RS_SENT = 0x80000000, 0x20, 0x10
TC_H_ROOT = 0xFFFFFFFF

_INFO, _STATS, _STATS64 = ifinfomsg.fast(), rtnl_link_stats.fast(), rtnl_link_stats64.fast()
_MAP, _TIMES, _TC = rtnl_link_ifmap.fast(), ifla_cacheinfo.fast(), tcmsg.fast()
_I = {name: IFLA[name] for name in IFLA}
_GSO_MAX = 65536

# IPV4_DEVCONF_*, those that differ from 0, by number: net/ipv4/devinet.c
_CONF4 = {4: 1, 5: 1, 6: 1, 7: 1, 9: 1, 27: 10000, 28: 1000, 33: 1}
_CONF4_LOOPBACK = {**_CONF4, 15: 1, 16: 1}
_CONF4_COUNT = 33


def link(
    value: Link, counters: Counters, now: float, extended: int = 0, kind: int = RTM["RTM_NEWLINK"],
    changed: int = 0,
) -> Piece:
    """A link with everything that ``ip -d link`` shows. ``extended`` is IFLA_EXT_MASK, ``changed``
    the flags that a notification is about.
    """
    parts = [
        wire.text(_I["IFLA_IFNAME"], value.name),
        wire.u32(_I["IFLA_TXQLEN"], value.queue),
        wire.u8(_I["IFLA_OPERSTATE"], value.operstate),
        wire.u8(_I["IFLA_LINKMODE"], 0),
        wire.u32(_I["IFLA_MTU"], value.mtu),
        wire.u32(_I["IFLA_MIN_MTU"], value.min_mtu),
        wire.u32(_I["IFLA_MAX_MTU"], value.max_mtu),
        wire.u32(_I["IFLA_GROUP"], value.group),
        wire.u32(_I["IFLA_PROMISCUITY"], value.promiscuity),
        wire.u32(_I["IFLA_ALLMULTI"], value.allmulti),
        wire.u32(_I["IFLA_NUM_TX_QUEUES"], 1),
        wire.u32(_I["IFLA_GSO_MAX_SEGS"], 65535),
        wire.u32(_I["IFLA_GSO_MAX_SIZE"], _GSO_MAX),
        wire.u32(_I["IFLA_GRO_MAX_SIZE"], _GSO_MAX),
        wire.u32(_I["IFLA_TSO_MAX_SIZE"], 524280 if value.loopback else _GSO_MAX),
        wire.u32(_I["IFLA_TSO_MAX_SEGS"], 65535),
        wire.u32(_I["IFLA_NUM_RX_QUEUES"], 1),
        wire.u8(_I["IFLA_CARRIER"], value.carrier),
        wire.text(_I["IFLA_QDISC"], value.qdisc),
    ]
    if value.alias:
        parts.append(wire.text(_I["IFLA_IFALIAS"], value.alias)[:])
    changes = value.carrier_changes
    parts += [
        wire.u32(_I["IFLA_CARRIER_CHANGES"], changes),
        wire.u32(_I["IFLA_CARRIER_UP_COUNT"], (changes + 1) // 2),
        wire.u32(_I["IFLA_CARRIER_DOWN_COUNT"], changes // 2),
        wire.u8(_I["IFLA_PROTO_DOWN"], 0),
        wire.attribute(_I["IFLA_MAP"], _MAP.pack(0, 0, 0, 0, 0, 0)),
        wire.attribute(_I["IFLA_ADDRESS"], value.mac),
        wire.attribute(_I["IFLA_BROADCAST"], value.broadcast),
    ]
    if not extended & RTEXT_FILTER_SKIP_STATS:
        parts += _statistics(counters)
    parts += [wire.nest(_I["IFLA_XDP"], [wire.u8(2, 0)]), _families(value, now)]
    if value.identity is not None:
        parts += [
            wire.attribute(_I["IFLA_PERM_ADDRESS"], value.identity.mac),
            wire.text(_I["IFLA_PARENT_DEV_NAME"], value.identity.bus_info),
            wire.text(_I["IFLA_PARENT_DEV_BUS_NAME"], "pci"),
        ]
    return Piece(kind, _head(value, 0, changed) + b"".join(parts))


def link6(value: Link, now: float) -> Piece:
    """What AF_INET6 says of a link: inet6_fill_ifinfo()."""
    parts = [
        wire.text(_I["IFLA_IFNAME"], value.name),
        wire.attribute(_I["IFLA_ADDRESS"], value.mac),
        wire.u32(_I["IFLA_MTU"], value.mtu),
        wire.u8(_I["IFLA_OPERSTATE"], value.operstate),
        wire.attribute(_I["IFLA_PROTINFO"] | wire.NLA_F_NESTED, _settings6(value, now)),
    ]
    return Piece(RTM["RTM_NEWLINK"], _head(value, 10) + b"".join(parts))


def _head(value: Link, family: int, changed: int = 0) -> bytes:
    kind = ARPHRD_LOOPBACK if value.loopback else ARPHRD_ETHER
    return _INFO.pack(family, kind, value.index, value.flags, changed)


def _statistics(c: Counters) -> list[bytes]:
    counted = (
        c.rx_packets,
        c.tx_packets,
        c.rx_bytes,
        c.tx_bytes,
        c.rx_errors,
        0,
        c.rx_dropped,
        c.tx_dropped,
        *(0 for _ in range(16)),
    )
    narrow = tuple(count & 0xFFFFFFFF for count in counted)
    return [
        wire.attribute(_I["IFLA_STATS64"], _STATS64.pack(*counted, 0)),
        wire.attribute(_I["IFLA_STATS"], _STATS.pack(*narrow)),
    ]


def _families(value: Link, now: float) -> bytes:
    conf = _CONF4_LOOPBACK if value.loopback else _CONF4
    words = struct.pack(f"={_CONF4_COUNT}i", *(conf.get(number, 0) for number in range(1, _CONF4_COUNT + 1)))
    inet = wire.nest(2, [wire.attribute(IFLA_INET["IFLA_INET_CONF"], words)])
    inet6 = wire.attribute(10, _settings6(value, now))
    return wire.nest(_I["IFLA_AF_SPEC"], [inet, inet6])


def _settings6(value: Link, now: float) -> bytes:
    ready = IF_READY if value.flags & 0x40 else 0
    flags = ready if value.loopback else ready | IF_RS_SENT
    return b"".join(
        (
            wire.u32(IFLA_INET6["IFLA_INET6_FLAGS"], flags),
            wire.attribute(IFLA_INET6["IFLA_INET6_CACHEINFO"], _TIMES.pack(65535, 0, 30000, 1000)),
            wire.attribute(IFLA_INET6["IFLA_INET6_TOKEN"], bytes(16)),
            wire.u8(IFLA_INET6["IFLA_INET6_ADDR_GEN_MODE"], 0),
        )
    )


def qdisc(value: Link, counters: Counters, kind: int = RTM["RTM_NEWQDISC"]) -> Piece:
    """tc_fill_qdisc(): the root queueing discipline of a link."""
    head = _TC.pack(0, value.index, 0, TC_H_ROOT, 2)
    parts = [wire.text(TCA["TCA_KIND"], value.qdisc)]
    if value.qdisc == "pfifo_fast":  # struct tc_prio_qopt: its three bands
        bands = bytes((1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1))
        parts.append(wire.attribute(TCA["TCA_OPTIONS"], struct.pack("=i", 3) + bands))
    parts.append(wire.u8(TCA["TCA_HW_OFFLOAD"], 0))
    sent, packets = (0, 0) if value.qdisc == "noqueue" else (counters.tx_bytes, counters.tx_packets)
    queue = struct.pack("=IIIII", 0, 0, 0, 0, 0)
    basic = wire.attribute(1, struct.pack("=QII", sent, packets & 0xFFFFFFFF, 0))
    parts.append(wire.nest(7, [basic, wire.attribute(3, queue)]))  # TCA_STATS2: basic, queue
    old = struct.pack("=QIIIIIIII", sent, packets & 0xFFFFFFFF, 0, 0, 0, 0, 0, 0, 0)[:40]
    parts.append(wire.attribute(TCA["TCA_STATS"], old))
    return Piece(kind, head + b"".join(parts))
