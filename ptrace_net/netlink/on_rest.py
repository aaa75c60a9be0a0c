"""Rules and queueing disciplines: net/core/fib_rules.c, net/sched/sch_api.c.

Both can be read and not changed: the stack looks in table local, then in main, and sends frames as they come.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from ptrace_net.abi.constants.fib_rules import FRA
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.netlink.route import fib_rule_hdr, tcmsg
from ptrace_net.netlink import encode_link, wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import Head
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import AF_INET, AF_INET6, Origin, Table

_RULE, _TC = fib_rule_hdr.fast(), tcmsg.fast()
FR_ACT_TO_TBL = 1
#: family -> (table, priority): the rules of a fresh kernel
RULES = {
    AF_INET: ((Table.LOCAL, 0), (Table.MAIN, 32766), (Table.DEFAULT, 32767)),
    AF_INET6: ((Table.LOCAL, 0), (Table.MAIN, 32766)),
}
TC_H_ROOT, TC_H_INGRESS = 0xFFFFFFFF, 0xFFFFFFF1


def _rules(family: int) -> Iterator[Piece]:
    for table, priority in RULES[family]:
        parts = [
            wire.u32(FRA["FRA_TABLE"], table),
            wire.u32(FRA["FRA_SUPPRESS_PREFIXLEN"], 0xFFFFFFFF),
            wire.u8(FRA["FRA_PROTOCOL"], Origin.KERNEL),
        ]
        if priority:
            parts.append(wire.u32(FRA["FRA_PRIORITY"], priority))
        yield Piece(
            RTM["RTM_NEWRULE"], _RULE.pack(family, 0, 0, 0, table, FR_ACT_TO_TBL, 0) + b"".join(parts)
        )


def dump_rules(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    """fib_nl_dumprule()."""
    if port.strict:
        try:
            _check_rules(message)
        except Refused as error:
            return Dump(refused=error)
    family = message[wire.HEADER]
    if family and family not in RULES:
        return Dump(refused=Refused(errno.EAFNOSUPPORT))
    return Dump(piece for each in RULES if family in (0, each) for piece in _rules(each))


def _check_rules(message: bytes) -> None:
    if len(message) < wire.HEADER + _RULE.size:
        raise Refused(errno.EINVAL, "Invalid header for fib rule dump request")
    if any(message[wire.HEADER + 1 : wire.HEADER + _RULE.size]):
        raise Refused(errno.EINVAL, "Invalid values in header for fib rule dump request")
    if len(message) > wire.HEADER + _RULE.size:
        raise Refused(errno.EINVAL, "Invalid data after header in fib rule dump request")


def refuse_rule(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    if len(message) < wire.HEADER + _RULE.size:
        raise Refused(errno.EINVAL, "Invalid msg length")
    if message[wire.HEADER] not in RULES:
        raise Refused(errno.EAFNOSUPPORT, "Rule family not supported")
    raise Refused(errno.EOPNOTSUPP, "rules cannot be changed")


def dump_qdiscs(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    """tc_dump_qdisc(): every link that is up has one; with NETLINK_GET_STRICT_CHK of one link, where it is
    given.
    """
    index = 0
    if port.strict and len(message) >= wire.HEADER + _TC.size:
        index = _TC.unpack(message, wire.HEADER)[1]
    links = [each for each in network.links() if index in (0, each.index)]
    return Dump(encode_link.qdisc(each, network.counters(each.index)) for each in links)


def get_qdisc(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """tc_get_qdisc(): the root's has handle 0 and is not told of, as it is the kernel's own."""
    wire.parse(message, _TC.size, 16, {})
    _, index, handle, parent, _ = _TC.unpack(message, wire.HEADER)
    if network.by_index(index) is None:
        raise Refused(errno.ENODEV)
    if parent == TC_H_ROOT and not handle:
        return []
    if parent and parent != TC_H_ROOT:
        raise Refused(errno.ENOENT, "Failed to find qdisc with specified classid")
    raise Refused(errno.ENOENT, "Failed to find qdisc with specified handle")


def refuse_qdisc(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    wire.parse(message, _TC.size, 16, {})
    if network.by_index(_TC.unpack(message, wire.HEADER)[1]) is None:
        raise Refused(errno.ENODEV)
    raise Refused(errno.EOPNOTSUPP, "queueing disciplines cannot be changed")


def dump_nothing(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return Dump()
