"""The two ways to serve one family by the other: what a ``sockaddr`` becomes on its way to the host and back.

``SixOnFour`` serves AF_INET6 with AF_INET sockets, ``FourOnSix`` the reverse; both use one ``AddressMap``.
Errors are those of a machine that has no route and no address of the family (ENETUNREACH, EADDRNOTAVAIL).
"""

from __future__ import annotations

import errno
import socket
import struct
from typing import NamedTuple

from ptrace_net.policies.mapping import ANY4, ANY6, LOOPBACK6, V4_MAPPED, AddressMap, is_v4_mapped
from ptrace_net.syscalls.seam import Errno

AF_UNSPEC, AF_INET, AF_INET6 = socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6
IN6_SHORTEST = 24  # SIN6_LEN_RFC2133: sin6_scope_id may be missing
_FAMILY = struct.Struct("=H")
_IN = struct.Struct("=HH4s8x")
_IN6 = struct.Struct("=HHI16sI")
_LOOPBACK4 = b"\x7f\0\0\x01"


class Endpoint(NamedTuple):
    """Address bytes (4 or 16) and port in network order, as it stands in the sockaddr."""

    address: bytes
    port: int


def family_of(name: bytes) -> int:
    """The family of a sockaddr; Errno(EINVAL) where it is too short to have one."""
    if len(name) < 2:
        raise Errno(errno.EINVAL)
    family: int = _FAMILY.unpack_from(name)[0]
    return family


def parse_in(name: bytes) -> Endpoint:
    if len(name) < _IN.size:
        raise Errno(errno.EINVAL)
    _, port, address = _IN.unpack_from(name)
    return Endpoint(address, port)


def parse_in6(name: bytes) -> Endpoint:
    if len(name) < IN6_SHORTEST:
        raise Errno(errno.EINVAL)
    _, port, _, address, _ = _IN6.unpack_from(name.ljust(_IN6.size, b"\0"))
    return Endpoint(address, port)


def pack_in(endpoint: Endpoint) -> bytes:
    return _IN.pack(AF_INET, endpoint.port, endpoint.address)


def pack_in6(endpoint: Endpoint) -> bytes:
    return _IN6.pack(AF_INET6, endpoint.port, 0, endpoint.address, 0)


class SixOnFour:
    """AF_INET6 served by AF_INET.

    ``asked`` is the program's family, ``host`` the one that serves it. ``host_loopback`` stands for ::1 on
    the host, ``plain_loopback`` is the host's usual one.
    """

    asked, host = AF_INET6, AF_INET
    level = socket.IPPROTO_IPV6  # the options of the asked family
    any, host_any = ANY6, ANY4

    def __init__(self, addresses: AddressMap) -> None:
        self._map = addresses
        self.host_loopback = addresses.four(LOOPBACK6) or _LOOPBACK4
        self.loopback, self.plain_loopback = LOOPBACK6, _LOOPBACK4
        self.mapped_loopback = V4_MAPPED + _LOOPBACK4

    def lacks_scope(self, name: bytes) -> bool:
        """Whether a link-local sockaddr_in6 does not say on which interface."""
        address = name[8:24]
        multicast = address[0] == 0xFF and address[1] & 0xF in (1, 2)
        link_local = address[0] == 0xFE and address[1] & 0xC0 == 0x80
        return (multicast or link_local) and not any(name[24:28])

    def absent(self, name: bytes) -> int:
        """The errno of binding an address that the machine does not have, or an interface it does not have.
        """
        (scope,) = struct.unpack("=I", name[24:28].ljust(4, b"\0"))
        link_local = name[8] == 0xFE and name[9] & 0xC0 == 0x80
        if link_local and scope not in (index for index, _ in socket.if_nameindex()):
            return errno.ENODEV
        return errno.EADDRNOTAVAIL

    def is_multicast(self, address: bytes) -> bool:
        return address[0] == 0xFF

    parse = staticmethod(parse_in6)
    pack = staticmethod(pack_in6)
    parse_host = staticmethod(parse_in)
    pack_host = staticmethod(pack_in)

    def to_host(self, address: bytes) -> bytes | None:
        return self._map.four(address)

    def from_host(self, address: bytes) -> bytes:
        return self._map.six(address)

    def own(self, address: bytes) -> bool:
        """Whether ``address`` belongs to the asked family alone: no counterpart that IPv4 programs use."""
        return not is_v4_mapped(address) and address != ANY6


class FourOnSix:
    """AF_INET served by AF_INET6 on a host that has nothing else: 127.0.0.1 is ::1, the rest by the pairs."""

    asked, host = AF_INET, AF_INET6
    level = socket.IPPROTO_IP
    any, host_any = ANY4, ANY6

    def __init__(self, addresses: AddressMap) -> None:
        self._map = addresses
        self.host_loopback = LOOPBACK6
        self.loopback, self.plain_loopback = _LOOPBACK4, LOOPBACK6
        self.mapped_loopback = _LOOPBACK4

    def lacks_scope(self, name: bytes) -> bool:
        return False

    def absent(self, name: bytes) -> int:
        return errno.EADDRNOTAVAIL

    def is_multicast(self, address: bytes) -> bool:
        return False  # tcp(7): IPv4 takes such a name and refuses it later

    parse = staticmethod(parse_in)
    pack = staticmethod(pack_in)
    parse_host = staticmethod(parse_in6)
    pack_host = staticmethod(pack_in6)

    def to_host(self, address: bytes) -> bytes | None:
        if address == ANY4:
            return ANY6
        if address == _LOOPBACK4:
            return LOOPBACK6
        six = self._map.six(address)
        return None if six.startswith(V4_MAPPED) else six

    def from_host(self, address: bytes) -> bytes:
        if address == LOOPBACK6:
            return _LOOPBACK4
        return self._map.four(address) or ANY4

    def own(self, address: bytes) -> bool:
        return False
