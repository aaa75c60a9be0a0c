"""Values of the network as rtnetlink messages: RTM_NEWLINK, RTM_NEWADDR, RTM_NEWROUTE, RTM_NEWNEIGH...

The order of attributes is the kernel's (rtnl_fill_ifinfo, inet_fill_ifaddr, fib_dump_info...), bodies are
packed with the layouts of ``ptrace_net.abi``.
"""

from __future__ import annotations

from dataclasses import replace

from ptrace_net.abi.constants.if_addr import IFA
from ptrace_net.abi.constants.neighbour import NDA
from ptrace_net.abi.constants.rtnetlink import RTA, RTM
from ptrace_net.abi.netlink.route import (
    ifa_cacheinfo,
    ifaddrmsg,
    nda_cacheinfo,
    ndmsg,
    rta_cacheinfo,
    rtmsg,
)
from ptrace_net.netlink import wire
from ptrace_net.netlink.endpoint import Piece
from ptrace_net.network.values import AF_INET, FOREVER, Address, Neighbour, RouteType, RouteValue

HZ = 100  # USER_HZ: the unit of times in messages
INFINITY = 0xFFFFFFFF
RTM_F_CLONED, RTCF_LOCAL, RTCF_BROADCAST, RTCF_MULTICAST = 0x200, 0x80000000, 0x10000000, 0x20000000

_ADDR, _ADDR_CACHE = ifaddrmsg.fast(), ifa_cacheinfo.fast()
_ROUTE, _ROUTE_CACHE = rtmsg.fast(), rta_cacheinfo.fast()
_NEIGH, _NEIGH_CACHE = ndmsg.fast(), nda_cacheinfo.fast()
_A = {name: IFA[name] for name in IFA}
_R = {name: RTA[name] for name in RTA}
_N = {name: NDA[name] for name in NDA}

_RESULTS: dict[int, int] = {RouteType.BROADCAST: RTCF_BROADCAST, RouteType.MULTICAST: RTCF_MULTICAST}


def ticks(seconds: float) -> int:
    return int(seconds * HZ) & 0xFFFFFFFF


def address(value: Address, now: float, kind: int = RTM["RTM_NEWADDR"]) -> Piece:
    """struct ifaddrmsg and IFA_*: of IPv4 with a label and a local address, of IPv6 the peer or the address.
    """
    head = _ADDR.pack(value.family, value.length, value.flags & 0xFF, value.scope, value.index)
    cache = wire.attribute(
        _A["IFA_CACHEINFO"],
        _ADDR_CACHE.pack(
            _left(value.preferred_until, now),
            _left(value.valid_until, now),
            ticks(value.created),
            ticks(value.changed),
        ),
    )
    flags = wire.u32(_A["IFA_FLAGS"], value.flags)
    protocol = wire.u8(_A["IFA_PROTO"], value.protocol) if value.protocol else b""
    priority = wire.u32(_A["IFA_RT_PRIORITY"], value.priority) if value.priority else b""
    if value.family == AF_INET:
        parts = [wire.attribute(_A["IFA_ADDRESS"], value.peer), wire.attribute(_A["IFA_LOCAL"], value.local)]
        if value.broadcast:
            parts.append(wire.attribute(_A["IFA_BROADCAST"], value.broadcast))
        if value.label:
            parts.append(wire.text(_A["IFA_LABEL"], value.label))
        parts += [protocol, flags, priority, cache]
    else:
        local = wire.attribute(_A["IFA_LOCAL"], value.local) if value.peer != value.local else b""
        parts = [local, wire.attribute(_A["IFA_ADDRESS"], value.peer), priority, cache, flags, protocol]
    return Piece(kind, head + b"".join(parts))


def _left(until: float, now: float) -> int:
    return INFINITY if until == FOREVER else max(0, int(until - now))


def route(value: RouteValue, now: float, kind: int = RTM["RTM_NEWROUTE"]) -> Piece:
    """A route as a dump tells it: fib_dump_info() and rt6_fill_node()."""
    table = value.table if value.table < 256 else 252  # RT_TABLE_COMPAT
    head = _ROUTE.pack(
        value.family, value.length, 0, value.tos, table, value.protocol, value.scope, value.type, value.flags
    )
    parts = [wire.u32(_R["RTA_TABLE"], value.table)]
    if value.length:
        parts.append(wire.attribute(_R["RTA_DST"], value.destination))
    tail = _tail4(value) if value.family == AF_INET else _tail6(value, now)
    return Piece(kind, head + b"".join([*parts, *tail]))


