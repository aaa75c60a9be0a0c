"""The receiving half of a datagram socket: the backing pair, who gets what, and recvfrom(2) and its like."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ptrace_net.placement import Prompt
from ptrace_net.reactor import EPOLLHUP, EPOLLIN, EPOLLRDHUP
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated import origins
from ptrace_net.sockets.emulated.erring import Erring
from ptrace_net.sockets.emulated.handing import Sleepers
from ptrace_net.sockets.emulated.names import AF_INET6, Name, pack
from ptrace_net.sockets.emulated.network import is_multicast
from ptrace_net.sockets.emulated.several import Several
from ptrace_net.sockets.emulated.sock import EmulatedSocket
from ptrace_net.sockets.incoming import received_many
from ptrace_net.syscalls.seam import Errno, Park, WouldBlock
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.outgoing import Outgoing
    from ptrace_net.syscalls.seam import Call, Task

SO_RCVTIMEO = 20
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT = 1, 2, 8, 0x20, 0x40
MSG_ERRQUEUE, MSG_CMSG_CLOEXEC = 0x2000, 0x40000000


class Receiving(Erring):
    """The part of a datagram socket that what others send concerns."""

    __slots__ = ("deaf", "dry", "mute", "ours", "polled", "prompt", "several", "sleepers", "usual")

    def __init__(self, layer: EmulatedSockets, family: int, protocol: int, options: Options) -> None:
        super().__init__(layer, family, protocol, options)
        self.ours = -1
        self.dry = True  # nothing lies in the program's end; where that is not known: False
        self.usual: Origin | None = None  # of datagrams that lie there without one
        self.deaf = False  # shut down for reading: who would wait gets an end of file
        self.mute = False  # shut down for writing: our end hangs up, though the program's is open
        self.several: Several | None = None
        self.sleepers = Sleepers()
        self.polled = False  # somebody has found nothing, and will sleep elsewhere
        self.prompt = Prompt()

    # The pair

    def watch(self, ours: int) -> None:
        """``ours`` is the other end of the pair."""
        self.ours = ours
        self.layer.reactor.add(ours, EPOLLIN | EPOLLRDHUP, self._stirred)

    def unwatch(self) -> None:
        """Close our end."""
        if self.ours >= 0:
            self.layer.reactor.remove(self.ours)
            os.close(self.ours)
            self.ours = -1

    def _stirred(self, events: int) -> None:
        if self.ours < 0:
            return
        if not self.flush() and events & (EPOLLHUP | EPOLLRDHUP):
            self.layer.drop(self)

    def flush(self) -> bool:
        """Send what the program wrote without an address; whether there was anything."""
        raise NotImplementedError

    def is_gone(self) -> bool:
        if self.ours < 0:
            return True
        if self.telling is not None or self.mute:
            return EmulatedSocket.is_gone(self)
        if not hostcalls.hung_up(self.ours):
            return False
        self.layer.drop(self)
        return True

    # What arrives

    def wants(self, origin: Origin) -> bool:
        """Whether a connected socket takes a datagram: from its peer alone."""
        return self.peer is None or (
            self.peer.port == origin.source.port and self.peer.address == origin.source.address
        )

    def hears(self, target: Name, origin: Origin) -> bool:
        """Whether a datagram to a group or to everybody is for this socket too."""
        binding = self.binding
        if binding is None or not self.wants(origin):
            return False
        address, six = target.address, self.family == AF_INET6
        if any(binding.address) and binding.address != address:
            return False
        if six and self.v6only if len(address) == 4 else not six:
            return False
        return not is_multicast(address) or self.layer.memberships.lets_in(self, address, origin)

    def deliver(self, data: bytes, origin: Origin) -> bool:
        """Hand a datagram to a thread that waits for one, or put it into the queue; where that is full it is
        lost, as over UDP. False: the program has closed the socket.
        """
        if self.sleepers.by_thread and self.dry and self.sleepers.hand(self, data, origin):
            self.prompt.sleeps_in_sight()
            return True
        if self.ours < 0:
            return False
        carrier = self._carrier(origin, empty=not data)
        brought = self.prompt.bring() if self.polled else None
        number = carrier.send(self.ours, data)
        self.prompt.came(brought)
        if number:
            return number == errno.EAGAIN or not self.is_gone()
        self._queued()
        return True

    def deliver_several(self, several: list[bytes], origin: Origin) -> int:
        """``deliver`` datagrams of one origin; how many, until the program has closed the socket. Those that
        find no room are among them.
        """
        done, empty = 0, b"" in several
        while done < len(several):
            if self.sleepers.by_thread or self.ours < 0:
                if not self.deliver(several[done], origin):
                    break
                done += 1
                continue
            carrier = self._carrier(origin, empty=empty)
            brought = self.prompt.bring() if self.polled else None
            sent, number = carrier.send_many(self.ours, several[done:])
            self.prompt.came(brought)
            if sent:
                self._queued()
            done += sent
            if number == errno.EAGAIN:
                return len(several)  # there is no room for any of the rest
            if number and self.is_gone():
                break
            done += number > 0  # lost
        return done

    def _carrier(self, origin: Origin, *, empty: bool) -> Outgoing:
        """What takes datagrams to the program's end. The usual origin changes while nothing lies there; an
        ``empty`` one without any would look like the end of file.
        """
        if self.dry:
            self.usual = origin
        return self.layer.origins.outgoing(origin) if empty or origin != self.usual else origins.PLAIN

    def _queued(self) -> None:
        """Something has been put into the program's end."""
        self.dry = self.polled = False
        if self.several is not None:
            self.several.arrived()

    def fail(self, number: int) -> None:
        super().fail(number)
        self.sleepers.wake()

    # Receiving

    def receives(self, *, named: bool) -> bool:
        return True

    def sleeps(
        self, call: Call, handle: int, size: int, flags: int, give: Callable[[Received], int]
    ) -> Park | None:
        """Known to be empty, it needs no look; Errno(EAGAIN) where that is the answer."""
        if self.peer is not None:
            self.flush()  # what was written before may bring an error
        if not self.dry or self.error or self.telling is not None or flags & (MSG_PEEK | MSG_ERRQUEUE):
            return None
        if flags & MSG_DONTWAIT or not hostcalls.is_blocking(handle):
            self.polled = True
            raise Errno(errno.EAGAIN)
        if not self.layer.finishes:
            return None
        return self.sleepers.park(
            call.task.tid, size, flags, give, hostcalls.get_timeout(handle, SO_RCVTIMEO)
        )

    def several_more(self, call: Call, handle: int, count: int, timeout: float | None) -> Park | None:
        if self.error or not hostcalls.is_blocking(handle):
            return None
        if self.several is None:
            self.several = Several(self.layer.reactor)
        return self.several.more(call, handle, count, timeout)

    def receive(self, task: Task, handle: int, size: int, flags: int) -> Received:
        if flags & MSG_ERRQUEUE:
            return self.error_queued(handle)
        self.prompt.took(task.tid)
        number = self.taken(handle)
        if number:
            self.show_rest(handle)
            raise Errno(number)
        try:
            data, _, control, out, total = hostcalls.recvmsg(
                handle, size, origins.CONTROL_ROOM, flags & ~MSG_OOB | MSG_CMSG_CLOEXEC
            )
        except Errno as error:
            if error.number == errno.EAGAIN:
                self.dry = self.dry or not (flags & MSG_PEEK or self.deaf)
                if self.deaf and not flags & MSG_DONTWAIT and hostcalls.is_blocking(handle):
                    self.show_rest(handle)
                    return Received(b"", b"", [], _flags(0, flags), 0)
                if not flags & MSG_DONTWAIT and hostcalls.is_blocking(handle):
                    raise WouldBlock(hostcalls.get_timeout(handle, SO_RCVTIMEO)) from None
                self.polled = True
            self.show_rest(handle)
            raise
        self.show_rest(handle)
        origin = origins.taken(control) if control else self.usual
        if origin is None or not (control or data or out & MSG_TRUNC):  # the end of file, from nobody
            return Received(data, b"", [], _flags(out, flags), total)
        return self._told(data, origin, _flags(out, flags), total)

    def receive_several(
        self, task: Task, handle: int, sizes: Sequence[int], flags: int
    ) -> list[Received]:
        if self.error or self.telling is not None:
            return []
        self.prompt.took(task.tid)
        several = []
        for data, control, out, total in received_many(handle, sizes, flags | MSG_CMSG_CLOEXEC):
            origin = origins.taken(control) if control else self.usual
            if origin is None or not (control or data or out & MSG_TRUNC):  # the end of file
                break
            several.append(self._told(data, origin, _flags(out, flags), total))
        return several

    def received(self, data: bytes, origin: Origin, size: int, flags: int) -> Received:
        """A datagram as a call with room for ``size`` bytes gets it."""
        total = len(data)
        out = flags & MSG_CMSG_CLOEXEC
        return self._told(data[:size], origin, out | MSG_TRUNC if total > size else out, total)

    def _told(self, data: bytes, origin: Origin, out: int, total: int) -> Received:
        control = self.layer.control.received(self, origin) if self.options.values is not None else []
        return Received(data, pack(self.family, origin.source), control, out, total)


def _flags(out: int, asked: int) -> int:
    """msg_flags without what our own control message left there."""
    return out & ~(MSG_CMSG_CLOEXEC | MSG_CTRUNC) | asked & MSG_CMSG_CLOEXEC
