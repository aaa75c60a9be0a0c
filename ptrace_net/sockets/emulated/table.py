"""The sockets of a run by the inode of their backing socket, which dup, fork, exec and SCM_RIGHTS keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.sock import EmulatedSocket

_SMALLEST = 1024


class SocketTable:
    """Once it has doubled, what nobody holds is dropped: ``held`` gives the inodes that exist."""

    def __init__(self, held: Callable[[], set[int]], drop: Callable[[EmulatedSocket], None]) -> None:
        self._sockets: dict[int, EmulatedSocket] = {}
        self._held, self._drop = held, drop
        self._limit = _SMALLEST
        self.get = self._sockets.get

    def __len__(self) -> int:
        return len(self._sockets)

    def add(self, inode: int, sock: EmulatedSocket) -> None:
        if len(self._sockets) >= self._limit:
            self.sweep()
        self._sockets[inode] = sock

    def remove(self, inode: int) -> EmulatedSocket | None:
        return self._sockets.pop(inode, None)

    def all(self) -> list[EmulatedSocket]:
        return list(self._sockets.values())

    def sweep(self) -> None:
        """Drop the sockets that are closed; the next time comes when the table has doubled."""
        for inode in self._sockets.keys() - self._held():
            self._drop(self._sockets[inode])
        self._limit = max(_SMALLEST, 2 * len(self._sockets))