def _metrics(value: RouteValue) -> list[bytes]:
    if not value.metrics:
        return []
    return [
        wire.attribute(
            _R["RTA_METRICS"] | wire.NLA_F_NESTED, b"".join(wire.u32(*each) for each in value.metrics)
        )
    ]


def _tail4(value: RouteValue) -> list[bytes]:
    parts = [wire.u32(_R["RTA_PRIORITY"], value.metric)] if value.metric else []
    parts += _metrics(value)
    if value.source:
        parts.append(wire.attribute(_R["RTA_PREFSRC"], value.source))
    if value.gateway:
        parts.append(wire.attribute(_R["RTA_GATEWAY"], value.gateway))
    return [*parts, wire.u32(_R["RTA_OIF"], value.index)]


def _tail6(value: RouteValue, now: float, references: int = 0) -> list[bytes]:
    parts = _metrics(value)
    if value.source:
        parts.append(wire.attribute(_R["RTA_PREFSRC"], value.source))
    parts.append(wire.u32(_R["RTA_PRIORITY"], value.metric))
    if value.gateway:
        parts.append(wire.attribute(_R["RTA_GATEWAY"], value.gateway))
    expires = 0 if value.expires == FOREVER else ticks(max(0.0, value.expires - now))
    return [
        *parts,
        wire.u32(_R["RTA_OIF"], value.index),
        _route_cache(references, expires),
        wire.u8(_R["RTA_PREF"], 0),
    ]


def _route_cache(references: int, expires: int = 0) -> bytes:
    return wire.attribute(_R["RTA_CACHEINFO"], _ROUTE_CACHE.pack(references, 0, expires, 0, 0, 0, 0, 0))


def resolved4(
    value: RouteValue,
    destination: bytes,
    source: bytes | None,
    asked: bytes | None,
    uid: int,
    mark: int,
    index: int,
    ours: bool,
) -> Piece:
    """What ``ip route get`` shows for IPv4 (rt_fill_info): the route that one destination takes.

    ``value.table`` is the one to name, and ``ours`` says whether the packet comes (also) to this host.
    """
    flags = RTM_F_CLONED | _RESULTS.get(value.type, 0) | (RTCF_LOCAL if ours else 0)
    head = _ROUTE.pack(AF_INET, 32, 32 if asked else 0, value.tos, value.table, 0, 0, value.type, flags)
    parts = [wire.u32(_R["RTA_TABLE"], value.table), wire.attribute(_R["RTA_DST"], destination)]
    if asked:
        parts.append(wire.attribute(_R["RTA_SRC"], asked))
    parts.append(wire.u32(_R["RTA_OIF"], index))
    if source and source != asked:
        parts.append(wire.attribute(_R["RTA_PREFSRC"], source))
    if value.gateway:
        parts.append(wire.attribute(_R["RTA_GATEWAY"], value.gateway))
    parts += _metrics(value)
    if mark:
        parts.append(wire.u32(_R["RTA_MARK"], mark))
    parts += [wire.u32(_R["RTA_UID"], uid), _route_cache(1)]
    return Piece(RTM["RTM_NEWROUTE"], head + b"".join(parts))


def resolved6(value: RouteValue, destination: bytes, source: bytes, asked: bytes | None, now: float) -> Piece:
    """The same for IPv6 (rt6_fill_node with a destination): what is said of the route itself stays."""
    head = _ROUTE.pack(
        value.family, 128, 128, 0, value.table, value.protocol, value.scope, value.type, value.flags
    )
    parts = [
        wire.u32(_R["RTA_TABLE"], value.table),
        wire.attribute(_R["RTA_DST"], destination),
        wire.attribute(_R["RTA_SRC"], asked or bytes(16)),
    ]
    tail = _tail6(replace(value, source=source), now, 1)
    return Piece(RTM["RTM_NEWROUTE"], head + b"".join([*parts, *tail]))


def neighbour(value: Neighbour, now: float, kind: int = RTM["RTM_NEWNEIGH"]) -> Piece:
    """neigh_fill_info()."""
    head = _NEIGH.pack(value.family, value.index, value.state, value.flags, value.type)
    parts = [wire.attribute(_N["NDA_DST"], value.address)]
    if value.mac is not None:
        parts.append(wire.attribute(_N["NDA_LLADDR"], value.mac))
    age = ticks(max(0.0, now - value.updated))
    parts += [
        wire.u32(_N["NDA_PROBES"], value.probes),
        wire.attribute(_N["NDA_CACHEINFO"], _NEIGH_CACHE.pack(age, age, age, 0)),
    ]
    return Piece(kind, head + b"".join(parts))
