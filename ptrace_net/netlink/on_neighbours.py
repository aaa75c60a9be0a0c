"""RTM_GETNEIGH, RTM_NEWNEIGH, RTM_DELNEIGH: net/core/neighbour.c."""

from __future__ import annotations

import errno
from collections.abc import Iterable

from ptrace_net.abi.constants.neighbour import NDA
from ptrace_net.abi.netlink.route import ndmsg
from ptrace_net.netlink import encode, wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import NEST, U8, U16, U32, Attributes, Head, Policy, at_least, binary
from ptrace_net.network import neighbouring
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import AF_INET, AF_INET6, Neighbour
from ptrace_net.stack.interface import Interface

_N = {name: NDA[name] for name in NDA}
DST, LLADDR, IFINDEX, MASTER = (_N[f"NDA_{name}"] for name in ("DST", "LLADDR", "IFINDEX", "MASTER"))
MOST = _N["NDA_NDM_FLAGS_MASK"]
_BODY = ndmsg.fast()
POLICY: Policy = {
    DST: binary(32),
    LLADDR: binary(32),
    _N["NDA_CACHEINFO"]: at_least(16),
    _N["NDA_VLAN"]: U16,
    _N["NDA_PORT"]: U16,
    _N["NDA_PROTOCOL"]: U8,
    _N["NDA_FDB_EXT_ATTRS"]: NEST,
    **{_N[f"NDA_{name}"]: U32 for name in ["PROBES", "VNI", "IFINDEX", "MASTER", "NH_ID", "FLAGS_EXT"]},
}
_SIZE = {AF_INET: 4, AF_INET6: 16}
NTF_PROXY = 0x8
_NOTHING_KNOWN = 0x1 | 0x20  # NUD_INCOMPLETE, NUD_FAILED: no link address is told


def dump(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    """neigh_dump_info(): all families, or the one asked for."""
    try:
        tb = _dump_request(message, port)
    except Refused as error:
        return Dump(refused=error)
    family = message[wire.HEADER]
    proxies = len(message) >= wire.HEADER + _BODY.size and message[wire.HEADER + 10] == NTF_PROXY
    index, master = tb.u32(IFINDEX), tb.u32(MASTER)
    values = [] if proxies or master else network.neighbours(now)
    found = [each for each in values if family in (0, each.family) and index in (0, each.index)]
    return Dump((encode.neighbour(each, now) for each in found), bool(index or master))


def _dump_request(message: bytes, port: Port) -> Attributes:
    if not port.strict:
        if len(message) < wire.HEADER + _BODY.size:
            return Attributes()
        return wire.parse(message, _BODY.size, MOST, POLICY)
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, "Invalid header for neighbor dump request")
    _, index, state, flags, kind = _BODY.unpack(message, wire.HEADER)
    if index or state or kind or any(message[wire.HEADER + 1 : wire.HEADER + 4]):
        raise Refused(errno.EINVAL, "Invalid values in header for neighbor dump request")
    if flags & ~NTF_PROXY:
        raise Refused(errno.EINVAL, "Invalid flags in header for neighbor dump request")
    tb = wire.parse(message, _BODY.size, MOST, POLICY, wire.DEPRECATED_STRICT)
    for number in sorted(tb):
        if number not in (IFINDEX, MASTER):
            raise Refused(errno.EINVAL, "Unsupported attribute in neighbor dump request")
    return tb


def get(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """neigh_get(): always strict."""
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, "Invalid header for neighbor get request")
    family, index, state, flags, kind = _BODY.unpack(message, wire.HEADER)
    if state or kind or any(message[wire.HEADER + 1 : wire.HEADER + 4]):
        raise Refused(errno.EINVAL, "Invalid values in header for neighbor get request")
    if flags & ~NTF_PROXY:
        raise Refused(errno.EINVAL, "Invalid flags in header for neighbor get request")
    tb = wire.parse(message, _BODY.size, MOST, POLICY, wire.DEPRECATED_STRICT)
    if DST not in tb:
        raise Refused(errno.EINVAL, missing=DST)
    if family not in _SIZE:
        raise Refused(errno.EOPNOTSUPP, "Unsupported family in header for neighbor get request")
    for number in sorted(tb):
        if number != DST:
            raise Refused(errno.EINVAL, "Unsupported attribute in neighbor get request")
        if len(tb[number]) != _SIZE[family]:
            raise Refused(errno.EINVAL, "Invalid network address in neighbor get request")
    interface = network.by_index(index) if index else None
    if index and interface is None:
        raise Refused(errno.ENODEV, "Unknown device ifindex")
    if interface is None:
        raise Refused(errno.EINVAL, "No device specified")
    for value in network.neighbours(now):
        if value.index == index and value.address == tb[DST]:
            return [encode.neighbour(value, now)]
    raise Refused(errno.ENOENT, "Neighbour entry not found")


def _request(network: Network, message: bytes) -> tuple[Attributes, Interface, bytes, Neighbour]:
    """What adding and deleting share; the last is the request's own body."""
    tb = wire.parse(message, _BODY.size, MOST, POLICY)
    family, index, state, flags, kind = _BODY.unpack(message, wire.HEADER)
    if DST not in tb:
        raise Refused(errno.EINVAL, "Network address not specified")
    interface = network.by_index(index) if index else None
    if index and interface is None:
        raise Refused(errno.ENODEV)
    if interface is not None and LLADDR in tb and len(tb[LLADDR]) < 6:
        raise Refused(errno.EINVAL, "Invalid link address")
    if family not in _SIZE:
        raise Refused(errno.EAFNOSUPPORT)
    if len(tb[DST]) < _SIZE[family]:
        raise Refused(errno.EINVAL, "Invalid network address")
    if flags & NTF_PROXY:
        raise Refused(errno.EOPNOTSUPP, "proxy entries are not supported")
    if interface is None:
        raise Refused(errno.EINVAL, "Device not specified")
    address = tb[DST][: _SIZE[family]]
    return tb, interface, address, Neighbour(index, address, None, state, flags, kind, 0, 0.0)


def new(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """neigh_add()."""
    tb, interface, address, asked = _request(network, message)
    known = neighbouring.cache_of(interface, address).entries.get(address)
    if known is None and not head.flags & wire.NLM_F_CREATE:
        raise Refused(errno.ENOENT)
    if known is not None and head.flags & wire.NLM_F_EXCL:
        raise Refused(errno.EEXIST)
    mac = tb.get(LLADDR) or (known.mac if known else None)
    if asked.state & _NOTHING_KNOWN:
        if known is not None:
            neighbouring.remove_neighbour(interface, address)
        return []
    if mac is None:
        raise Refused(errno.EINVAL, "No link layer address given" if asked.state else "")
    neighbouring.set_neighbour(interface, address, mac, asked.state, now)
    return []


def delete(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """neigh_delete()."""
    tb = wire.parse(message, _BODY.size, MOST, {})
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL)
    if DST not in tb:
        raise Refused(errno.EINVAL, "Network address not specified")
    _, interface, address, _ = _request(network, message)
    neighbouring.remove_neighbour(interface, address)
    return []
