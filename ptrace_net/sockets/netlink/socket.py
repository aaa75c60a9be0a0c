"""One AF_NETLINK socket: netlink(7), net/netlink/af_netlink.c.

What the program sends is answered at once where the call is intercepted (sendmsg, sendto with an address),
else when it comes out at our end. Answers wait in the pair, so that poll, blocking and plain receives need
no stop; with each travels who sent it and to which group, as the origin of a datagram.
"""

from __future__ import annotations

import errno
import os
import struct
import time
from collections import deque
from typing import TYPE_CHECKING

from ptrace_net.netlink.endpoint import handle as answers
from ptrace_net.netlink.ports import NLGRPSZ, Port
from ptrace_net.network.refused import Refused
from ptrace_net.reactor import EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from ptrace_net.sockets import hostcalls, not_unix
from ptrace_net.sockets.emulated import origins
from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.sockets.emulated.sock import EmulatedSocket
from ptrace_net.sockets.netlink import options as nl_options
from ptrace_net.syscalls.seam import Answer, Errno, Return, WouldBlock
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.netlink.layer import NetlinkLayer
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Task
    from ptrace_net.syscalls.sockets import Message

AF_NETLINK, AF_UNSPEC = 16, 0
SOCKADDR_NL = struct.Struct("=HHII")
SOL_SOCKET, SO_PASSCRED, SO_RCVTIMEO = 1, 16, 20
SCM_CREDENTIALS, NETLINK_PKTINFO, SOL_NETLINK = 2, 3, 270
MSG_OOB, MSG_DONTWAIT, MSG_CMSG_CLOEXEC = 1, 0x40, 0x40000000
_LONGEST = 212992 - 32  # of a request: the default SO_SNDBUF
_AT_ONCE = 64
_MOST_WAITING = 4096  # datagrams that found no room in the pair


