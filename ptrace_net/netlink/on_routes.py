"""RTM_GETROUTE, RTM_NEWROUTE, RTM_DELROUTE: net/ipv4/fib_frontend.c, net/ipv6/route.c."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from dataclasses import replace

from ptrace_net.abi.constants.rtnetlink import RTA
from ptrace_net.abi.netlink.route import rtmsg
from ptrace_net.netlink import encode, wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import NEST, U8, U16, U32, Attributes, Head, Policy, at_least
from ptrace_net.network import routing
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.routing import WantedRoute
from ptrace_net.network.values import AF_INET, AF_INET6, FOREVER, RouteType, RouteValue, Scope, Table
from ptrace_net.stack.addresses import BROADCAST4, LOOPBACK4, is_any, is_multicast, network_of
from ptrace_net.stack.interface import Interface

_R = {name: RTA[name] for name in RTA}
DST, SRC, OIF, IIF, GATEWAY = (_R[f"RTA_{name}"] for name in ("DST", "SRC", "OIF", "IIF", "GATEWAY"))
PREFSRC, PRIORITY, METRICS, TABLE = (
    _R[f"RTA_{name}"] for name in ("PREFSRC", "PRIORITY", "METRICS", "TABLE")
)
MOST = _R["RTA_NH_ID"]
_BODY = rtmsg.fast()
_SHARED: Policy = {
    METRICS: NEST,
    _R["RTA_MULTIPATH"]: at_least(8),
    _R["RTA_ENCAP"]: NEST,
    _R["RTA_ENCAP_TYPE"]: U16,
    _R["RTA_IP_PROTO"]: U8,
    _R["RTA_SPORT"]: U16,
    _R["RTA_DPORT"]: U16,
    **{_R[f"RTA_{name}"]: U32 for name in ["OIF", "IIF", "PRIORITY", "UID", "MARK", "TABLE", "NH_ID"]},
}
POLICIES: dict[int, Policy] = {
    AF_INET: {**_SHARED, DST: U32, SRC: U32, GATEWAY: U32, PREFSRC: U32, _R["RTA_FLOW"]: U32},
    AF_INET6: {
        **_SHARED,
        GATEWAY: at_least(16),
        PREFSRC: at_least(16),
        _R["RTA_PREF"]: U8,
        _R["RTA_EXPIRES"]: U32,
    },
}
RTM_F_CLONED, RTM_F_LOOKUP_TABLE, RTM_F_FIB_MATCH, RTM_F_PREFIX = 0x200, 0x1000, 0x2000, 0x800
_REFUSED = {
    "RTA_MULTIPATH": "routes with several next hops are not supported",
    "RTA_ENCAP": "encapsulation is not supported",
    "RTA_NH_ID": "next hop objects are not supported",
    "RTA_VIA": "gateways of another family are not supported",
}
_SIZE = {AF_INET: 4, AF_INET6: 16}
_BAD_FLAGS6 = "Invalid flags for get route request"


def dump4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return _dump(network, AF_INET, message, port, now)


def dump6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return _dump(network, AF_INET6, message, port, now)


def _dump(network: Network, family: int, message: bytes, port: Port, now: float) -> Dump:
    """inet_dump_fib(), inet6_dump_fib(): filters are honoured with NETLINK_GET_STRICT_CHK only."""
    values = network.routes(family)
    filtered = False
    if port.strict:
        try:
            values, filtered = _filtered(network, values, family, message), True
        except Refused as error:
            return Dump(refused=error)
    elif len(message) >= wire.HEADER + _BODY.size and _BODY.unpack(message, wire.HEADER)[8] & RTM_F_CLONED:
        return Dump()  # cached routes, of which there are none any more
    return Dump((encode.route(each, now) for each in values), filtered)


def _filtered(
    network: Network, values: list[RouteValue], family: int, message: bytes
) -> list[RouteValue]:
    """ip_valid_fib_dump_req(), and what matches."""
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, "Invalid header for FIB dump request")
    _, dst_len, src_len, tos, table, protocol, scope, kind, flags = _BODY.unpack(message, wire.HEADER)
    if dst_len or src_len or tos or scope:
        raise Refused(errno.EINVAL, "Invalid values in header for FIB dump request")
    if flags & ~(RTM_F_CLONED | RTM_F_PREFIX):
        raise Refused(errno.EINVAL, "Invalid flags for FIB dump request")
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[family], wire.DEPRECATED_STRICT)
    for number in sorted(tb):
        if number not in (TABLE, OIF):
            raise Refused(errno.EINVAL, "Unsupported attribute in dump request")
    table, index = tb.u32(TABLE, table), tb.u32(OIF)
    if index and network.by_index(index) is None:
        raise Refused(errno.ENODEV)
    if flags & RTM_F_CLONED:
        return []
    if table not in (0, Table.MAIN, Table.LOCAL, Table.DEFAULT):
        raise Refused(
            errno.ENOENT,
            "ipv4: FIB table does not exist" if family == AF_INET else "FIB table does not exist",
        )
    found = [
        value
        for value in values
        if table in (0, value.table)
        and protocol in (0, value.protocol)
        and kind in (0, value.type)
        and index in (0, value.index)
    ]
    return found


def get4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """``ip route get``: inet_rtm_getroute()."""
    _check_get(message, "ipv4: ", port.strict)
    mode = wire.DEPRECATED_STRICT if port.strict else wire.LIBERAL
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET], mode)
    _, dst_len, src_len, _, _, _, _, _, flags = _BODY.unpack(message, wire.HEADER)
    if port.strict and ((SRC in tb and not src_len) or (DST in tb and not dst_len)):
        raise Refused(errno.EINVAL, "ipv4: rtm_src_len and rtm_dst_len must be 32 for IPv4")
    destination, asked = tb.get(DST, bytes(4))[:4], tb.get(SRC, b"")[:4] or None
    out = _link(network, tb.u32(OIF))
    if tb.u32(IIF):
        raise Refused(errno.EOPNOTSUPP, "routes of incoming packets are not supported")
    if asked is not None and not network.host.may_bind(asked):
        raise Refused(errno.ENETUNREACH)
    value = _found4(network, destination, out)
    if flags & RTM_F_FIB_MATCH:
        if is_any(destination):
            raise Refused(errno.EHOSTUNREACH)
        return [encode.route(value if flags & RTM_F_LOOKUP_TABLE else replace(value, table=Table.MAIN), now)]
    table = 0 if flags & RTM_F_LOOKUP_TABLE and is_any(destination) else Table.MAIN
    return [_resolved4(network, replace(value, table=table), destination, asked, tb, port)]


def _found4(network: Network, destination: bytes, out: Interface | None) -> RouteValue:
    """The route; a group or the limited broadcast address by whichever."""
    looked = LOOPBACK4 if is_any(destination) else destination
    value = routing.lookup(network, looked, out) or _implied(network, looked, out)
    if value is None:
        raise Refused(errno.ENETUNREACH)
    if is_multicast(destination):
        return replace(value, type=RouteType.MULTICAST)
    return replace(value, type=RouteType.BROADCAST) if destination == BROADCAST4 else value


def _resolved4(
    network: Network, value: RouteValue, destination: bytes, asked: bytes | None, tb: Attributes, port: Port
) -> Piece:
    kind, interface = value.type, network.by_index(value.index)
    if kind in (RouteType.MULTICAST, RouteType.BROADCAST):
        value = replace(value, gateway=None)
    joined = interface is not None and destination in interface.groups.joined
    ours = kind in (RouteType.LOCAL, RouteType.BROADCAST) or joined
    ours = ours or (interface is not None and interface.loopback)
    source = asked or _source(network, value, LOOPBACK4 if is_any(destination) else destination)
    mark, uid = tb.u32(_R["RTA_MARK"]), tb.u32(_R["RTA_UID"], port.uid)
    index = 1 if kind == RouteType.LOCAL else value.index
    return encode.resolved4(value, destination, source, asked, uid, mark, index, ours)


def _check_get(message: bytes, ip: str, strict: bool) -> None:
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, f"{ip}Invalid header for route get request")
    if not strict:
        return
    _, dst_len, src_len, _, table, protocol, scope, kind, flags = _BODY.unpack(message, wire.HEADER)
    four = ip == "ipv4: "
    whole = 32 if four else 128
    if src_len not in (0, whole) or dst_len not in (0, whole) or table or protocol or scope or kind:
        raise Refused(errno.EINVAL, f"{ip}Invalid values in header for route get request")
    allowed = 0x100 | RTM_F_LOOKUP_TABLE | RTM_F_FIB_MATCH if four else 0x100 | RTM_F_FIB_MATCH
    if flags & ~allowed:
        text = "Unsupported rtm_flags for route get request" if four else _BAD_FLAGS6
        raise Refused(errno.EINVAL, f"{ip}{text}")


def _link(network: Network, index: int) -> Interface | None:
    found = network.by_index(index) if index else None
    if index and found is None:
        raise Refused(errno.ENODEV)
    return found


def _implied(network: Network, destination: bytes, out: Interface | None) -> RouteValue | None:
    """With a link given, an address without a route is on it (fib_lookup in ip_route_output_key_hash_rcu)."""
    if out is None or not out.up:
        return None
    return RouteValue(
        destination,
        len(destination) * 8,
        out.index,
        None,
        None,
        0,
        Table.MAIN,
        0,
        Scope.LINK,
        1,
        0,
        0,
        (),
        FOREVER,
    )


def _source(network: Network, value: RouteValue, destination: bytes) -> bytes | None:
    """The address that a packet would carry, as the stack chooses it."""
    if value.source:
        return value.source
    interface = network.by_index(value.index)
    if value.type == RouteType.LOCAL or interface is None:
        return destination
    if interface.loopback:  # out of lo to elsewhere: some address of this host
        return next((each.local for each in network.addresses4() if not each.scope), None)
    if len(destination) == 4:
        return network.host.source_for(interface, value.gateway or destination)
    return network.host.source_for(interface, destination)


def get6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """inet6_rtm_getroute()."""
    _check_get(message, "ipv6: ", port.strict)
    mode = wire.DEPRECATED_STRICT if port.strict else wire.LIBERAL
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET6], mode)
    flags = _BODY.unpack(message, wire.HEADER)[8]
    for number in (SRC, DST):
        if number in tb and len(tb[number]) < 16:
            raise Refused(errno.EINVAL)
    destination, asked = tb.get(DST, bytes(16))[:16], tb.get(SRC, b"")[:16] or None
    out = _link(network, tb.u32(OIF))
    if tb.u32(IIF):
        raise Refused(errno.EOPNOTSUPP, "routes of incoming packets are not supported")
    value = routing.lookup(network, destination, out)
    if value is None:
        raise Refused(errno.ENETUNREACH)
    if flags & RTM_F_FIB_MATCH:
        return [encode.route(value, now)]
    source = asked or _source(network, value, destination)
    if value.type == RouteType.LOCAL:
        value = replace(value, index=1)
    return [encode.resolved6(value, destination, source or bytes(16), asked, now)]


def new4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    return _new(network, AF_INET, message, head, now)


def new6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    return _new(network, AF_INET6, message, head, now)


def _new(network: Network, family: int, message: bytes, head: Head, now: float) -> Iterable[Piece]:
    wanted, _ = _wanted(network, family, message, now)
    mode = head.flags & 0xF00
    routing.add_route(network, wanted, mode)
    return []


def delete4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    return _delete(network, AF_INET, message, now)


def delete6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    return _delete(network, AF_INET6, message, now)


def _delete(network: Network, family: int, message: bytes, now: float) -> Iterable[Piece]:
    wanted, said = _wanted(network, family, message, now)
    if wanted.table not in (Table.UNSPEC, Table.MAIN):
        raise Refused(errno.EOPNOTSUPP, "only table main can be changed")
    scope = None if family == AF_INET6 or wanted.scope == Scope.NOWHERE else wanted.scope
    routing.remove_route(network, wanted, protocol=said, scope=scope)
    return []


def _wanted(network: Network, family: int, message: bytes, now: float) -> tuple[WantedRoute, int]:
    """rtm_to_fib_config(), rtm_to_fib6_config(): the route, and the protocol as it was given."""
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[family])
    _, length, _, tos, table, protocol, scope, kind, flags = _BODY.unpack(message, wire.HEADER)
    size = _SIZE[family]
    if family == AF_INET6 and tos:
        raise Refused(errno.EINVAL, "Invalid dsfield (tos): option not available for IPv6")
    if tos & 3:
        raise Refused(errno.EINVAL, "Invalid dsfield (tos): ECN bits must be 0")
    if kind > 11:
        raise Refused(errno.EINVAL, "Invalid route type")
    for name, text in _REFUSED.items():
        if tb.get(_R[name]):
            raise tb.refuse(_R[name], errno.EOPNOTSUPP, text)
    destination = _prefix(tb, length, size)
    index = tb.u32(OIF)
    interface = network.by_index(index) if index else None
    if index and interface is None:
        raise Refused(errno.ENODEV)
    gateway = tb[GATEWAY][:size] if GATEWAY in tb else None
    expires = now + tb.u32(_R["RTA_EXPIRES"]) if tb.u32(_R["RTA_EXPIRES"]) else FOREVER
    wanted = WantedRoute(
        destination,
        length,
        interface,
        gateway if gateway and any(gateway) else None,
        tb[PREFSRC][:size] if PREFSRC in tb else None,
        tb.u32(PRIORITY),
        tb.u32(TABLE, table),
        protocol or (3 if family == AF_INET6 else 0),
        0 if family == AF_INET6 else scope,
        kind or 1,
        tos,
        flags & 0x4,
        _metrics(tb),
        expires,
    )
    return wanted, protocol


def _prefix(tb: Attributes, length: int, size: int) -> bytes:
    if length > size * 8:
        raise Refused(errno.EINVAL, "Invalid prefix length")
    given = tb.get(DST, b"")
    if size == 16 and DST in tb and len(given) < (length + 7) // 8:
        raise Refused(errno.EINVAL)
    destination = given[:size].ljust(size, b"\0")
    if size == 4 and network_of(destination, length) != destination:
        raise Refused(errno.EINVAL, "Invalid prefix for given prefix length")
    return network_of(destination, length)


def _metrics(tb: Attributes) -> tuple[tuple[int, int], ...]:
    """RTA_METRICS as (RTAX_*, value); texts (the congestion control) are left out."""
    data = tb.get(METRICS, b"")
    inner = wire.parse_attributes(data, 0, len(data), 17, {})
    return tuple(
        (number, struct.unpack("=I", payload[:4])[0])
        for number, payload in sorted(inner.items())
        if len(payload) >= 4 and number != 16
    )
