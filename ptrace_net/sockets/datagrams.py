"""Who is who among datagram sockets on the loopback address.

Replies go out from the address that the host's route chooses, and that is 127.0.0.1 for all of 127.0.0.0/8:
so datagrams to ::1 use 127.0.0.1 as well, unless a socket is bound to the address that stands for ::1. Which
local ports speak IPv6 is kept by inode, since a port is soon another socket's; the kernel's table
(/proc/PID/net/udp, proc(5)) of a network namespace is read at most twice a second.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls

if TYPE_CHECKING:
    from ptrace_net.sockets.faces import FourOnSix, SixOnFour

Bound = dict[tuple[bytes, int], int]  # (address, port) -> inode
_FRESH = 0.5  # seconds
_LISTEN = "0A"  # TCP_LISTEN
_TABLES: dict[tuple[int, int], str] = {
    (socket.AF_INET, socket.SOCK_STREAM): "tcp",
    (socket.AF_INET, socket.SOCK_DGRAM): "udp",
    (socket.AF_INET6, socket.SOCK_STREAM): "tcp6",
    (socket.AF_INET6, socket.SOCK_DGRAM): "udp6",
}


class Datagrams:
    """Ports are as they stand in a sockaddr, in network order."""

    def __init__(self, face: SixOnFour | FourOnSix) -> None:
        self._face = face
        self._own: dict[int, int] = {}  # port -> inode of a socket that has spoken to its own family
        self.asker: int | str = "self"  # the thread in whose network namespace the ports are
        self._tables: dict[int, tuple[float, Bound]] = {}  # network namespace -> when read, and what

    def note(self, handle: int) -> None:
        """The socket behind ``handle`` has spoken to a peer of the asked family."""
        port = self._face.parse_host(hostcalls.getsockname(handle)).port
        self._own[port] = os.fstat(handle).st_ino

    def is_own(self, port: int) -> bool:
        """Whether the loopback socket on ``port`` is one that ``note`` was told of."""
        inode = self._own.get(port)
        if inode is None:
            return False
        if inode in self._holders(port):
            return True
        self.forget()
        if inode in self._holders(port):
            return True
        del self._own[port]
        return False

    def holds(self, kind: int, port: int, inode: int) -> bool:
        """Whether the socket ``inode`` still holds ``port``, and nobody the address that stands for ::1."""
        table = _read_table(_TABLES[self._face.host, kind], self.asker)
        if (self._face.host_loopback, port) in table:
            return False
        addresses = self._face.host_any, self._face.plain_loopback
        return inode in (table.get((address, port)) for address in addresses)

    def loopback_for(self, port: int) -> bytes:
        """The host address at which ::1's ``port`` is reached."""
        if (self._face.host_loopback, port) in self._table():
            return self._face.host_loopback
        return self._face.plain_loopback

    def forget(self) -> None:
        """A socket of the run was bound: the tables are others."""
        self._tables = {space: (0.0, table) for space, (_, table) in self._tables.items()}

    def _holders(self, port: int) -> set[int]:
        """In any namespace: the result of a call may be looked at when another thread has asked since."""
        self._table()
        places = (self._face.plain_loopback, self._face.host_any, self._face.host_loopback)
        return {table.get((place, port), 0) for _, table in self._tables.values() for place in places}

    def _table(self) -> Bound:
        now, space = time.monotonic(), _namespace(self.asker)
        read, bound = self._tables.get(space, (0.0, {}))
        if now - read > _FRESH:
            bound = _read_table(_TABLES[self._face.host, socket.SOCK_DGRAM], self.asker)
            self._tables[space] = now, bound
        return bound


def _namespace(tid: int | str) -> int:
    """The number of a thread's network namespace (namespaces(7)); 0 when the thread is gone."""
    try:
        return os.stat(f"/proc/{tid}/ns/net").st_ino
    except OSError:
        return 0


def _read_table(name: str, tid: int | str) -> Bound:
    """What /proc/TID/net says, empty without the thread; 32-bit words of an address are in host order."""
    try:
        with open(f"/proc/{tid}/net/{name}") as table:
            lines = table.readlines()[1:]
    except OSError:
        return {}
    bound = {}
    for line in lines:
        fields = line.split()
        if name.startswith("tcp") and fields[3] != _LISTEN:
            continue
        address, port = fields[1].split(":")
        words = [bytes.fromhex(address[at : at + 8]) for at in range(0, len(address), 8)]
        bound[b"".join(word[::-1] for word in words), socket.htons(int(port, 16))] = int(fields[9])
    return bound
