"""NETLINK_ROUTE: which handler answers which message of which family (rtnetlink_rcv_msg), and the
notifications.

A dump of AF_UNSPEC asks every family that has the type (rtnl_dump_all); any other request falls back to the
handler of AF_UNSPEC. What is neither is EOPNOTSUPP.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import NamedTuple, TypeAlias

from ptrace_net.abi.constants.rtnetlink import RTM, RTNLGRP
from ptrace_net.netlink import (
    encode,
    encode_link,
    on_addresses,
    on_links,
    on_neighbours,
    on_rest,
    on_routes,
    wire,
)
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port, Ports
from ptrace_net.netlink.wire import Head
from ptrace_net.network.changes import Change, Value, Watch
from ptrace_net.network.linking import SETTABLE
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import AF_INET, AF_INET6, Address, Link, Neighbour, Origin, RouteValue

Do: TypeAlias = Callable[[Network, bytes, Head, Port, float], Iterable[Piece]]
DumpAll: TypeAlias = Callable[[Network, bytes, Head, Port, float], Dump]
NETLINK_ROUTE, AF_UNSPEC, AF_BRIDGE = 0, 0, 7
RTM_BASE, RTM_MAX = 16, 123
_GET = 2  # the low two bits of a type: NEW, DEL, GET, SET


class Row(NamedTuple):
    do: Do | None = None
    dump: DumpAll | None = None


def _row(kind: str, family: int) -> tuple[int, int]:
    return RTM[f"RTM_{kind}"], family


HANDLERS: Mapping[tuple[int, int], Row] = {
    _row("GETLINK", AF_UNSPEC): Row(on_links.get, on_links.dump),
    _row("GETLINK", AF_BRIDGE): Row(None, on_rest.dump_nothing),
    _row("GETLINK", AF_INET6): Row(None, on_links.dump6),
    _row("NEWLINK", AF_UNSPEC): Row(on_links.new),
    _row("SETLINK", AF_UNSPEC): Row(on_links.set_),
    _row("DELLINK", AF_UNSPEC): Row(on_links.delete),
    _row("GETADDR", AF_INET): Row(None, on_addresses.dump4),
    _row("GETADDR", AF_INET6): Row(on_addresses.get6, on_addresses.dump6),
    _row("NEWADDR", AF_INET): Row(on_addresses.new4),
    _row("NEWADDR", AF_INET6): Row(on_addresses.new6),
    _row("DELADDR", AF_INET): Row(on_addresses.delete4),
    _row("DELADDR", AF_INET6): Row(on_addresses.delete6),
    _row("GETROUTE", AF_INET): Row(on_routes.get4, on_routes.dump4),
    _row("GETROUTE", AF_INET6): Row(on_routes.get6, on_routes.dump6),
    _row("NEWROUTE", AF_INET): Row(on_routes.new4),
    _row("NEWROUTE", AF_INET6): Row(on_routes.new6),
    _row("DELROUTE", AF_INET): Row(on_routes.delete4),
    _row("DELROUTE", AF_INET6): Row(on_routes.delete6),
    _row("GETNEIGH", AF_UNSPEC): Row(on_neighbours.get, on_neighbours.dump),
    _row("GETNEIGH", AF_BRIDGE): Row(None, on_rest.dump_nothing),
    _row("NEWNEIGH", AF_UNSPEC): Row(on_neighbours.new),
    _row("DELNEIGH", AF_UNSPEC): Row(on_neighbours.delete),
    _row("GETRULE", AF_UNSPEC): Row(None, on_rest.dump_rules),
    _row("NEWRULE", AF_UNSPEC): Row(on_rest.refuse_rule),
    _row("DELRULE", AF_UNSPEC): Row(on_rest.refuse_rule),
    _row("GETQDISC", AF_UNSPEC): Row(on_rest.get_qdisc, on_rest.dump_qdiscs),
    _row("NEWQDISC", AF_UNSPEC): Row(on_rest.refuse_qdisc),
    _row("DELQDISC", AF_UNSPEC): Row(on_rest.refuse_qdisc),
    _row("GETTCLASS", AF_UNSPEC): Row(None, on_rest.dump_nothing),
    _row("GETTFILTER", AF_UNSPEC): Row(None, on_rest.dump_nothing),
    _row("GETNEXTHOP", AF_UNSPEC): Row(None, on_rest.dump_nothing),
}  # fmt: skip
_DUMPED_BY_FAMILY = (AF_INET, AF_INET6)


class Router:
    """Implements ``endpoint.Service``; ``announce`` sends notifications to the groups of ``ports``."""

    def __init__(self, network: Network, ports: Ports, now: float) -> None:
        self.network = network
        self._ports = ports
        self._watch = Watch(network, now)
        ports.highest[NETLINK_ROUTE] = max(RTNLGRP.values())

    def request(self, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece] | Dump:
        if head.type > RTM_MAX:
            raise Refused(errno.EOPNOTSUPP)
        if len(message) <= wire.HEADER:
            return []
        family = message[wire.HEADER]
        if head.type & 3 == _GET and head.flags & wire.NLM_F_DUMP:
            return self._dump(message, head, port, now, family)
        own = HANDLERS.get((head.type, family))
        row = own if own and own.do else HANDLERS.get((head.type, AF_UNSPEC))
        if row is None or row.do is None:
            raise Refused(errno.EOPNOTSUPP)
        answer = row.do(self.network, message, head, port, now)
        if head.type & 3 != _GET:
            self.announce(now, head, port)
        return answer

    def _dump(self, message: bytes, head: Head, port: Port, now: float, family: int) -> Dump:
        own = HANDLERS.get((head.type, family)) or HANDLERS.get((head.type, AF_UNSPEC))
        if own is not None and own.dump is not None:
            return own.dump(self.network, message, head, port, now)
        dumps = [
            row.dump(self.network, message, head, port, now)
            for known in _DUMPED_BY_FAMILY
            if (row := HANDLERS.get((head.type, known))) is not None and row.dump is not None
        ]
        if not dumps:
            raise Refused(errno.EOPNOTSUPP)
        refused = next((dump.refused for dump in dumps if dump.refused), None)
        filtered = any(dump.filtered for dump in dumps)
        return Dump(chain.from_iterable(dump.pieces for dump in dumps), filtered, refused)

    def announce(self, now: float, head: Head | None = None, port: Port | None = None) -> None:
        """Tell the groups what has changed; ``head`` and ``port`` are the request that did it."""
        for change in self._watch.changes(now):
            if self._silent(change):
                continue
            piece, group = self._told(change, now)
            seq, portid = _cause(change.value, head, port)
            data = wire.message(piece.type, 0, seq, portid, piece.payload)
            echo = port if head and head.flags & wire.NLM_F_ECHO else None
            if echo is not None:
                echo.deliver(data, 0, 0)
            self._ports.multicast(NETLINK_ROUTE, group, data, skip=echo.portid if echo else 0)

    def _silent(self, change: Change) -> bool:
        """IPv4 routes that go with their link are not told of."""
        value = change.value
        if not change.gone or not isinstance(value, RouteValue) or value.family != AF_INET:
            return False
        interface = self.network.by_index(value.index)
        return interface is None or not interface.up

    def _told(self, change: Change, now: float) -> tuple[Piece, int]:
        value, verb = change.value, "DEL" if change.gone else "NEW"
        if isinstance(value, Link):
            kind = RTM[f"RTM_{verb}LINK"]
            counters = self.network.counters(value.index)
            changed = value.flags ^ change.before.flags if isinstance(change.before, Link) else 0xFFFFFFFF
            told = encode_link.link(value, counters, now, kind=kind, changed=changed & SETTABLE)
            return told, RTNLGRP["RTNLGRP_LINK"]
        four = value.family == AF_INET
        if isinstance(value, Address):
            group = "RTNLGRP_IPV4_IFADDR" if four else "RTNLGRP_IPV6_IFADDR"
            return encode.address(value, now, RTM[f"RTM_{verb}ADDR"]), RTNLGRP[group]
        if isinstance(value, RouteValue):
            group = "RTNLGRP_IPV4_ROUTE" if four else "RTNLGRP_IPV6_ROUTE"
            return encode.route(value, now, RTM[f"RTM_{verb}ROUTE"]), RTNLGRP[group]
        return encode.neighbour(value, now, RTM[f"RTM_{verb}NEIGH"]), RTNLGRP["RTNLGRP_NEIGH"]


def _cause(value: Value, head: Head | None, port: Port | None) -> tuple[int, int]:
    """The sequence number and port id of a notification: the request's where it asked for just this."""
    if head is None or port is None:
        return 0, 0
    asked = head.type & ~3
    if isinstance(value, Neighbour) and asked == RTM["RTM_NEWNEIGH"]:
        return 0, port.portid
    address = isinstance(value, Address) and value.family == AF_INET and asked == RTM["RTM_NEWADDR"]
    route = isinstance(value, RouteValue) and value.protocol != Origin.KERNEL and asked == RTM["RTM_NEWROUTE"]
    return (head.seq, port.portid) if address or route else (0, 0)
