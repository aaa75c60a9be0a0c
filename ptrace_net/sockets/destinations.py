"""Where a connection or a datagram goes: a sockaddr of the program's looked at as net/ipv6 and net/ipv4 do.

Pure: what the socket is and what it is bound to come in, the host's endpoint or Errno comes out, with the
errors of a machine that has no route for the family.
"""

from __future__ import annotations

import errno
from typing import NamedTuple

from ptrace_net.sockets.faces import AF_INET, Endpoint, FourOnSix, SixOnFour, family_of, parse_in
from ptrace_net.sockets.sharing import OTHER
from ptrace_net.syscalls.seam import Errno


class Origin(NamedTuple):
    """The socket that something is sent from; ``side`` as in ``sharing``."""

    face: SixOnFour | FourOnSix
    stream: bool
    v6only: bool
    side: str


class Destination(NamedTuple):
    """``own``: the peer is one of the asked family alone."""

    host: Endpoint
    own: bool


def connect_to(origin: Origin, name: bytes) -> Destination:
    """The destination of connect(2)."""
    if not origin.stream and family_of(name) == AF_INET != origin.face.asked:
        if origin.v6only:
            raise Errno(errno.EAFNOSUPPORT)
        return Destination(parse_in(name), own=False)  # a dual-stack datagram socket takes a sockaddr_in
    endpoint = origin.face.parse(name)
    if family_of(name) != origin.face.asked:
        raise Errno(errno.EAFNOSUPPORT)
    return _reached(origin, name, endpoint)


def send_to(origin: Origin, name: bytes) -> Destination:
    """The destination of a datagram."""
    if family_of(name) == AF_INET != origin.face.asked:
        if origin.v6only:
            raise Errno(errno.ENETUNREACH)
        return Destination(parse_in(name), own=False)
    if family_of(name) != origin.face.asked:
        raise Errno(errno.EINVAL)
    return _reached(origin, name, origin.face.parse(name))


def _reached(origin: Origin, name: bytes, endpoint: Endpoint) -> Destination:
    face, address = origin.face, endpoint.address
    if face.lacks_scope(name):
        raise Errno(errno.EINVAL)
    if address == face.any:  # any address is the loopback one, of the family that the socket is bound to
        address = face.mapped_loopback if origin.side == OTHER else face.loopback
    host, own = face.to_host(address), face.own(address)
    if own and origin.side == OTHER:
        raise Errno(errno.EAFNOSUPPORT)
    if host is None or (origin.v6only and not own):
        raise Errno(errno.ENETUNREACH)
    return Destination(Endpoint(host, endpoint.port), own)
