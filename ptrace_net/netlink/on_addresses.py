"""RTM_GETADDR, RTM_NEWADDR, RTM_DELADDR: net/ipv4/devinet.c, net/ipv6/addrconf.c."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable

from ptrace_net.abi.constants.if_addr import IFA
from ptrace_net.abi.netlink.route import ifa_cacheinfo, ifaddrmsg
from ptrace_net.netlink import encode, wire
from ptrace_net.netlink.endpoint import Dump, Piece
from ptrace_net.netlink.ports import Port
from ptrace_net.netlink.wire import S32, U8, U32, Attributes, Head, Policy, at_least, string
from ptrace_net.network import addressing
from ptrace_net.network.addressing import Wanted
from ptrace_net.network.network import Network
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import AF_INET, AF_INET6, FOREVER, Address
from ptrace_net.stack.addresses import is_any, is_multicast
from ptrace_net.stack.interface import Interface

_A = {name: IFA[name] for name in IFA}
ADDRESS, LOCAL, LABEL, BROADCAST = _A["IFA_ADDRESS"], _A["IFA_LOCAL"], _A["IFA_LABEL"], _A["IFA_BROADCAST"]
MOST = _A["IFA_PROTO"]
_BODY, _CACHE = ifaddrmsg.fast(), ifa_cacheinfo.fast()
_SHARED: Policy = {
    _A["IFA_CACHEINFO"]: at_least(16),
    _A["IFA_FLAGS"]: U32,
    _A["IFA_RT_PRIORITY"]: U32,
    _A["IFA_TARGET_NETNSID"]: S32,
    _A["IFA_PROTO"]: U8,
}
POLICIES: dict[int, Policy] = {
    AF_INET: {**_SHARED, ADDRESS: U32, LOCAL: U32, BROADCAST: U32, LABEL: string(15)},
    AF_INET6: {**_SHARED, ADDRESS: at_least(16), LOCAL: at_least(16)},
}
INFINITY = 0xFFFFFFFF


def dump4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return _dump(network, network.addresses4, AF_INET, message, port, now)


def dump6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Dump:
    return _dump(network, network.addresses6, AF_INET6, message, port, now)


def _dump(
    network: Network, values: Callable[[], list[Address]], family: int, message: bytes, port: Port, now: float
) -> Dump:
    index = 0
    if port.strict:
        try:
            index = _strict_index(network, message, family)
        except Refused as error:
            return Dump(refused=error)
    found = [each for each in values() if index in (0, each.index)]
    return Dump((encode.address(each, now) for each in found), bool(index))


def _strict_index(network: Network, message: bytes, family: int) -> int:
    """What NETLINK_GET_STRICT_CHK asks of a dump: the link to show, 0 for all."""
    ip = "ipv4: " if family == AF_INET else ""
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, f"{ip}Invalid header for address dump request")
    _, length, flags, scope, index = _BODY.unpack(message, wire.HEADER)
    if length or flags or scope:
        raise Refused(errno.EINVAL, f"{ip}Invalid values in header for address dump request")
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[family], wire.DEPRECATED_STRICT)
    for number in sorted(tb):
        if number == _A["IFA_TARGET_NETNSID"]:
            raise Refused(errno.EINVAL, f"{ip}Invalid target network namespace id")
        raise Refused(errno.EINVAL, f"{ip}Unsupported attribute in dump request")
    if index and network.by_index(index) is None:
        raise Refused(errno.ENODEV)
    return int(index)


def get6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """RTM_GETADDR of one IPv6 address: inet6_rtm_getaddr()."""
    if len(message) < wire.HEADER + _BODY.size:
        raise Refused(errno.EINVAL, "ipv6: Invalid header for get address request")
    if port.strict:
        _, length, flags, scope, _ = _BODY.unpack(message, wire.HEADER)
        if length or flags or scope:
            raise Refused(errno.EINVAL, "ipv6: Invalid values in header for get address request")
    mode = wire.DEPRECATED_STRICT if port.strict else wire.LIBERAL
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET6], mode)
    if _A["IFA_TARGET_NETNSID"] in tb:
        raise Refused(errno.EINVAL)
    address, _ = _local6(tb)
    if address is None:
        raise Refused(errno.EINVAL)
    index = _BODY.unpack(message, wire.HEADER)[4]
    index = index if network.by_index(index) else 0  # a link that is not there is none that was asked for
    for value in network.addresses6():
        if value.local == address and index in (0, value.index):
            return [encode.address(value, now)]
    raise Refused(errno.EADDRNOTAVAIL)


def _local6(tb: Attributes) -> tuple[bytes | None, bytes | None]:
    """extract_addr(): IFA_LOCAL is the address where it is there, IFA_ADDRESS then the peer."""
    address, local = tb.get(ADDRESS), tb.get(LOCAL)
    if local is None:
        return (address[:16] if address else None), None
    peer = address[:16] if address and address[:16] != local[:16] else None
    return local[:16], peer


def new4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """inet_rtm_newaddr()."""
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET])
    _, length, flags, scope, index = _BODY.unpack(message, wire.HEADER)
    if length > 32:
        raise Refused(errno.EINVAL, "ipv4: Invalid prefix length")
    if LOCAL not in tb:
        raise Refused(errno.EINVAL, "ipv4: Local address is not supplied")
    interface = network.by_index(index)
    if interface is None:
        raise Refused(errno.ENODEV, "ipv4: Device not found")
    valid, preferred = _lifetimes(tb, "ipv4: address lifetime invalid")
    local, peer = tb[LOCAL][:4], tb.get(ADDRESS, tb[LOCAL])[:4]
    broadcast = tb[BROADCAST][:4] if BROADCAST in tb else None
    wanted = Wanted(
        local,
        length,
        peer if peer != local else None,
        broadcast,
        tb.text(LABEL) or interface.name,
        scope,
        tb.u32(_A["IFA_FLAGS"], flags) & ~0x81,
        _protocol(tb),
        preferred,
        valid,
        tb.u32(_A["IFA_RT_PRIORITY"]),
    )
    _enter(network, interface, wanted, head, "ipv4: Address already assigned", now)
    return []


def new6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """inet6_rtm_newaddr()."""
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET6])
    _, length, flags, _, index = _BODY.unpack(message, wire.HEADER)
    address, peer = _local6(tb)
    if address is None:
        raise Refused(errno.EINVAL)
    valid, preferred = _lifetimes(tb, "ipv6: address lifetime invalid")
    interface = network.by_index(index)
    if interface is None:
        raise Refused(errno.ENODEV, "ipv6: Unable to find the interface")
    if length > 128:
        raise Refused(errno.EINVAL, "ipv6: Invalid prefix length")
    if is_any(address):
        raise Refused(errno.EADDRNOTAVAIL, "ipv6: Invalid address")
    if is_multicast(address):
        text = 'ipv6: Cannot assign multicast address without "IFA_F_MCAUTOJOIN" flag'
        raise Refused(errno.EADDRNOTAVAIL, text)
    wanted = Wanted(
        address,
        length,
        peer,
        None,
        "",
        None,
        tb.u32(_A["IFA_FLAGS"], flags),
        _protocol(tb),
        preferred,
        valid,
        tb.u32(_A["IFA_RT_PRIORITY"]),
    )
    _enter(network, interface, wanted, head, "ipv6: address already assigned", now)
    return []


def _protocol(tb: Attributes) -> int:
    return tb[_A["IFA_PROTO"]][0] if _A["IFA_PROTO"] in tb else 0


def _lifetimes(tb: Attributes, text: str) -> tuple[float, float]:
    """(valid, preferred) in seconds."""
    if _A["IFA_CACHEINFO"] not in tb:
        return FOREVER, FOREVER
    preferred, valid, _, _ = _CACHE.unpack(tb[_A["IFA_CACHEINFO"]])
    if not valid or preferred > valid:
        raise Refused(errno.EINVAL, text)
    return _seconds(valid), _seconds(preferred)


def _seconds(lifetime: int) -> float:
    return FOREVER if lifetime == INFINITY else float(lifetime)


def _enter(
    network: Network, interface: Interface, wanted: Wanted, head: Head, exists: str, now: float
) -> None:
    if wanted.local not in interface.addresses:
        addressing.add_address(network, interface, wanted, now)
    elif head.flags & wire.NLM_F_EXCL or not head.flags & wire.NLM_F_REPLACE:
        raise Refused(errno.EEXIST, exists)
    else:
        addressing.change_address(network, interface, wanted, now)


def delete4(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """inet_rtm_deladdr(): everything that is given must match."""
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET])
    _, length, _, _, index = _BODY.unpack(message, wire.HEADER)
    interface = network.by_index(index)
    if interface is None:
        raise Refused(errno.ENODEV, "ipv4: Device not found")
    for value in network.addresses4():
        if value.index == index and _matches4(value, tb, length):
            addressing.remove_address(network, interface, value.local, now)
            return []
    raise Refused(errno.EADDRNOTAVAIL, "ipv4: Address not found")


def _matches4(value: Address, tb: Attributes, length: int) -> bool:
    if LOCAL in tb and tb[LOCAL][:4] != value.local:
        return False
    if LABEL in tb and tb.text(LABEL) != value.label:
        return False
    return ADDRESS not in tb or (length == value.length and _same(tb[ADDRESS][:4], value))


def _same(address: bytes, value: Address) -> bool:
    shift = 32 - value.length
    return int.from_bytes(address, "big") >> shift == int.from_bytes(value.peer, "big") >> shift


def delete6(network: Network, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece]:
    """inet6_rtm_deladdr()."""
    tb = wire.parse(message, _BODY.size, MOST, POLICIES[AF_INET6])
    _, length, _, _, index = _BODY.unpack(message, wire.HEADER)
    address, _ = _local6(tb)
    if address is None:
        raise Refused(errno.EINVAL)
    if length > 128:
        raise Refused(errno.EINVAL, "ipv6: Invalid prefix length")
    interface = network.by_index(index)
    if interface is None:
        raise Refused(errno.ENODEV, "ipv6: Unable to find the interface")
    for value in network.addresses6():
        if value.index == index and value.local == address and value.length == length:
            addressing.remove_address(network, interface, address, now)
            return []
    raise Refused(errno.EADDRNOTAVAIL, "ipv6: address not found")
