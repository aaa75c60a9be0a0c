"""Multicast groups of a run: who is in which, and who hears what (net/ipv4/igmp.c, net/ipv6/mcast.c).

A datagram is taken in where a socket of the run, of whatever kind, is in its group on the interface that it
came by and admits its source. Then it is for all sockets of its port that admit it too: those that are not in
the group as IP_MULTICAST_ALL says.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.network import LO, LOOPBACK6

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options.groups import Filter, Key
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.sock import EmulatedSocket

# By the size of an address: IP_MULTICAST_ALL, IP_MULTICAST_LOOP and their twins.
_ALL = {4: (socket.IPPROTO_IP, 49), 16: (socket.IPPROTO_IPV6, 29)}
_LOOP = {4: (socket.IPPROTO_IP, 34), 16: (socket.IPPROTO_IPV6, 19)}
_EVERYBODY = frozenset(
    {
        socket.inet_aton("224.0.0.1"),
        *(socket.inet_pton(socket.AF_INET6, group) for group in ("ff01::1", "ff02::1")),
    }
)


class Memberships:
    """The members of each group; what sources they admit is in their ``Options.groups``."""

    def __init__(self, layer: EmulatedSockets) -> None:
        self._layer = layer
        self._members: dict[Key, dict[EmulatedSocket, None]] = {}

    def join(self, sock: EmulatedSocket, key: Key) -> None:
        self._members.setdefault(key, {})[sock] = None
        self._layer.outside.joined(key[1], key[0], True)

    def leave(self, sock: EmulatedSocket, key: Key) -> None:
        members = self._members.get(key, {})
        if sock in members:
            del members[sock]
            self._layer.outside.joined(key[1], key[0], False)
            if not members:
                del self._members[key]

    def forget(self, sock: EmulatedSocket) -> None:
        """It is closed, and so in no group any more."""
        for key in sock.options.groups or ():
            self.leave(sock, key)

    def lets_in(self, sock: EmulatedSocket, group: bytes, origin: Origin) -> bool:
        """Whether a datagram to ``group`` is for a socket of its port (ip_mc_sf_allow, inet6_mc_check)."""
        source, came = origin.source.address, (origin.interface, group)
        key, kept = _membership(sock, came)
        if kept is None:
            return bool(sock.options.value(*_ALL[len(group)])) and self._is_taken(came, source)
        return kept.admits(source) and (key == came or self._is_taken(came, source))

    def _is_taken(self, key: Key, source: bytes) -> bool:
        """Whether the host takes it in (ip_check_mc_rcu, ipv6_chk_mcast_addr)."""
        if key[1] in _EVERYBODY:
            return True
        members = list(self._members.get(key, ()))
        return any(_admits(member, key, source) and not member.is_gone() for member in members)


def _membership(sock: EmulatedSocket, key: Key) -> tuple[Key, Filter | None]:
    """That of a socket, which for IPv6 is the last one on whatever interface."""
    groups = sock.options.groups
    if groups is None:
        return key, None
    if len(key[1]) == 16:
        key = next((each for each in reversed(groups) if each[1] == key[1]), key)
    return key, groups.get(key)


def _admits(sock: EmulatedSocket, key: Key, source: bytes) -> bool:
    kept = (sock.options.groups or {}).get(key)
    return kept is not None and kept.admits(source)


def comes_back(sock: EmulatedSocket, origin: Origin) -> bool:
    """Whether the run hears what ``sock`` sends to a group: but on lo, IP_MULTICAST_LOOP says so."""
    if origin.interface == LO:
        return True
    if origin.source.address == LOOPBACK6:
        return False
    return sock.options.values is None or bool(sock.options.value(*_LOOP[len(origin.destination)]))
