"""The listening half of a TCP socket: its queue, and accept(2).

The kernel queues the backing sockets; who they are stands in ``arrivals``, in the same order. Where we
accept for the program, a thread that finds nothing there is parked, and the next arrival wakes it. Where the
program accepts itself (several threads may be under way) the name of the client's backing socket tells which
arrival it has got.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.backing import SOMAXCONN, Entrance
from ptrace_net.sockets.emulated.names import Name, any_of, pack
from ptrace_net.sockets.emulated.sock import EmulatedSocket, check_accept_flags
from ptrace_net.syscalls.memory import give_name, read_int
from ptrace_net.syscalls.seam import Answer, Errno, Fail, Give, Native, Park, Replace, Return

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Inheritance, Options
    from ptrace_net.sockets.emulated.outside import End
    from ptrace_net.sockets.emulated.stream import Stream
    from ptrace_net.syscalls.seam import Call

SO_RCVTIMEO = 20


class Arrival(NamedTuple):
    """A connection that waits in a listener's queue: both names, the host's socket or the wire's end."""

    local: Name
    peer: Name
    handle: int = -1
    end: End | None = None
    client: Stream | None = None  # of this run


Key: TypeAlias = "bytes | int"


class Listening(EmulatedSocket):
    """What a stream has for the time that it listens."""

    __slots__ = ("arrivals", "backlog", "entrance", "waiting")

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        super().__init__(layer, family, protocol, options)
        self.entrance: Entrance | None = None
        self.backlog = 0
        self.arrivals: dict[Key, Arrival] = {}  # by the name of the client's backing socket, where it has one
        self.waiting: dict[int, Callable[[], bool]] | None = None  # parked calls of accept by thread

    def listen(self, handle: int, backlog: int) -> Answer:
        self.check_may_listen()
        self.backlog = min(max(backlog, 0), SOMAXCONN)
        if self.entrance is not None:
            return Return(0)
        if self.binding is None:
            self._take(handle, Name(any_of(self.family), 0))
        binding = self.binding
        assert binding is not None
        binding.listening = True
        if self.ports.conflict(self, binding):
            binding.listening = False
            raise Errno(errno.EADDRINUSE)
        fresh = self.fresh_to_listen(handle)
        self.entrance = Entrance(handle if fresh < 0 else fresh)
        self.waiting = {}
        self.listens()
        return Return(0) if fresh < 0 or self.seen is None else Replace(self.seen[1], fresh, Return(0))

    def check_may_listen(self) -> None:
        """Errno(EINVAL) for a socket that is, or is being, connected."""
        raise NotImplementedError

    def fresh_to_listen(self, handle: int) -> int:
        """A new backing socket where this one cannot listen: it has been shut down, or was refused; else -1.
        """
        raise NotImplementedError

    def arrived(self, key: Key, arrival: Arrival) -> None:
        """``arrival`` has been connected to the entrance."""
        self.arrivals[key] = arrival
        self.wake_next()

    def wake_next(self) -> None:
        """One parked accept goes on, if there is something for it."""
        waiting = self.waiting
        while waiting and self.arrivals:
            if waiting.pop(next(iter(waiting)))():
                return

    def accept(self, call: Call, handle: int) -> Answer:
        flags = check_accept_flags(call)
        if self.entrance is None or self.waiting is None:
            raise Errno(errno.EINVAL)
        inheritance = self.entrance.inheritance
        if not self.layer.accepts:
            inheritance.read(handle)
            return Native(
                None, "accept4", (call.args[0], 0, 0, flags),
                lambda new: self._known(call, inheritance, new, hostcalls.getpeername(new)),
            )  # fmt: skip
        blocking = hostcalls.is_blocking(handle)
        if not self.arrivals:
            return self._sleep(call.task.tid, handle) if blocking else Fail(errno.EAGAIN)
        inheritance.read(handle)
        new, _ = hostcalls.accept_now(handle, flags, blocking=blocking)
        try:
            given = self._known(call, inheritance, new, next(iter(self.arrivals)))
        except Errno:
            os.close(new)
            raise
        if given != new:
            os.close(new)
        self.wake_next()
        return Give(given, bool(flags & socket.SOCK_CLOEXEC))

    def _sleep(self, tid: int, handle: int) -> Park:
        timeout = hostcalls.get_timeout(handle, SO_RCVTIMEO)

        def start(resume: Callable[[], bool]) -> None:
            if self.waiting is not None:
                self.waiting[tid] = resume

        return Park(start, timeout, restart=timeout is None)

    def _known(self, call: Call, inheritance: Inheritance, new: int, key: Key) -> int:
        """The connection in ``new`` is made known; what the program gets of it."""
        arrival = self.arrivals.pop(key, None)
        if arrival is None:  # not through us: nobody else knows the way in
            raise Errno(errno.ECONNABORTED)
        try:
            self._give_peer(call, arrival.peer)
        except Errno:
            _turn_away(arrival)
            raise
        handle = self.take_in(arrival, new)
        inheritance.give(handle)
        self.has_room()
        return handle

    def _give_peer(self, call: Call, peer: Name) -> None:
        address, length_address = call.args[1:3]
        if address:
            room = read_int(call.task, call.arch, length_address)
            give_name(call.task, call.arch, pack(self.family, peer), address, length_address, room)

    # What a stream tells its layer

    def listens(self) -> None:
        raise NotImplementedError

    def has_room(self) -> None:
        """The queue is shorter by one."""
        raise NotImplementedError

    def listens_no_more(self) -> None:
        raise NotImplementedError

    def take_in(self, arrival: Arrival, new: int) -> int:
        """Make the accepted end of ``arrival``, whose backing socket is ``new``; what the program gets."""
        raise NotImplementedError

    def stop_listening(self) -> None:
        if self.entrance is None:
            return
        self.entrance.close()
        self.entrance = None
        for arrival in self.arrivals.values():
            _turn_away(arrival)
        self.arrivals.clear()
        waiting, self.waiting = self.waiting or {}, None
        for resume in waiting.values():  # to EINVAL
            resume()
        if self.binding is not None:
            self.binding.listening = False
        self.listens_no_more()


def _turn_away(arrival: Arrival) -> None:
    """Nobody takes it: what it is made of beside its backing socket goes."""
    if arrival.handle >= 0:
        os.close(arrival.handle)
    if arrival.end is not None:
        arrival.end.abandoned()
