"""The queue of a listening TCP socket, and accept(2).

The kernel queues the backing sockets; who they are stands in ``arrivals``, in the same order. Where we
accept for the program, a thread that finds nothing there is parked, and the next arrival wakes it. Where the
program accepts itself (several threads may be under way) the name of the client's backing socket tells which
arrival it has got.
"""

from __future__ import annotations

import errno
import os
from functools import cache, partial
from typing import TYPE_CHECKING, Final, TypeAlias

from ptrace_net.placement import Prompt
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.backing import SOMAXCONN, Entrance
from ptrace_net.sockets.emulated.names import Name, pack
from ptrace_net.sockets.emulated.options.native import Inheritance
from ptrace_net.syscalls.memory import give_name, read_int
from ptrace_net.syscalls.seam import Answer, Errno, Fail, Give, Native, Park

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.outside import End
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.syscalls.seam import Call, Resume

SO_RCVTIMEO: Final = 20
_SOCK_CLOEXEC: Final = 0o2000000


class Arrival:
    """A connection that waits in a listener's queue: both names, the host's socket or the wire's end, or the
    ``client`` of this run.
    """

    __slots__ = ("client", "end", "handle", "local", "peer")

    def __init__(
        self, local: Name, peer: Name, handle: int = -1, end: End | None = None,
        client: Stream | None = None,
    ) -> None:  # fmt: skip
        self.local = local
        self.peer = peer
        self.handle = handle
        self.end = end
        self.client = client


Key: TypeAlias = "bytes | int"


class Queue:
    """What a stream has for the time that it listens."""

    __slots__ = ("_prompt", "arrivals", "backlog", "entrance", "inheritance", "sock", "waiting")

    def __init__(self, sock: Stream, handle: int, backlog: int) -> None:
        """Make ``handle``, the backing socket, listen; raises Errno."""
        self.sock = sock
        self.entrance = Entrance(handle)
        self.inheritance = Inheritance()
        self.arrivals: dict[Key, Arrival] = {}  # by the name of the client's backing socket, where it has one
        self.waiting: dict[int, tuple[Call, int, Resume]] = {}  # parked calls of accept by thread
        self._prompt = Prompt()
        self.set_backlog(backlog)

    def set_backlog(self, backlog: int) -> None:
        self.backlog = min(max(backlog, 0), SOMAXCONN)

    def connect(self, handle: int, *, blocking: bool) -> None:
        """Connect ``handle``, which is ``blocking``, to the entrance; Errno as there."""
        # The kernel's queue is never longer than ours: where there is room, nobody sleeps.
        full = blocking and len(self.arrivals) >= _room()
        brought = None if self.arrivals or self.waiting else self._prompt.bring()
        try:
            self.entrance.connect(handle, blocking=full)
        finally:
            self._prompt.came(brought)

    def arrived(self, key: Key, arrival: Arrival) -> None:
        """``arrival`` has been connected to the entrance."""
        self.arrivals[key] = arrival
        if self.waiting:
            self._prompt.sleeps_in_sight()
            self._wake_next()

    def _wake_next(self) -> None:
        """One parked accept goes on, if there is something for it."""
        while self.waiting and self.arrivals:
            call, flags, resume = self.waiting.pop(next(iter(self.waiting)))
            if resume(partial(self._go_on, call, flags)):
                return

    def accept(self, call: Call, handle: int, flags: int) -> Answer:
        """accept(2), accept4(2)."""
        if not self.sock.layer.accepts:
            self.inheritance.read(handle)
            return Native(
                None, "accept4", (call.args[0], 0, 0, flags),
                lambda new: self._known(call, new, hostcalls.getpeername(new)),
            )  # fmt: skip
        blocking = hostcalls.is_blocking(handle)
        if self.arrivals:
            return self._take(call, handle, flags, blocking=blocking)
        return self._sleep(call, handle, flags) if blocking else Fail(errno.EAGAIN)

    def _sleep(self, call: Call, handle: int, flags: int) -> Park:
        timeout = hostcalls.get_timeout(handle, SO_RCVTIMEO)

        def start(resume: Resume) -> None:
            self.waiting[call.task.tid] = call, flags, resume

        return Park(start, timeout, restart=timeout is None)

    def _go_on(self, call: Call, flags: int) -> Answer:
        """A parked accept has been woken: with the descriptor that it had."""
        if self.sock.queue is not self:
            raise Errno(errno.EINVAL)
        handle = call.task.held(call.args[0])
        if not self.arrivals:  # another thread was faster
            return self._sleep(call, handle, flags)
        return self._take(call, handle, flags, blocking=hostcalls.is_blocking(handle))

    def _take(self, call: Call, handle: int, flags: int, *, blocking: bool) -> Give:
        self._prompt.took(call.task.tid)
        self.inheritance.read(handle)
        new = hostcalls.accept_now(handle, flags, hostcalls.accept_nameless, blocking=blocking)
        try:
            given = self._known(call, new, next(iter(self.arrivals)))
        except Errno:
            os.close(new)
            raise
        if given != new:
            os.close(new)
        if self.waiting:
            self._wake_next()
        return Give(given, bool(flags & _SOCK_CLOEXEC))

    def _known(self, call: Call, new: int, key: Key) -> int:
        """The connection in ``new`` is made known; what the program gets of it."""
        arrival = self.arrivals.pop(key, None)
        if arrival is None:  # not through us: nobody else knows the way in
            raise Errno(errno.ECONNABORTED)
        try:
            self._give_peer(call, arrival.peer)
        except Errno:
            _turn_away(arrival)
            raise
        handle = self.sock.take_in(arrival, new)
        self.inheritance.give(handle)
        return handle

    def _give_peer(self, call: Call, peer: Name) -> None:
        address, length_address = call.args[1:3]
        if address:
            room = read_int(call.task, call.arch, length_address)
            name = pack(self.sock.family, peer)
            give_name(call.task, call.arch, name, address, length_address, room)

    def close(self) -> None:
        """It listens no more: who waits in the queue is turned away, who waits for one is told EINVAL."""
        self.entrance.close()
        for arrival in self.arrivals.values():
            _turn_away(arrival)
        self.arrivals.clear()
        waiting, self.waiting = self.waiting, {}
        for _, _, resume in waiting.values():
            resume()


@cache
def _room() -> int:
    """The longest queue of the kernel (net.core.somaxconn)."""
    try:
        with open("/proc/sys/net/core/somaxconn") as file:
            return min(int(file.read()), SOMAXCONN)
    except (OSError, ValueError):
        return 0


def _turn_away(arrival: Arrival) -> None:
    """Nobody takes it: what it is made of beside its backing socket goes."""
    if arrival.handle >= 0:
        os.close(arrival.handle)
    if arrival.end is not None:
        arrival.end.abandoned()
