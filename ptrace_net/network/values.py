"""What a network consists of, as rtnetlink(7) names it: one immutable value for a link, an address, a
route...

Addresses are bytes (4 or 16, 6 for Ethernet), times are seconds of the monotonic clock, ``index`` is an
ifindex.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, IntFlag
from typing import NamedTuple

from ptrace_net.devices.identity import Identity
from ptrace_net.stack.addresses import IP, MAC

AF_INET, AF_INET6 = 2, 10
FOREVER = float("inf")


class Flag(IntFlag):
    """IFF_* of linux/if.h."""

    UP = 0x1
    BROADCAST = 0x2
    LOOPBACK = 0x8
    RUNNING = 0x40
    NOARP = 0x80
    PROMISC = 0x100
    ALLMULTI = 0x200
    MULTICAST = 0x1000
    DYNAMIC = 0x8000
    LOWER_UP = 0x10000


class Scope(IntEnum):
    """RT_SCOPE_* of linux/rtnetlink.h."""

    UNIVERSE = 0
    SITE = 200
    LINK = 253
    HOST = 254
    NOWHERE = 255


class Table(IntEnum):
    """RT_TABLE_* of linux/rtnetlink.h."""

    UNSPEC = 0
    DEFAULT = 253
    MAIN = 254
    LOCAL = 255


class RouteType(IntEnum):
    """RTN_* of linux/rtnetlink.h: those that our stack has."""

    UNICAST = 1
    LOCAL = 2
    BROADCAST = 3
    MULTICAST = 5


class Origin(IntEnum):
    """RTPROT_* of linux/rtnetlink.h: who made a route. Others are kept as the program gave them."""

    UNSPEC = 0
    KERNEL = 2
    BOOT = 3
    STATIC = 4
    RA = 9
    DHCP = 16


class Counters(NamedTuple):
    """The counters of a link that our stack and devices know (struct rtnl_link_stats64)."""

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_errors: int = 0
    rx_dropped: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_dropped: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """An interface. ``identity`` is the hardware that it claims to be, None for ``lo``."""

    index: int
    name: str
    mac: MAC
    broadcast: MAC
    flags: int
    mtu: int
    min_mtu: int
    max_mtu: int
    queue: int
    qdisc: str
    operstate: int
    carrier: bool
    carrier_changes: int
    alias: str
    group: int
    promiscuity: int
    allmulti: int
    loopback: bool
    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Address:
    """An address of a link. ``peer`` differs from ``local`` on point-to-point links only."""

    index: int
    local: IP
    peer: IP
    length: int
    scope: int
    flags: int
    broadcast: IP | None
    label: str
    protocol: int
    preferred_until: float
    valid_until: float
    created: float
    changed: float
    priority: int = 0

    @property
    def family(self) -> int:
        return AF_INET if len(self.local) == 4 else AF_INET6


@dataclass(frozen=True, slots=True)
class RouteValue:
    """A route of a table. ``metrics`` are (RTAX_*, value) pairs."""

    destination: IP
    length: int
    index: int
    gateway: IP | None
    source: IP | None
    metric: int
    table: int
    protocol: int
    scope: int
    type: int
    tos: int
    flags: int
    metrics: tuple[tuple[int, int], ...]
    expires: float

    @property
    def family(self) -> int:
        return AF_INET if len(self.destination) == 4 else AF_INET6


@dataclass(frozen=True, slots=True)
class Neighbour:
    """An entry of a neighbour cache; ``state`` is NUD_*, ``flags`` NTF_*."""

    index: int
    address: IP
    mac: MAC | None
    state: int
    flags: int
    type: int
    probes: int
    updated: float

    @property
    def family(self) -> int:
        return AF_INET if len(self.address) == 4 else AF_INET6
