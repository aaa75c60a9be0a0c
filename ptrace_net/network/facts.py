"""What programs may set and ask for that our stack does not need: labels, metrics, queue lengths, origins."""

from __future__ import annotations

from dataclasses import dataclass

from ptrace_net.devices.identity import Identity
from ptrace_net.network.values import FOREVER, Table
from ptrace_net.stack.addresses import BROADCAST_MAC, IP, MAC

#: drivers/net/ethernet/intel/e1000: ETH_ZLEN - ETH_HLEN, MAX_JUMBO_FRAME_SIZE without header and checksum
E1000_MIN_MTU, E1000_MAX_MTU = 46, 16110


@dataclass(slots=True)
class LinkFacts:
    """Of a link. ``extra`` are the flags that only a program sets (IFF_PROMISC, IFF_ALLMULTI, IFF_NOARP...).
    """

    identity: Identity | None = None
    broadcast: MAC = BROADCAST_MAC
    min_mtu: int = E1000_MIN_MTU
    max_mtu: int = E1000_MAX_MTU
    queue: int = 1000
    qdisc: str = "pfifo_fast"
    alias: str = ""
    group: int = 0
    extra: int = 0
    promiscuity: int = 0
    allmulti: int = 0
    carrier: bool = True
    carrier_changes: int = 2


@dataclass(slots=True)
class AddressFacts:
    """Of an address. ``scope`` None means that of the address itself."""

    created: float
    changed: float
    label: str = ""
    peer: IP | None = None
    peer_length: int = 0
    priority: int = 0  #: IFA_RT_PRIORITY: the metric of the prefix's route
    broadcast: IP | None = None
    scope: int | None = None
    flags: int = 0
    protocol: int = 0


@dataclass(frozen=True, slots=True)
class RouteFacts:
    """Of a route."""

    protocol: int
    scope: int
    table: int = Table.MAIN
    tos: int = 0
    flags: int = 0
    metrics: tuple[tuple[int, int], ...] = ()
    expires: float = FOREVER
