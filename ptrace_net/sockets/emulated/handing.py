"""Threads that sleep until a datagram comes, and are handed it: it never lies in the backing socket.

Only where that is empty, so that nothing is overtaken; the thread that has slept longest comes first. A call
that a signal withdraws takes nothing: its datagram goes to the next thread, or into the backing socket behind
what the same call has sent since.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

from ptrace_net.syscalls.seam import Park, Return

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.syscalls.seam import Resume
    from ptrace_net.syscalls.sockets import Received


class Receiver(Protocol):
    """The socket that they sleep on."""

    def received(self, data: bytes, origin: Origin, size: int, flags: int) -> Received:
        """What a call for at most ``size`` bytes gets of a datagram."""

    def deliver(self, data: bytes, origin: Origin) -> bool:
        """Take a datagram: whether there was room."""


class Sleepers:
    """Those of one socket, by thread; calls that were withdrawn are among them until their turn comes."""

    __slots__ = ("by_thread",)

    def __init__(self) -> None:
        # at most so many bytes with MSG_* flags are what is to be given
        self.by_thread: dict[int, tuple[Resume, int, int, Callable[[Received], int]]] = {}

    def park(
        self, tid: int, size: int, flags: int, give: Callable[[Received], int], timeout: float | None
    ) -> Park:
        """How thread ``tid`` sleeps."""

        def start(resume: Resume) -> None:
            self.by_thread.pop(tid, None)  # it is the last now
            self.by_thread[tid] = resume, size, flags, give

        return Park(start, timeout, restart=timeout is None)

    def hand(self, sock: Receiver, data: bytes, origin: Origin) -> bool:
        """Give a datagram to the first; False where nobody has taken it."""
        waiting = self.by_thread
        while waiting:
            resume, size, flags, give = waiting.pop(next(iter(waiting)))
            ready = partial(_given, give, sock, data, origin, size, flags)
            if resume(ready, partial(sock.deliver, data, origin)):
                return True
        return False

    def wake(self) -> None:
        """There is something else to tell than a datagram: all look for themselves."""
        sleepers, self.by_thread = self.by_thread, {}
        for resume, *_ in sleepers.values():
            resume()


def _given(
    give: Callable[[Received], int], sock: Receiver, data: bytes, origin: Origin, size: int, flags: int
) -> Return:
    return Return(give(sock.received(data, origin, size, flags)))
