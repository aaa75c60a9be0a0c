"""dev, route, ipv6_route, if_inet6, arp, igmp, igmp6, dev_mcast and snmp of /proc/net;
/sys/class/net/INTERFACE.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ptrace_net.network.values import Counters, Link, RouteType, RouteValue, Table
from ptrace_net.stack.addresses import format_ip, format_mac, multicast_mac
from ptrace_net.stack.interface import Interface
from ptrace_net.views.view import View, words

RTF_UP, RTF_GATEWAY, RTF_HOST = 0x1, 0x2, 0x4
RTF_REJECT, RTF_NONEXTHOP, RTF_LOCAL = 0x200, 0x200000, 0x80000000
ATF_COM, ATF_PERM = 0x2, 0x4
NUD_PERMANENT, NUD_VALID = 0x80, 0x2 | 0x4 | 0x8 | 0x10 | 0x80
_SCOPES6 = {254: 0x10, 253: 0x20, 200: 0x40, 0: 0x00}  # IPV6_ADDR_* of an RT_SCOPE_*
_OPERSTATES = ("unknown", "notpresent", "down", "lowerlayerdown", "testing", "dormant", "up")


def dev(view: View) -> str:
    rows = [
        "Inter-|   Receive                                                |  Transmit",
        " face |bytes    packets errs drop fifo frame compressed multicast|"
        "bytes    packets errs drop fifo colls carrier compressed",
    ]
    for link in view.network.links():
        c = view.network.counters(link.index)
        rows.append(
            f"{link.name:>6}: {c.rx_bytes:7d} {c.rx_packets:7d} {c.rx_errors:4d} {c.rx_dropped:4d} {0:4d} "
            f"{0:5d} {0:10d} {0:9d} {c.tx_bytes:8d} {c.tx_packets:7d} {0:4d} {c.tx_dropped:4d} {0:4d} {0:5d} "
            f"{0:7d} {0:10d}"
        )
    return "".join(f"{row}\n" for row in rows)


def route(view: View) -> str:
    rows = ["Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"]
    for each in view.network.routes4():
        if each.table == Table.MAIN and each.type == RouteType.UNICAST:
            mask = ((1 << 32) - (1 << (32 - each.length))).to_bytes(4, "big")
            rows.append(
                f"{view.name(each.index)}\t{words(each.destination)}\t{words(each.gateway or bytes(4))}\t"
                f"{_flags(each):04X}\t0\t0\t{each.metric}\t{words(mask)}\t{_mtu(each)}\t0\t0"
            )
    return "".join(f"{row.ljust(127)}\n" for row in rows)


def _mtu(each: RouteValue) -> int:
    """RTAX_ADVMSS and 40, as the kernel fills the column."""
    advertised = dict(each.metrics).get(8)
    return advertised + 40 if advertised else 0


def _flags(each: RouteValue) -> int:
    host = RTF_HOST if each.length == 32 else 0
    return RTF_UP | host | (RTF_GATEWAY if each.gateway else 0)


def ipv6_route(view: View) -> str:
    zero = bytes(16).hex()
    rows = []
    for each in view.network.routes6():
        flags = RTF_UP | (RTF_GATEWAY if each.gateway else 0)
        if each.type == RouteType.LOCAL:
            flags |= RTF_LOCAL | RTF_NONEXTHOP
        rows.append(
            f"{each.destination.hex()} {each.length:02x} {zero} 00 {(each.gateway or bytes(16)).hex()} "
            f"{each.metric:08x} 00000001 00000000 {flags:08x} {view.name(each.index):>8}"
        )
    null = f"{zero} 00 {zero} 00 {zero} ffffffff 00000001 00000000 {RTF_REJECT | RTF_NONEXTHOP:08x} {'lo':>8}"
    return "".join(f"{row}\n" for row in (*rows, null))


def if_inet6(view: View) -> str:
    return "".join(
        f"{each.local.hex()} {each.index:02x} {each.length:02x} {_SCOPES6.get(each.scope, 0):02x} "
        f"{each.flags & 0xFF:02x} {view.name(each.index):>8}\n"
        for each in view.network.addresses6()
    )


def arp(view: View) -> str:
    text = "IP address       HW type     Flags       HW address            Mask     Device\n"
    for each in view.network.neighbours(view.now):
        if each.family == 2:
            known = each.state & NUD_VALID
            flags = (ATF_COM if known else 0) | (ATF_PERM if each.state & NUD_PERMANENT else 0)
            mac = format_mac(each.mac or bytes(6))
            text += (
                f"{format_ip(each.address):<16} 0x{1:<10x}0x{flags:<10x}{mac:<17}     *        "
                f"{view.name(each.index)}\n"
            )
    return text


def _groups(interface: Interface, size: int) -> list[tuple[bytes, int]]:
    """The groups of a family with how often each was joined, the newest first."""
    return [(group, users) for group, users in interface.groups.joined.items() if len(group) == size][::-1]


def igmp(view: View) -> str:
    text = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n"
    for interface in view.network.interfaces():
        groups = _groups(interface, 4)
        text += f"{interface.index}\t{interface.name:<10}: {len(groups):5d} {'V3':>7}\n"
        for group, users in groups:
            text += f"\t\t\t\t{words(group)} {users:5d} 0:{0:08X}\t\t0\n"
    return text


def igmp6(view: View) -> str:
    return "".join(
        f"{interface.index:<4d} {interface.name:<15} {group.hex()} {users:5d} {_mcast_flags(group):08X} 0\n"
        for interface in view.network.interfaces()
        for group, users in _groups(interface, 16)
    )


def _mcast_flags(group: bytes) -> int:
    """MAF_NOREPORT and MAF_LOADED of the all-nodes group, MAF_LAST_REPORTER of the others."""
    return 0xC if group == b"\xff\x02" + bytes(13) + b"\1" else 0x4


def dev_mcast(view: View) -> str:
    return "".join(
        f"{interface.index:<4d} {interface.name:<15} {1:<5d} {0:<5d} {multicast_mac(group).hex()}\n"
        for interface in view.network.interfaces()
        if not interface.loopback
        for group in dict.fromkeys(interface.groups.joined)
    )


def snmp(view: View) -> str:
    """The kernel's columns; of them the stack counts packets in and out, and connections."""
    total = [view.network.counters(link.index) for link in view.network.links()]
    received, sent = sum(each.rx_packets for each in total), sum(each.tx_packets for each in total)
    established = sum(each.kind == 1 and each.state == 1 for each in view.sockets.inet())
    known = {
        "Ip": {
            "Forwarding": 2, "DefaultTTL": 64, "InReceives": received, "InDelivers": received,
            "OutRequests": sent,
        },
        "Tcp": {
            "RtoAlgorithm": 1, "RtoMin": 200, "RtoMax": 120000, "MaxConn": -1, "CurrEstab": established,
        },
    }  # fmt: skip
    text = ""
    for line in view.kernel("snmp").splitlines()[::2]:
        name, _, columns = line.partition(":")
        if name == "IcmpMsg":  # there where such messages came or went
            continue
        values = (str(known.get(name, {}).get(column, 0)) for column in columns.split())
        text += f"{line}\n{name}: {' '.join(values)}\n"
    return text


