"""A provider's socket and the borrowed descriptor of it (``syscalls.sockets.Held``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

Sock = TypeVar("Sock")


class Found(Generic[Sock]):
    """A provider's socket (None for any other) for a with block; borrowed when its handle is asked for."""

    __slots__ = ("_fd", "_handle", "_owned", "_task", "sock")

    def __init__(self, sock: Sock | None, task: Task, fd: int) -> None:
        self.sock: Sock = sock  # type: ignore[assignment]  # __enter__ gives None without one
        self._task = task
        self._fd = fd
        self._owned = False
        self._handle = task.held(fd)  # -1, unless the engine has one anyway

    @property
    def handle(self) -> int:
        if self._handle < 0:
            self._handle = self._task.borrow(self._fd)
            self._owned = True
        return self._handle

    def __enter__(self) -> Found[Sock] | None:
        return None if self.sock is None else self

    def __exit__(self, *exception: object) -> None:
        if self._owned:
            os.close(self._handle)
