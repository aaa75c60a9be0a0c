"""A provider's socket and the borrowed descriptor of it (``syscalls.sockets.Held``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

Sock = TypeVar("Sock")


class Found(Generic[Sock]):
    """A provider's socket (None for any other) for a with block; borrowed when its handle is asked for."""

    __slots__ = ("_fd", "_owned", "_task", "handle", "sock")
    handle: int  # missing at first, unless the engine has one anyway

    def __init__(self, sock: Sock | None, task: Task, fd: int) -> None:
        self.sock: Sock = sock  # type: ignore[assignment]  # __enter__ gives None without one
        self._task = task
        self._fd = fd
        self._owned = False
        held = task.held(fd)
        if held >= 0:
            self.handle = held

    def __getattr__(self, name: str) -> int:
        if name != "handle":
            raise AttributeError(name)
        self.handle = self._task.borrow(self._fd)
        self._owned = True
        return self.handle

    def __enter__(self) -> Found[Sock] | None:
        return None if self.sock is None else self

    def __exit__(self, *exception: object) -> None:
        if self._owned:
            os.close(self.handle)