#: the files of /sys/class/net/INTERFACE and what they say
ATTRIBUTES: Mapping[str, Callable[[Link], object]] = {
    "addr_assign_type": lambda link: 0,
    "addr_len": lambda link: 6,
    "address": lambda link: format_mac(link.mac),
    "broadcast": lambda link: format_mac(link.broadcast),
    "carrier": lambda link: int(link.carrier),
    "carrier_changes": lambda link: link.carrier_changes,
    "dev_id": lambda link: "0x0",
    "dev_port": lambda link: 0,
    "dormant": lambda link: 0,
    "flags": lambda link: hex(link.flags & 0xFFFF & ~0x40),
    "ifalias": lambda link: link.alias,
    "ifindex": lambda link: link.index,
    "iflink": lambda link: link.index,
    "link_mode": lambda link: 0,
    "mtu": lambda link: link.mtu,
    "netdev_group": lambda link: link.group,
    "operstate": lambda link: _OPERSTATES[link.operstate],
    "tx_queue_len": lambda link: link.queue,
    "type": lambda link: 772 if link.loopback else 1,
    "uevent": lambda link: f"INTERFACE={link.name}\nIFINDEX={link.index}",
    "speed": lambda link: link.identity.speed if link.identity else None,
    "duplex": lambda link: ("full" if link.identity.full_duplex else "half") if link.identity else None,
}
STATISTICS = (
    "collisions", "multicast", "rx_bytes", "rx_compressed", "rx_crc_errors", "rx_dropped", "rx_errors",
    "rx_fifo_errors", "rx_frame_errors", "rx_length_errors", "rx_missed_errors", "rx_nohandler",
    "rx_over_errors", "rx_packets", "tx_aborted_errors", "tx_bytes", "tx_carrier_errors",
    "tx_compressed", "tx_dropped", "tx_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_packets",
    "tx_window_errors",
)  # fmt: skip


def attribute(link: Link, name: str) -> str | None:
    """A file of /sys/class/net/INTERFACE; None where reading it fails or it is not there."""
    made = ATTRIBUTES.get(name)
    value = made(link) if made else None
    return None if value is None else f"{value}\n"


def statistic(counters: Counters, name: str) -> str | None:
    return f"{getattr(counters, name, 0)}\n" if name in STATISTICS else None
