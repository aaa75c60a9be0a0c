"""SIOCADDRT and SIOCDELRT (rtentry_to_fib_config, rtmsg_to_fib6_config), and the ARP ioctls (arp_ioctl).
"""

from __future__ import annotations

import errno
import struct

from ptrace_net.abi.route import arpreq, in6_rtmsg, rtentry
from ptrace_net.netdevice.addresses import length_of
from ptrace_net.netdevice.memory import Request, name_of
from ptrace_net.network import neighbouring, routing
from ptrace_net.network.refused import Refused
from ptrace_net.network.routing import WantedRoute
from ptrace_net.network.values import Origin, Scope
from ptrace_net.stack.addresses import is_any, network_of
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.neighbor import State

AF_INET = 2
RTF_UP, RTF_GATEWAY, RTF_HOST, RTF_MTU, RTF_REJECT = 0x1, 0x2, 0x4, 0x40, 0x200
ATF_COM, ATF_PERM, ATF_PUBL, ATF_NETMASK = 0x2, 0x4, 0x8, 0x20
ARPHRD_ETHER = 1
_ANY_MASK = bytes(4)
_MODE = routing.NLM_F_CREATE | routing.NLM_F_EXCL


def add_route(request: Request) -> None:
    routing.add_route(request.network, _wanted4(request), _MODE)


def delete_route(request: Request) -> None:
    routing.remove_route(request.network, _wanted4(request), scope=None)


def _wanted4(request: Request) -> WantedRoute:
    values = rtentry.read(request.memory.read(request.address, rtentry.size(request.arch)), request.arch)
    given = (values.rt_dst, values.rt_gateway, values.rt_genmask)
    destination, gateway, mask = (_address(each) for each in given)
    if values.rt_dst.sin_family != AF_INET:
        raise Refused(errno.EAFNOSUPPORT)
    if values.rt_flags & RTF_REJECT:
        raise Refused(errno.EOPNOTSUPP)
    length = 32 if values.rt_flags & RTF_HOST else length_of(mask)
    if length is None or network_of(destination, length) != destination:
        raise Refused(errno.EINVAL)
    interface = _device(request, values.rt_dev) if values.rt_dev else None
    via = gateway if values.rt_flags & RTF_GATEWAY else None
    if values.rt_flags & RTF_GATEWAY and (values.rt_gateway.sin_family != AF_INET or is_any(gateway)):
        raise Refused(errno.EINVAL)
    metrics = ((routing.RTAX_MTU, values.rt_mtu - 40),) if values.rt_flags & RTF_MTU else ()
    wanted = WantedRoute(
        destination, length, interface, via, None, max(values.rt_metric - 1, 0), protocol=Origin.BOOT,
        metrics=metrics,
    )
    return wanted._replace(scope=Scope.UNIVERSE if via else Scope.LINK)


def _address(sockaddr: object) -> bytes:
    address: bytes = sockaddr.sin_addr  # type: ignore[attr-defined]  # a named tuple made by its layout
    return address


def _device(request: Request, pointer: int) -> Interface:
    name = name_of(request.memory.read(pointer, 1) + _rest(request, pointer + 1))
    interface = request.network.by_name(name.partition(":")[0])
    if interface is None:
        raise Refused(errno.ENODEV)
    return interface


def _rest(request: Request, address: int) -> bytes:
    """Up to 15 bytes of a name, byte by byte, as it may end where memory does."""
    found = b""
    while len(found) < 15 and not found.endswith(b"\0"):
        found += request.memory.read(address + len(found), 1)
    return found


def add_route6(request: Request) -> None:
    routing.add_route(request.network, _wanted6(request), _MODE)


def delete_route6(request: Request) -> None:
    routing.remove_route(request.network, _wanted6(request), scope=None)


def _wanted6(request: Request) -> WantedRoute:
    values = in6_rtmsg.read(request.memory.read(request.address, in6_rtmsg.size(request.arch)), request.arch)
    if values.rtmsg_dst_len > 128:
        raise Refused(errno.EINVAL)
    interface = request.network.by_index(values.rtmsg_ifindex) if values.rtmsg_ifindex else None
    if values.rtmsg_ifindex and interface is None:
        raise Refused(errno.ENODEV)
    gateway = values.rtmsg_gateway if values.rtmsg_flags & RTF_GATEWAY else None
    return WantedRoute(
        network_of(values.rtmsg_dst, values.rtmsg_dst_len), values.rtmsg_dst_len, interface, gateway,
        metric=values.rtmsg_metric, protocol=Origin.BOOT,
    )


def get_arp(request: Request) -> None:
    address, interface, _, data = _arp(request)
    entry = interface.neighbors4.entries.get(address)
    if entry is None or entry.mac is None:
        raise Refused(errno.ENXIO)
    told = ATF_COM | (ATF_PERM if entry.state is State.PERMANENT else 0)
    parts = (data[:16], struct.pack("=H14s", ARPHRD_ETHER, entry.mac), struct.pack("=i", told), data[36:52])
    name = interface.name.encode().ljust(16, b"\0")
    request.memory.write(request.address, b"".join(parts) + name)


def set_arp(request: Request) -> None:
    address, interface, flags, data = _arp(request)
    if flags & ATF_PUBL:
        raise Refused(errno.EOPNOTSUPP)
    kind, mac = struct.unpack_from("=H6s", data, 16)
    if kind not in (0, ARPHRD_ETHER):
        raise Refused(errno.EINVAL)
    state = neighbouring.NUD_PERMANENT if flags & ATF_PERM else 0x4
    neighbouring.set_neighbour(interface, address, mac, state, request.now)


def delete_arp(request: Request) -> None:
    address, interface, flags, _ = _arp(request)
    if flags & ATF_PUBL:
        raise Refused(errno.EOPNOTSUPP)
    if address not in interface.neighbors4.entries:
        raise Refused(errno.ENXIO)
    interface.neighbors4.remove(address)


def _arp(request: Request) -> tuple[bytes, Interface, int, bytes]:
    """(address, interface, flags, the struct): without a device, the one that the address is reached by."""
    data = request.memory.read(request.address, arpreq.size(request.arch))
    family, _, address = struct.unpack_from("=HH4s", data)
    flags = struct.unpack_from("=i", data, 32)[0]
    if family != AF_INET:
        raise Refused(errno.EPFNOSUPPORT)
    if not flags & ATF_PUBL and flags & ATF_NETMASK:
        raise Refused(errno.EINVAL)
    name = name_of(data[52:68])
    if name:
        interface = request.network.by_name(name)
        if interface is None:
            raise Refused(errno.ENODEV)
        return address, interface, flags, data
    route = routing.lookup(request.network, address)
    found = request.network.by_index(route.index) if route else None
    if found is None:
        raise Refused(errno.ENETUNREACH)
    return address, found, flags, data
