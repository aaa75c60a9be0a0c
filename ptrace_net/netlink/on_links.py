"""RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK, RTM_DELLINK: net/core/rtnetlink.c.

A program may bring a link up and down and set its MTU, addresses, queue length, alias and group. Links are
neither made, renamed nor removed: those are EOPNOTSUPP with a text.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable

from ptrace_net.abi.constants.if_link import IFLA
from ptrace_net.abi.netlink.route import ifinfomsg
from ptrace_net.netlink import encode_link, wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import NEST, S32, U8, U32, Attributes, Head, Policy, binary, string
from ptrace_net.network import linking
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.stack.interface import Interface

_I = {name: IFLA[name] for name in IFLA}
MOST = _I["IFLA_ALLMULTI"]
_WORDS = (
    "MTU LINK MASTER TXQLEN WEIGHT NET_NS_PID NET_NS_FD EXT_MASK PROMISCUITY NUM_TX_QUEUES NUM_RX_QUEUES "
    "GSO_MAX_SEGS GSO_MAX_SIZE CARRIER_CHANGES EVENT GROUP CARRIER_UP_COUNT CARRIER_DOWN_COUNT MIN_MTU "
    "MAX_MTU GRO_MAX_SIZE"
)
_NESTS = "LINKINFO VFINFO_LIST VF_PORTS PORT_SELF AF_SPEC XDP PROP_LIST PROTO_DOWN_REASON"
_KINDS = (
    (U32, _WORDS), (U8, "CARRIER OPERSTATE LINKMODE PROTO_DOWN"), (NEST, _NESTS), (string(15), "IFNAME"),
    (binary(32), "ADDRESS BROADCAST PHYS_PORT_ID PHYS_SWITCH_ID"), (binary(255), "IFALIAS"),
    (S32, "LINK_NETNSID TARGET_NETNSID NEW_IFINDEX"), (string(127), "ALT_IFNAME"), (wire.at_least(28), "MAP"),
)  # fmt: skip
POLICY: Policy = {_I[f"IFLA_{name}"]: rule for rule, names in _KINDS for name in names.split()}
_BODY = ifinfomsg.fast()
_UNSUPPORTED = {
    _I["IFLA_NET_NS_PID"]: "links cannot leave this network",
    _I["IFLA_NET_NS_FD"]: "links cannot leave this network",
    _I["IFLA_XDP"]: "XDP is not supported",
    _I["IFLA_AF_SPEC"]: "settings of address families cannot be changed",
    _I["IFLA_VFINFO_LIST"]: "there are no virtual functions",
    _I["IFLA_LINKINFO"]: "the kind of a link cannot be changed",
}


def get(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """One link, by index or name."""
    _check_header(message, "get link", "Invalid values in header for get link request", port.strict)
    tb = wire.parse(
        message, _BODY.size, MOST, POLICY, wire.DEPRECATED_STRICT if port.strict else wire.LIBERAL
    )
    if port.strict:
        _only(
            tb,
            "IFLA_IFNAME IFLA_ALT_IFNAME IFLA_EXT_MASK IFLA_TARGET_NETNSID",
            "Unsupported attribute in get link request",
        )
    _check_namespace(tb)
    interface = _named(network, message, tb)
    return [
        encode_link.link(
            network.link(interface), network.counters(interface.index), now, tb.u32(_I["IFLA_EXT_MASK"])
        )
    ]


def _check_header(message: bytes, what: str, text: str, strict: bool) -> None:
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, f"Invalid header for {what}")
    _, kind, _, flags, change = _BODY.unpack(message, wire.HEADER)
    if not strict:
        return
    if message[wire.HEADER + 1] or kind or flags or change:
        raise Refused(errno.EINVAL, text)


def _only(tb: Attributes, names: str, text: str) -> None:
    known = {_I[name] for name in names.split()}
    for number in sorted(tb):
        if number not in known:
            raise Refused(errno.EINVAL, text)


def _check_namespace(tb: Attributes) -> None:
    if _I["IFLA_TARGET_NETNSID"] in tb:
        raise Refused(errno.EINVAL, "Invalid target network namespace id")


def _named(network: Network, message: bytes, tb: Attributes) -> Interface:
    index = _BODY.unpack(message, wire.HEADER)[2]
    name = tb.text(_I["IFLA_IFNAME"]) or tb.text(_I["IFLA_ALT_IFNAME"])
    if index > 0:
        found = network.by_index(index)
    elif _I["IFLA_IFNAME"] in tb or _I["IFLA_ALT_IFNAME"] in tb:
        found = network.by_name(name)
    else:
        raise Refused(errno.EINVAL)
    if found is None:
        raise Refused(errno.ENODEV)
    return found


def dump(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    try:
        tb = _dump_request(message, port)
    except Refused as error:
        return Dump(refused=error)
    kind, master = tb.get(_I["IFLA_LINKINFO"]), tb.u32(_I["IFLA_MASTER"])
    extended = tb.u32(_I["IFLA_EXT_MASK"])
    values = [] if kind or master else network.links()
    filtered = bool(kind or master)
    pieces = (encode_link.link(each, network.counters(each.index), now, extended) for each in values)
    return Dump(pieces, filtered)


def _dump_request(message: bytes, port: Port) -> Attributes:
    if not port.strict:
        size = 1 if len(message) < wire.HEADER + _BODY.size else _BODY.size
        return wire.parse(message, size, MOST, POLICY)
    _check_header(message, "link dump", "Invalid values in header for link dump request", True)
    if _BODY.unpack(message, wire.HEADER)[2]:
        raise Refused(errno.EINVAL, "Filter by device index not supported for link dumps")
    tb = wire.parse(message, _BODY.size, MOST, POLICY, wire.DEPRECATED_STRICT)
    _check_namespace(tb)
    _only(
        tb,
        "IFLA_EXT_MASK IFLA_MASTER IFLA_LINKINFO IFLA_TARGET_NETNSID",
        "Unsupported attribute in link dump request",
    )
    return tb


def dump6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return Dump(encode_link.link6(value, now) for value in network.links())


def new(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """RTM_NEWLINK: change a link that is there."""
    tb = wire.parse(message, _BODY.size, MOST, POLICY)
    index = _BODY.unpack(message, wire.HEADER)[2]
    if index < 0:
        raise Refused(errno.EINVAL, "ifindex can't be negative")
    name = tb.text(_I["IFLA_IFNAME"]) or tb.text(_I["IFLA_ALT_IFNAME"])
    found = network.by_index(index) if index else network.by_name(name)
    if found is None:
        if head.flags & wire.NLM_F_CREATE:
            raise Refused(errno.EOPNOTSUPP, "links cannot be made")
        raise Refused(errno.ENODEV)
    if head.flags & wire.NLM_F_EXCL:
        raise Refused(errno.EEXIST)
    if head.flags & wire.NLM_F_REPLACE:
        raise Refused(errno.EOPNOTSUPP)
    _change(network, found, message, tb, now)
    return []


def set_(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """RTM_SETLINK."""
    tb = wire.parse(message, _BODY.size, MOST, POLICY)
    _change(network, _named(network, message, tb), message, tb, now)
    return []


def _change(network: Network, interface: Interface, message: bytes, tb: Attributes, now: float) -> None:
    """do_setlink(): everything that can be refused first."""
    for number in sorted(tb):
        if number in _UNSUPPORTED and tb[number]:
            raise tb.refuse(number, errno.EOPNOTSUPP, _UNSUPPORTED[number])
    if tb.u32(_I["IFLA_MASTER"]):
        raise Refused(errno.EOPNOTSUPP, "links have no masters")
    if _BODY.unpack(message, wire.HEADER)[2] and tb.text(_I["IFLA_IFNAME"]) not in ("", interface.name):
        raise Refused(errno.EOPNOTSUPP, "links cannot be renamed")
    facts = network.facts_of(interface)
    if _I["IFLA_ADDRESS"] in tb:
        linking.set_mac(network, interface, tb[_I["IFLA_ADDRESS"]])
    if _I["IFLA_MTU"] in tb:
        linking.set_mtu(network, interface, tb.u32(_I["IFLA_MTU"]))
    if _I["IFLA_GROUP"] in tb:
        facts.group = tb.u32(_I["IFLA_GROUP"])
    if _I["IFLA_IFALIAS"] in tb:
        facts.alias = tb.text(_I["IFLA_IFALIAS"])
    if _I["IFLA_BROADCAST"] in tb:
        facts.broadcast = tb[_I["IFLA_BROADCAST"]][:6].ljust(6, b"\0")
    _, _, _, flags, change = _BODY.unpack(message, wire.HEADER)
    if flags or change:
        linking.set_flags(network, interface, flags, change or 0xFFFFFFFF, now)
    if _I["IFLA_TXQLEN"] in tb:
        facts.queue = tb.u32(_I["IFLA_TXQLEN"])


def delete(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    tb = wire.parse(message, _BODY.size, MOST, POLICY)
    _named(network, message, tb)
    raise Refused(errno.EOPNOTSUPP)
