"""The addresses of an interface by AF_INET's ioctls (devinet_ioctl), and by AF_INET6's
(addrconf_add_ifaddr).
"""

from __future__ import annotations

import errno
import struct

from ptrace_net.netdevice import links
from ptrace_net.netdevice.memory import Request
from ptrace_net.network import addressing, linking
from ptrace_net.network.addressing import Wanted
from ptrace_net.network.refused import Refused
from ptrace_net.network.values import Address
from ptrace_net.stack.addresses import broadcast_of, is_any
from ptrace_net.stack.interface import Interface

AF_INET = 2
_SOCKADDR_IN = struct.Struct("=HH4s8x")


def _place(request: Request, name: str, union: bytes) -> tuple[Interface, Address | None]:
    """The interface, and its address of that label; of several the one that the request names."""
    interface = request.network.by_name(name.partition(":")[0])
    if interface is None:
        raise Refused(errno.ENODEV)
    known = request.network.addresses4()
    own = [each for each in known if each.index == interface.index and each.label == name]
    family, _, asked = _SOCKADDR_IN.unpack_from(union)
    named = [each for each in own if family == AF_INET and each.local == asked]
    return interface, next(iter(named or own), None)


def _get(request: Request, address: bytes | None) -> None:
    request.answer(_SOCKADDR_IN.pack(AF_INET, 0, address or bytes(4)))


def _value(request: Request) -> Address:
    name, union = request.ifreq()
    _, value = _place(request, name, union)
    if value is None:
        raise Refused(errno.EADDRNOTAVAIL)
    return value


def get_address(request: Request) -> None:
    _get(request, _value(request).local)


def get_peer(request: Request) -> None:
    _get(request, _value(request).peer)


def get_broadcast(request: Request) -> None:
    _get(request, _value(request).broadcast)


def get_netmask(request: Request) -> None:
    _get(request, mask_of(_value(request).length))


def mask_of(length: int) -> bytes:
    return ((1 << 32) - (1 << (32 - length))).to_bytes(4, "big")


def length_of(mask: bytes) -> int | None:
    """The prefix length of a mask; None where it has holes."""
    number = int.from_bytes(mask, "big")
    length = number.bit_count()
    return length if mask == mask_of(length) else None


def classful(address: bytes) -> int:
    """The prefix length that an address has by its class (inet_abc_len)."""
    first = address[0]
    if is_any(address):
        return 0
    return 8 if first < 128 else 16 if first < 192 else 24


def set_address(request: Request) -> None:
    """SIOCSIFADDR: the address of a label, with the mask of its class; 0.0.0.0 takes it away."""
    name, union = request.ifreq()
    interface, value = _place(request, name, b"\0" * 16)
    family, _, address = _SOCKADDR_IN.unpack_from(union)
    if family != AF_INET:
        raise Refused(errno.EINVAL)
    if value is not None:
        if value.local == address:
            return
        addressing.remove_address(request.network, interface, value.local, request.now)
    if is_any(address):
        return
    length = 8 if interface.loopback else classful(address)
    broadcast = broadcast_of(address, length) if length < 31 and not interface.loopback else None
    wanted = Wanted(address, length, broadcast=broadcast, label=name, scope=254 if interface.loopback else 0)
    addressing.add_address(request.network, interface, wanted, request.now)
    if ":" not in name:
        linking.set_up(request.network, interface, True, request.now)


def set_flags(request: Request) -> None:
    """SIOCSIFFLAGS: of an alias (eth0:1), not to be up takes its address away."""
    name, union = request.ifreq()
    if ":" not in name:
        links.set_flags(request)
        return
    interface, value = _place(request, name, b"\0" * 16)
    if value is None:
        raise Refused(errno.EADDRNOTAVAIL)
    if not struct.unpack_from("=H", union)[0] & 1:
        addressing.remove_address(request.network, interface, value.local, request.now)


def set_netmask(request: Request) -> None:
    name, union = request.ifreq()
    interface, value = _place(request, name, b"\0" * 16)
    length = length_of(_SOCKADDR_IN.unpack_from(union)[2])
    if value is None:
        raise Refused(errno.EADDRNOTAVAIL)
    if length is None:
        raise Refused(errno.EINVAL)
    broadcast = broadcast_of(value.local, length) if value.broadcast and length < 31 else value.broadcast
    _again(request, interface, value, length, broadcast)


def set_broadcast(request: Request) -> None:
    name, union = request.ifreq()
    interface, value = _place(request, name, b"\0" * 16)
    if value is None:
        raise Refused(errno.EADDRNOTAVAIL)
    broadcast = _SOCKADDR_IN.unpack_from(union)[2]
    _again(request, interface, value, value.length, None if is_any(broadcast) else broadcast)


def _again(
    request: Request, interface: Interface, value: Address, length: int, broadcast: bytes | None
) -> None:
    """Take an address once more with another mask or broadcast address; routes through it stay."""
    routes = [each for each in request.network.host.routes.routes if each.gateway is not None]
    facts = dict(request.network.route_facts)
    addressing.remove_address(request.network, interface, value.local, request.now)
    wanted = Wanted(value.local, length, broadcast=broadcast, label=value.label, scope=value.scope)
    addressing.add_address(request.network, interface, wanted, request.now)
    for route in routes:
        request.network.host.add_route(route)
        if route in facts:
            request.network.route_facts[route] = facts[route]


def _address6(request: Request) -> tuple[Interface, bytes, int]:
    """struct in6_ifreq."""
    address, length, index = struct.unpack("=16sIi", request.memory.read(request.address, 24))
    interface = request.network.by_index(index)
    if length > 128:
        raise Refused(errno.EINVAL)
    if interface is None:
        raise Refused(errno.ENODEV)
    return interface, address, length


def add_address6(request: Request) -> None:
    """SIOCSIFADDR of an IPv6 socket."""
    interface, address, length = _address6(request)
    addressing.add_address(request.network, interface, Wanted(address, length), request.now)


def remove_address6(request: Request) -> None:
    """SIOCDIFADDR."""
    interface, address, length = _address6(request)
    known = interface.addresses.get(address)
    if known is None or known.length != length:
        raise Refused(errno.EADDRNOTAVAIL)
    addressing.remove_address(request.network, interface, address, request.now)
