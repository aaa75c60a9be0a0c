"""Which request of which family of sockets is answered by what: sock_do_ioctl() and the families' own ioctl.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from ptrace_net.abi.constants.sockios import SIOC
from ptrace_net.abi.if_ import ifreq
from ptrace_net.netdevice import addresses, ethtool, links, routes
from ptrace_net.netdevice.memory import Memory, Request
from ptrace_net.network.refused import Refused

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.network.network import Network

Handler: TypeAlias = Callable[[Request], None]
AF_INET, AF_INET6, AF_PACKET = 2, 10, 17
SIOCDEVPRIVATE = 0x89F0

#: any socket
ANY: Mapping[int, Handler] = {
    SIOC[name]: handler
    for name, handler in {
        "SIOCGIFNAME": links.get_name,
        "SIOCGIFCONF": links.list_interfaces,
        "SIOCGIFFLAGS": links.get_flags,
        "SIOCSIFFLAGS": links.set_flags,
        "SIOCGIFMETRIC": links.get_metric,
        "SIOCSIFMETRIC": links.unsupported,
        "SIOCGIFMTU": links.get_mtu,
        "SIOCSIFMTU": links.set_mtu,
        "SIOCGIFHWADDR": links.get_hardware,
        "SIOCSIFHWADDR": links.set_hardware,
        "SIOCGIFINDEX": links.get_index,
        "SIOCGIFTXQLEN": links.get_queue,
        "SIOCSIFTXQLEN": links.set_queue,
        "SIOCGIFMAP": links.get_map,
        "SIOCSIFMAP": links.unsupported,
        "SIOCGIFSLAVE": links.no_slave,
        "SIOCSIFNAME": links.no_rename,
        "SIOCETHTOOL": ethtool.perform,
        "SIOCGMIIPHY": links.unsupported,
        "SIOCGMIIREG": links.unsupported,
        "SIOCSMIIREG": links.unsupported,
        "SIOCGHWTSTAMP": links.unsupported,
        "SIOCSHWTSTAMP": links.unsupported,
        "SIOCADDMULTI": links.unsupported,
        "SIOCDELMULTI": links.unsupported,
        "SIOCSIFHWBROADCAST": links.unsupported,
        "SIOCGIFBR": links.no_bridges,
        "SIOCSIFBR": links.no_bridges,
    }.items()
}
_INET: Mapping[int, Handler] = {
    SIOC[name]: handler
    for name, handler in {
        "SIOCSIFFLAGS": addresses.set_flags,
        "SIOCGIFADDR": addresses.get_address,
        "SIOCSIFADDR": addresses.set_address,
        "SIOCGIFDSTADDR": addresses.get_peer,
        "SIOCSIFDSTADDR": links.unsupported,
        "SIOCGIFBRDADDR": addresses.get_broadcast,
        "SIOCSIFBRDADDR": addresses.set_broadcast,
        "SIOCGIFNETMASK": addresses.get_netmask,
        "SIOCSIFNETMASK": addresses.set_netmask,
        "SIOCADDRT": routes.add_route,
        "SIOCDELRT": routes.delete_route,
        "SIOCGARP": routes.get_arp,
        "SIOCSARP": routes.set_arp,
        "SIOCDARP": routes.delete_arp,
        "SIOCGIFPFLAGS": links.no_flags,
        "SIOCSIFPFLAGS": links.no_flags,
    }.items()
}
_INET6: Mapping[int, Handler] = {
    SIOC[name]: handler
    for name, handler in {
        "SIOCSIFADDR": addresses.add_address6,
        "SIOCDIFADDR": addresses.remove_address6,
        "SIOCADDRT": routes.add_route6,
        "SIOCDELRT": routes.delete_route6,
    }.items()
}
FAMILIES: Mapping[int, Mapping[int, Handler]] = {AF_INET: _INET, AF_PACKET: _INET, AF_INET6: _INET6}
#: requests that belong to one family, and are ENOTTY on sockets of others
OF_A_FAMILY = {*_INET, *_INET6}


def knows(request: int) -> bool:
    """Whether ``perform`` answers a request."""
    return request in ANY or request in OF_A_FAMILY


def perform(
    network: Network, memory: Memory, arch: Arch, request: int, address: int, family: int, now: float
) -> None:
    """Do what a request asks for, on a socket of ``family``. Raises Refused; memory raises by itself."""
    handler = FAMILIES.get(family, {}).get(request) or ANY.get(request)
    if SIOCDEVPRIVATE <= request <= SIOCDEVPRIVATE + 15:
        handler = links.unsupported
    if handler is None:
        memory.read(address, ifreq.size(arch))  # a bad pointer is told before (sock_do_ioctl)
        raise Refused(errno.ENOTTY)
    handler(Request(network, memory, arch, request, address, family, now))
