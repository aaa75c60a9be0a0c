"""By which interface a datagram leaves, and from which address, where its destination alone does not say:
groups and link-local addresses (udp_sendmsg, ip_route_output_key_hash_rcu, udpv6_sendmsg).
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.network import LO, is_link_local, is_multicast, needs_scope
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.sock import EmulatedSocket

IP_MULTICAST_IF, IPV6_MULTICAST_IF = (socket.IPPROTO_IP, 32), (socket.IPPROTO_IPV6, 17)
SO_BINDTOIFINDEX = (socket.SOL_SOCKET, 62)


def leave(sock: EmulatedSocket, target: Name, source: bytes | None, asked: int = 0) -> tuple[bytes, int]:
    """Source and interface of a datagram. ``source`` is that of its socket, ``asked`` the interface of its
    control messages. Errno(ENETUNREACH): no route; Errno(EINVAL).
    """
    if is_multicast(target.address) or is_link_local(target.address):
        by_family = _leave4 if len(target.address) == 4 else _leave6
        return by_family(sock, target, source, asked)
    found = sock.layer.source_for(target.address)
    if found is None:
        raise Errno(errno.ENETUNREACH)
    source = source or found
    return source, sock.layer.network.link_of(source)


def _leave4(sock: EmulatedSocket, target: Name, source: bytes | None, asked: int) -> tuple[bytes, int]:
    network, options = sock.layer.network, sock.options
    index = asked or options.number(*SO_BINDTOIFINDEX, 0) or options.number(*IP_MULTICAST_IF, 0)
    if source is None and any(options.blob(*IP_MULTICAST_IF)):
        source = options.blob(*IP_MULTICAST_IF)
    if source is None:
        source = network.source_on(index, target.address) if index else network.source_for(target.address)
    if source is None:
        raise Errno(errno.ENETUNREACH)
    if not index:
        return source, network.link_of(source)
    if source[0] == 127 and index != LO:
        raise Errno(errno.EINVAL)
    return source, index


def _leave6(sock: EmulatedSocket, target: Name, source: bytes | None, asked: int) -> tuple[bytes, int]:
    """Neither groups nor link-local addresses are beyond lo, nor beyond an interface that is not there."""
    network, options = sock.layer.network, sock.options
    scope = target.scope if needs_scope(target.address) else 0
    index = asked or scope or options.number(*SO_BINDTOIFINDEX, 0)
    if not index and is_multicast(target.address):
        index = options.number(*IPV6_MULTICAST_IF, 0)
    links = [link.ifindex for link in network.links if link.ifindex != LO and index in (0, link.ifindex)]
    owner = network.link_of(target.address)
    if not links or owner not in (0, *links):
        raise Errno(errno.ENETUNREACH)
    source = source or network.source_on(owner or links[0], target.address)
    if source is None:
        raise Errno(errno.ENETUNREACH)
    return source, owner or links[0]


def scoped(sock: EmulatedSocket, target: Name) -> Name:
    """Where connect(2) goes, with the interface that a link-local name needs: Errno(EINVAL) without one,
    Errno(ENETUNREACH) where it has no such way.
    """
    if not needs_scope(target.address):
        return target._replace(scope=0) if target.scope else target
    bound = sock.options.number(*SO_BINDTOIFINDEX, 0)
    if bound and target.scope not in (0, bound):
        raise Errno(errno.EINVAL)
    scope = target.scope or bound
    if not scope and is_multicast(target.address):
        scope = sock.options.number(*IPV6_MULTICAST_IF, 0)
    if not scope:
        raise Errno(errno.EINVAL)
    target = target._replace(scope=scope)
    sock.options.keep(*SO_BINDTOIFINDEX, scope)
    leave(sock, target, None)
    return target


def bindable(sock: EmulatedSocket, wanted: Name) -> None:
    """The errors of bind(2) to a link-local address or group; it binds to the interface too (inet6_bind)."""
    network = sock.layer.network
    scope = wanted.scope or sock.options.number(*SO_BINDTOIFINDEX, 0)
    if not scope:
        raise Errno(errno.EINVAL)
    sock.options.keep(*SO_BINDTOIFINDEX, scope)
    if not network.has_index(scope):
        raise Errno(errno.ENODEV)
    if is_link_local(wanted.address) and network.link_of(wanted.address) not in (0, scope):
        raise Errno(errno.EADDRNOTAVAIL)


def unbind(sock: EmulatedSocket) -> None:
    """A UDP socket's disconnect frees it from its interface (__udp_disconnect)."""
    if sock.options.number(*SO_BINDTOIFINDEX, 0):
        sock.options.keep(*SO_BINDTOIFINDEX, 0)
