"""The sockets of a run by the inode of their kernel socket, which dup, fork, exec and SCM_RIGHTS keep.

Nobody tells when a socket is gone: entries whose inode no process of the run holds any more are swept once
the table has doubled, and only when two sweeps in a row missed them (a descriptor may be on its way in a
message).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

State = TypeVar("State")
_SMALLEST = 256


class Registry(Generic[State]):
    """``State`` per inode; ``processes`` gives the thread groups of the run."""

    def __init__(self, processes: Callable[[], Iterable[int]]) -> None:
        self._states: dict[int, State] = {}
        self._processes = processes
        self._limit = _SMALLEST
        self._suspects: set[int] = set()

    def __len__(self) -> int:
        return len(self._states)

    def get(self, inode: int) -> State | None:
        return self._states.get(inode)

    def add(self, inode: int, state: State) -> None:
        if len(self._states) >= self._limit:
            self.sweep()
        self._states[inode] = state

    def remove(self, inode: int) -> None:
        self._states.pop(inode, None)

    def items(self) -> list[tuple[int, State]]:
        return list(self._states.items())

    def sweep(self) -> None:
        """Drop what two sweeps have not found; the next one comes when the table has doubled."""
        held: set[int] = set()
        for tgid in self._processes():
            held.update(inode for inode, _ in sockets_of(tgid))
        missing = self._states.keys() - held
        for inode in missing & self._suspects:
            del self._states[inode]
        self._suspects = missing & self._states.keys()
        self._limit = max(_SMALLEST, 2 * len(self._states))


def sockets_of(tgid: int) -> list[tuple[int, int]]:
    """``(inode, fd)`` of every socket that a process holds; empty when it is gone."""
    found = []
    try:
        names = os.listdir(f"/proc/{tgid}/fd")
    except OSError:
        return []
    for name in names:
        try:
            status = os.stat(f"/proc/{tgid}/fd/{name}")
        except OSError:
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.append((status.st_ino, int(name)))
    return found
