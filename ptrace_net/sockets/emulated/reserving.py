"""The host's sockets for ports that a run has just chosen itself, until they are published.

A program that asks for port 0 tells others the number that it gets (FTP's PASV, SDP, the URL of a server), so
that number is to be had on the host too: the socket that will publish it is bound when the choice is made.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.names import AF_INET6, Name, pack
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ptrace_net.publish_option import Wanted
    from ptrace_net.sockets.emulated.hosts import HostRoutes

_FLAGS = socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
_MOST = 256  # numbers held for programs that bind many sockets and listen on none


def host_socket(family: int, kind: int) -> int:
    """A socket of the host's for one family alone."""
    handle = hostcalls.new_socket(family, kind | _FLAGS, 0)
    if family == AF_INET6:
        hostcalls.set_int(handle, socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return handle


class Reservations:
    """By kind and port: the bound sockets of each family."""

    def __init__(self, routes: HostRoutes) -> None:
        self._routes = routes
        self._held: dict[tuple[int, int], dict[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    def make(self, kind: int, port: int, wanted: Sequence[Wanted]) -> bool:
        """Hold all that is wanted for ``port``; False where the host has one of them already.

        Where the host says anything else (no descriptor left, no such address) another number would not help.
        """
        held = self._held.pop((kind, port), {})
        try:
            for each in wanted:
                family = self._routes.family(each.address)
                if family not in held:
                    held[family] = _bound(family, kind, Name(each.address, port))
        except Errno as error:
            _close(held)
            return error.number != errno.EADDRINUSE
        if len(self._held) >= _MOST:
            self.drop(*next(iter(self._held)))
        self._held[kind, port] = held
        return True

    def take(self, kind: int, port: int, family: int) -> int | None:
        """The socket that is held for ``family``, which is the caller's from now on."""
        return self._held.get((kind, port), {}).pop(family, None)

    def drop(self, kind: int, port: int) -> None:
        _close(self._held.pop((kind, port), {}))

    def keep(self, needed: Callable[[int, int], bool]) -> None:
        """Give back what is not ``needed(kind, port)``."""
        for kind, port in list(self._held):
            if not needed(kind, port):
                self.drop(kind, port)


def _bound(family: int, kind: int, name: Name) -> int:
    """Without SO_REUSEADDR: what others hold with it, and do not listen on, is theirs all the same."""
    handle = host_socket(family, kind)
    try:
        hostcalls.bind(handle, pack(family, name))
    except Errno:
        os.close(handle)
        raise
    return handle


def _close(held: dict[int, int]) -> None:
    for handle in held.values():
        os.close(handle)