class NetlinkSocket(EmulatedSocket):
    """Implements ``syscalls.sockets.Socket`` for AF_NETLINK."""

    __slots__ = ("_ours", "_waiting", "endpoint", "nl", "type")

    kind = 3  # SOCK_RAW; ``type`` is what the program asked for

    def __init__(
        self, layer: NetlinkLayer, protocol: int, kind: int, options: Options, process: int, uid: int
    ) -> None:
        super().__init__(layer.layer, AF_NETLINK, protocol, options)
        self.nl = layer
        self.type = kind
        self.endpoint = Port(protocol, self._deliver, process, uid=uid)
        self._ours = -1
        self._waiting: deque[tuple[bytes, int, int]] = deque()

    # Life

    def adopt(self, handle: int) -> None:
        super().adopt(handle)
        self.endpoint.inode = self.inode

    def watch(self, ours: int) -> None:
        """``ours`` is the other end of the pair."""
        self._ours = ours
        self.layer.reactor.add(ours, EPOLLIN | EPOLLRDHUP, self._stirred)

    def _stirred(self, events: int) -> None:
        if self._ours < 0:
            return
        if events & EPOLLOUT:
            self._push()
        if not self.flush() and events & (EPOLLRDHUP | EPOLLHUP):
            self.layer.drop(self)

    def is_gone(self) -> bool:
        if self._ours >= 0 and not hostcalls.hung_up(self._ours):
            return False
        self.layer.drop(self)
        return True

    def gone(self) -> None:
        self.nl.ports.close(self.endpoint)
        if self._ours >= 0:
            self.layer.reactor.remove(self._ours)
            os.close(self._ours)
            self._ours = -1

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        portid, groups = _parse(name)
        self._make_room(portid)
        try:
            self.nl.ports.bind(self.endpoint, portid, groups)
        except Refused as error:
            raise Errno(error.number) from None
        self._note_groups()
        return Return(0)

    def _make_room(self, portid: int = 0) -> None:
        """Let go of a port id whose socket is closed, which nobody has told us."""
        if not self.endpoint.bound:
            holder = self.nl.ports.find(self.endpoint.protocol, portid or self.endpoint.process)
            sock = None if holder is None else self.layer.registry.get(holder.inode)
            if sock is not None:
                sock.is_gone()

    def _note_groups(self) -> None:
        if self.endpoint.groups:
            self.nl.listened()

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        if len(name) < 2:
            raise Errno(errno.EINVAL)
        if int.from_bytes(name[:2], "little") == AF_UNSPEC:
            self.endpoint.peer = (0, 0)
            return Return(0)
        portid, groups = _parse(name)
        self._make_room()
        self.nl.ports.autobind(self.endpoint)
        self.endpoint.peer = (portid, groups)
        return Return(0)

    def local_name(self, handle: int) -> bytes:
        return SOCKADDR_NL.pack(AF_NETLINK, 0, self.endpoint.portid, self.endpoint.mask)

    def peer_name(self, handle: int = -1) -> bytes:
        return SOCKADDR_NL.pack(AF_NETLINK, 0, *self.endpoint.peer)

    # Sending

    def passes(self, name: bytes, control: bytes) -> bool:
        return False

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        self.flush()
        if message.flags & MSG_OOB:
            raise Errno(errno.EOPNOTSUPP)
        if not message.size:
            raise Errno(errno.ENODATA)
        portid, groups = _parse(message.name) if message.name else self.endpoint.peer
        if message.size > _LONGEST:
            raise Errno(errno.EMSGSIZE)
        self._request(message.read(), portid, groups)
        return message.size

    def flush(self) -> bool:
        """Answer what the program wrote without an address; whether there was anything."""
        some = False
        for _ in range(_AT_ONCE):
            try:
                data = os.read(self._ours, 1 << 18)
            except OSError:
                return some
            if not data:
                return some
            some = True
            try:
                self._request(data, *self.endpoint.peer)
            except Errno:
                continue  # who wrote this did not wait for an answer
        return some

    def _request(self, data: bytes, portid: int, groups: int) -> None:
        """Give a datagram to the kernel's side (port id 0), or to another socket of the run."""
        ports, port = self.nl.ports, self.endpoint
        self._make_room()
        ports.autobind(port)
        if groups:
            group = (groups & -groups).bit_length()
            ports.multicast(port.protocol, group, data, sender=port.portid, skip=port.portid)
        if portid:
            other = ports.find(port.protocol, portid)
            if other is None:
                raise Errno(errno.ECONNREFUSED)
            other.deliver(data, port.portid, 0)
            return
        service = self.nl.services.get(port.protocol)
        if service is None:
            if groups:
                return
            raise Errno(errno.ECONNREFUSED)
        for datagram in answers(service, port, data, time.monotonic()):
            self._queue(datagram, 0, 0)
        self.nl.settle()

    # What the program gets

    def _queue(self, data: bytes, sender: int, group: int) -> None:
        """An answer: where the pair is full it waits here."""
        if not self._waiting and self._deliver(data, sender, group):
            return
        if len(self._waiting) < _MOST_WAITING and self._ours >= 0:
            self._waiting.append((data, sender, group))
            self.layer.reactor.change(self._ours, EPOLLIN | EPOLLRDHUP | EPOLLOUT)

    def _push(self) -> None:
        while self._waiting and self._deliver(*self._waiting[0]):
            self._waiting.popleft()
        if not self._waiting:
            self.layer.reactor.change(self._ours, EPOLLIN | EPOLLRDHUP)

    def _deliver(self, data: bytes, sender: int, group: int) -> bool:
        if self._ours < 0:
            return False
        origin = Origin(Name(b"", 0, sender), b"", group)
        try:
            hostcalls.sendmsg(self._ours, data, b"", self.layer.origins.control(origin), MSG_DONTWAIT)
        except Errno:
            return False
        return True

    def names_senders(self) -> bool:
        return True

    def receives(self, *, named: bool) -> bool:
        return True

    def receive(self, task: Task, handle: int, size: int, flags: int) -> Received:
        try:
            data, _, control, out, total = hostcalls.recvmsg(
                handle, size, origins.CONTROL_ROOM, flags & ~MSG_DONTWAIT | MSG_CMSG_CLOEXEC
            )
        except Errno as error:
            if error.number == errno.EAGAIN and not flags & MSG_DONTWAIT and hostcalls.is_blocking(handle):
                raise WouldBlock(hostcalls.get_timeout(handle, SO_RCVTIMEO)) from None
            raise
        origin = origins.taken(control)
        sender, group = (origin.source.scope, origin.interface) if origin else (0, 0)
        mask = 1 << group - 1 if 0 < group <= NLGRPSZ else 0
        name = SOCKADDR_NL.pack(AF_NETLINK, 0, sender, mask)
        messages = []
        if self.endpoint.pktinfo:
            messages.append((SOL_NETLINK, NETLINK_PKTINFO, struct.pack("=I", group)))
        if hostcalls.get_int(handle, SOL_SOCKET, SO_PASSCRED):
            messages.append((SOL_SOCKET, SCM_CREDENTIALS, struct.pack("=iII", sender, 0, 0)))
        return Received(data, name, messages, out & ~0x40000008, total)

    # Options

    def serves(self, level: int, option: int) -> bool:
        return nl_options.serves(level, option)

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        if level == SOL_SOCKET:
            not_unix.set_option(option, value)
        try:
            nl_options.set_option(self.nl.ports, self.endpoint, option, value)
        except Refused as error:
            raise Errno(error.number) from None
        self._note_groups()
        return Return(0)

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        if level == SOL_SOCKET:
            said = not_unix.Said(AF_NETLINK, self.type, self.protocol, self.peer_name)
            return not_unix.get_option(said, option, size)
        return nl_options.get_option(self.endpoint, option, size)

    # What a netlink socket does not do

    def listen(self, handle: int, backlog: int) -> Answer:
        raise Errno(errno.EOPNOTSUPP)

    def accept(self, call: Call, handle: int) -> Answer:
        raise Errno(errno.EOPNOTSUPP)

    def shutdown(self, handle: int, how: int) -> Answer:
        raise Errno(errno.EOPNOTSUPP)


def _parse(name: bytes) -> tuple[int, int]:
    """(port id, groups) of a sockaddr_nl."""
    if len(name) < SOCKADDR_NL.size:
        raise Errno(errno.EINVAL)
    family, _, portid, groups = SOCKADDR_NL.unpack_from(name)
    if family != AF_NETLINK:
        raise Errno(errno.EINVAL)
    return portid, groups


