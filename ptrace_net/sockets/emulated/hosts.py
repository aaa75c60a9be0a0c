"""How addresses beyond the run are reached with the host's sockets.

The gateway's address is the host itself, as under slirp; IPv6 goes through IPv4 where the host has none and
the policy maps it.
"""

from __future__ import annotations

import errno
import socket
from functools import cached_property
from ipaddress import ip_address
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.names import AF_INET, AF_INET6, Name, pack
from ptrace_net.sockets.emulated.network import GATEWAY4, GATEWAY6, LOOPBACK4, LOOPBACK6, is_link_local
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.policies.mapping import AddressMap

_LAN4, _LAN6 = GATEWAY4[:3], GATEWAY6[:8]  # eth0's own networks: nobody but the gateway is there
GATEWAYS = {GATEWAY4: LOOPBACK4, GATEWAY6: LOOPBACK6}
RESOLV_CONF = "/etc/resolv.conf"
DOMAIN = 53


class HostRoutes:
    """From a name that the program uses to the sockaddr that the host's socket gets.

    ``map_first``: IPv6 goes through IPv4 though the host has it, as on the host provider.
    """

    def __init__(self, addresses: AddressMap, map_first: bool = False) -> None:
        self._map, self._map_first = addresses, map_first

    @cached_property
    def has_ipv6(self) -> bool:
        """Whether the host has an IPv6 loopback, and so IPv6."""
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.bind(("::1", 0))
        except OSError:
            return False
        return True

    @cached_property
    def resolvers(self) -> frozenset[bytes]:
        """Name servers on the host's loopback (resolv.conf(5)): reached though the run has a loopback too."""
        found = set()
        try:
            with open(RESOLV_CONF) as lines:
                words = [line.split() for line in lines if line.startswith("nameserver")]
        except OSError:
            return frozenset()
        for word in words:
            try:
                address = ip_address(word[1].partition("%")[0])
            except (IndexError, ValueError):
                continue
            if address.is_loopback:
                found.add(address.packed)
        return frozenset(found)

    def resolver_at(self, target: Name) -> bool:
        return target.port == DOMAIN and target.address in self.resolvers

    def family(self, address: bytes) -> int:
        return AF_INET if len(address) == 4 else AF_INET6

    def sockaddr(self, target: Name) -> tuple[int, bytes]:
        """``(family, sockaddr)`` for the host; Errno(EHOSTUNREACH, ENETUNREACH)."""
        address = GATEWAYS.get(target.address)
        if address is None:
            address = self._outside(target.address)
        if len(address) == 16 and (self._map_first or not self.has_ipv6):
            own = address == LOOPBACK6 and not self._map_first
            mapped = LOOPBACK4 if own else self._map.four(address)
            if mapped is None and not self.has_ipv6:
                raise Errno(errno.ENETUNREACH)
            address = mapped or address
        family = self.family(address)
        return family, pack(family, Name(address, target.port))

    def _outside(self, address: bytes) -> bytes:
        lan = address.startswith(_LAN4) if len(address) == 4 else address.startswith(_LAN6)
        if lan or is_link_local(address):
            raise Errno(errno.EHOSTUNREACH)
        return address

    def loopback(self, target: Name) -> tuple[int, bytes]:
        """``sockaddr`` for an address of the run's that means the host's loopback here."""
        address = LOOPBACK4 if len(target.address) == 4 or not self.has_ipv6 else LOOPBACK6
        family = self.family(address)
        return family, pack(family, Name(address, target.port))
