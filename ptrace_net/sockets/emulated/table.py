"""The sockets of a run by the inode of their backing socket, which dup, fork, exec and SCM_RIGHTS keep."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor
    from ptrace_net.sockets.emulated.sock import EmulatedSocket

_SMALLEST = 4096
_SWEEP_AFTER = 3.0  # seconds


class SocketTable:
    """What nobody holds is dropped, some seconds after sockets were made and once the table has doubled:
    ``held`` gives the inodes that exist, ``swept`` is called after each time.
    """

    def __init__(
        self,
        held: Callable[[], set[int]],
        drop: Callable[[EmulatedSocket], None],
        swept: Callable[[], None],
        reactor: Reactor,
    ) -> None:
        self._reactor, self._timer, self._swept = reactor, False, swept
        self.sockets: dict[int, EmulatedSocket] = {}
        self._held, self._drop = held, drop
        self._limit = _SMALLEST
        self.get = self.sockets.get

    def __len__(self) -> int:
        return len(self.sockets)

    def add(self, inode: int, sock: EmulatedSocket) -> None:
        if len(self.sockets) >= self._limit:
            self.sweep()
        self.sockets[inode] = sock
        if not self._timer:
            self._timer = True
            self._reactor.call_at(time.monotonic() + _SWEEP_AFTER, self._due)

    def _due(self) -> None:
        """Sweep; again later while that finds something, or new ones come."""
        self._timer = False
        before = len(self.sockets)
        self.sweep()
        if self.sockets and len(self.sockets) < before:
            self._timer = True
            self._reactor.call_at(time.monotonic() + _SWEEP_AFTER, self._due)

    def remove(self, inode: int) -> EmulatedSocket | None:
        return self.sockets.pop(inode, None)

    def all(self) -> list[EmulatedSocket]:
        return list(self.sockets.values())

    def sweep(self) -> None:
        """Drop the sockets that are closed; the next time comes when the table has doubled."""
        for inode in self.sockets.keys() - self._held():
            self._drop(self.sockets[inode])
        self._swept()
        self._limit = max(_SMALLEST, 2 * len(self.sockets))
