"""Socket names as the emulated sockets keep them: address bytes, port in host order, scope.

IPv4 addresses are 4 bytes on sockets of either family, so that ``::ffff:a.b.c.d`` and ``a.b.c.d`` are one
address (RFC 4291, 2.5.5.2); ``pack`` gives each family its own form.
"""

from __future__ import annotations

import errno
import struct
from typing import NamedTuple

from ptrace_net.policies.mapping import ANY4, ANY6, V4_MAPPED
from ptrace_net.syscalls.seam import Errno

AF_UNSPEC, AF_INET, AF_INET6 = 0, 2, 10
_IN, _IN6 = struct.Struct("=H2s4s8x"), struct.Struct("=H2sI16sI")
_IN6_SHORTEST = 24  # SIN6_LEN_RFC2133


class Name(NamedTuple):
    """An address and a port; ``scope`` is the interface of a link-local address."""

    address: bytes
    port: int
    scope: int = 0


def family_of(name: bytes) -> int:
    """The family of a sockaddr; Errno(EINVAL) where it is too short to have one."""
    if len(name) < 2:
        raise Errno(errno.EINVAL)
    return int.from_bytes(name[:2], "little")


def parse(family: int, name: bytes) -> Name:
    """The name in a sockaddr of ``family``; Errno(EINVAL) where it is too short. Its family is not looked at.
    """
    if family == AF_INET:
        if len(name) < _IN.size:
            raise Errno(errno.EINVAL)
        _, port, address = _IN.unpack_from(name)
        return Name(address, int.from_bytes(port, "big"))
    if len(name) < _IN6_SHORTEST:
        raise Errno(errno.EINVAL)
    _, port, _, address, scope = _IN6.unpack_from(name.ljust(_IN6.size, b"\0"))
    if address.startswith(V4_MAPPED):
        address = address[12:]
    return Name(address, int.from_bytes(port, "big"), scope)


def pack(family: int, name: Name) -> bytes:
    """The sockaddr that a program with a socket of ``family`` is given."""
    port = name.port.to_bytes(2, "big")
    if family == AF_INET:
        return _IN.pack(AF_INET, port, name.address)
    address = name.address
    return _IN6.pack(AF_INET6, port, 0, V4_MAPPED + address if len(address) == 4 else address, name.scope)


def any_of(family: int) -> bytes:
    return ANY4 if family == AF_INET else ANY6
