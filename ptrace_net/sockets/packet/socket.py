"""One AF_PACKET socket: packet(7), net/packet/af_packet.c.

Frames wait in the backing pair with the address that they are told with. A filter (SO_ATTACH_FILTER) is
attached to the backing socket, where the kernel runs it on the same bytes.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls, not_unix
from ptrace_net.sockets.emulated import origins
from ptrace_net.sockets.emulated.datagram import Datagram
from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.sockets.emulated.receiving import MSG_CMSG_CLOEXEC, MSG_DONTWAIT, SO_RCVTIMEO
from ptrace_net.sockets.packet import options
from ptrace_net.sockets.packet.bpf import Instruction, parsed, run
from ptrace_net.sockets.packet.ring import Ring, request
from ptrace_net.sockets.packet.taps import PACKET_OUTGOING
from ptrace_net.stack import ethernet
from ptrace_net.stack.frame import Frame
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Native, Return, WouldBlock
from ptrace_net.syscalls.sockets import Received

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.netlink.layer import NetlinkLayer
    from ptrace_net.stack.interface import Interface
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Call, Park, Task
    from ptrace_net.syscalls.sockets import Message

AF_PACKET, ETH_P_ALL, ETH_HLEN = 17, 3, 14
ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
_LL = struct.Struct("=HHiHBB8s")
_HEAD = 12  # of a name, before sll_addr
SOL_PACKET, PACKET_AUXDATA = 263, 8
_TPACKET2_HDR, _LOOK = 32, 0.005  # sizeof(struct tpacket2_hdr); seconds between looks at the ring
_AUXDATA = struct.Struct("=IIIHHHH")


class PacketSocket(Datagram):
    """``network_protocol`` is sll_protocol in network order, as socket(2) and bind(2) have it."""

    __slots__ = (
        "auxdata", "drops", "filter", "ifindex", "ignore_outgoing", "memberships", "network_protocol", "nl",
        "packets", "reserve", "ring", "type", "version",
    )  # fmt: skip

    def __init__(self, nl: NetlinkLayer, kind: int, protocol: int, options_: Options) -> None:
        super().__init__(nl.layer, AF_PACKET, protocol, options_)
        self.nl = nl
        self.type = kind
        self.network_protocol = protocol & 0xFFFF
        self.ifindex = 0
        self.auxdata = self.ignore_outgoing = False
        self.packets = self.drops = 0
        self.memberships: dict[tuple[int, int], int] = {}
        self.filter: tuple[Instruction, ...] | None = None
        self.ring: Ring | None = None
        self.version = self.reserve = 0

    def watch(self, ours: int) -> None:
        super().watch(ours)
        self.nl.taps.add(self)

    def gone(self) -> None:
        self.nl.taps.remove(self)
        options.leave_all(self)
        if self.ring is not None:
            self.ring.close()
            self.ring = None
        super().gone()

    @property
    def ethertype(self) -> int:
        return socket.ntohs(self.network_protocol)

    # Frames

    def sees(self, index: int, data: bytes, kind: int) -> None:
        """A frame on a link: ETH_P_ALL sees those that go out too."""
        kind_of_frame = int.from_bytes(data[12:14], "big")
        if self.ifindex not in (0, index) or self.ethertype not in (ETH_P_ALL, kind_of_frame):
            return
        if kind == PACKET_OUTGOING and (self.ethertype != ETH_P_ALL or self.ignore_outgoing):
            return
        payload = data if self.type == socket.SOCK_RAW else data[ETH_HLEN:]
        if self.ring is not None:
            self._enter(self.ring, payload, self._name(socket.htons(kind_of_frame), index, kind, data[6:12]))
            return
        origin = Origin(Name(data[6:12], kind_of_frame, index), b"", index, kind)
        try:
            hostcalls.sendmsg(self.ours, payload, b"", self.layer.origins.control(origin), MSG_DONTWAIT)
        except Errno as error:
            self.drops += error.number == errno.EAGAIN
        else:
            self.packets += 1

    def _enter(self, ring: Ring, payload: bytes, name: bytes) -> None:
        """A frame for the ring; poll(2) returns until the program has taken it."""
        wanted = len(payload) if self.filter is None else min(run(self.filter, payload), len(payload))
        if not wanted:
            return
        idle = ring.drained()
        if not ring.put(payload[:wanted], len(payload), name):
            self.drops += 1
            return
        self.packets += 1
        if idle:
            with suppress(Errno):
                hostcalls.sendmsg(self.ours, b"\0", b"", b"", MSG_DONTWAIT)
            self.layer.reactor.call_at(time.monotonic() + _LOOK, self._look)

    def _look(self) -> None:
        """Take the byte away once the program has seen everything: nobody else reads it."""
        if self.ring is None or self.ours < 0 or self.seen is None:
            return
        if not self.ring.drained():
            self.layer.reactor.call_at(time.monotonic() + _LOOK, self._look)
            return
        with suppress(Errno), hostcalls.borrowed(*self.seen) as handle:
            if os.fstat(handle).st_ino == self.inode:
                hostcalls.recvmsg(handle, 16, 0, MSG_DONTWAIT)

    def can_map(self) -> bool:
        return self.layer.maps

    def header_length(self, version: int) -> int:
        """PACKET_HDRLEN: only TPACKET_V2 is there."""
        if not self.can_map():
            raise Errno(errno.ENOPROTOOPT)
        if version != options.TPACKET_V2:
            raise Errno(errno.EINVAL)
        return _TPACKET2_HDR

    def _set_ring(self, task: Task, handle: int, value: OptionValue) -> Answer:
        """PACKET_RX_RING: the program is made to create the memory, of which mmap(2) then is."""
        if not self.can_map() or self.version != options.TPACKET_V2:
            raise Errno(errno.ENOPROTOOPT)
        asked = request(value.first(16), self.reserve)
        if self.ring is not None and asked is not None:
            raise Errno(errno.EBUSY)
        if asked is None:
            if self.ring is not None:
                self.ring.close()
            self.ring = None
            return Return(0)
        ring = Ring(asked, self.reserve, self.type == socket.SOCK_RAW)
        if self.filter is not None:
            hostcalls.set_int(handle, socket.SOL_SOCKET, options.SO_DETACH_FILTER, 0)

        def made(memory: int) -> int:
            ring.attach(memory)
            return memory

        def then(fd: int) -> Answer | None:
            if fd < 0:
                return None
            ring.fd, self.ring = fd, ring
            return Return(0)

        place = task.scratch(16)
        task.write(place, b"packet ring\0")
        return Native(then, "memfd_create", (place, os.MFD_CLOEXEC), made)

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        if len(name) < _LL.size:
            raise Errno(errno.EINVAL)
        family, protocol, index, _, _, _, _ = _LL.unpack_from(name)
        if family != AF_PACKET:
            raise Errno(errno.EINVAL)
        if index:
            self._interface(index, errno.ENODEV)
        self.ifindex, self.network_protocol = index, protocol or self.network_protocol
        return Return(0)

    def _interface(self, index: int, missing: int) -> Interface:
        interface = self.nl.network.by_index(index)
        if interface is None:
            raise Errno(missing)
        return interface

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        raise Errno(errno.EOPNOTSUPP)

    def local_name(self, handle: int) -> bytes:
        interface = self.nl.network.by_index(self.ifindex)
        mac = interface.mac if interface else b""
        return self._name(self.network_protocol, self.ifindex, 0, mac)

    def _name(self, protocol: int, index: int, kind: int, mac: bytes) -> bytes:
        interface = self.nl.network.by_index(index)
        hardware = (ARPHRD_LOOPBACK if interface.loopback else ARPHRD_ETHER) if interface else 0
        return _LL.pack(AF_PACKET, protocol, index, hardware, kind, len(mac), mac)

    def peer_name(self, handle: int = -1) -> bytes:
        raise Errno(errno.EOPNOTSUPP)

    # Sending

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        self.flush()
        index, protocol, mac = self.ifindex, self.network_protocol, b""
        if message.name:
            if len(message.name) < _LL.size:
                raise Errno(errno.EINVAL)
            _, protocol, index, _, _, length, data = _LL.unpack_from(message.name)  # of any family
            if len(message.name) < _HEAD + length:
                raise Errno(errno.EINVAL)
            mac = data[:length]
        self._transmit(message.read(), index, protocol, mac)
        return message.size

    def _transmit(self, data: bytes, index: int, protocol: int, mac: bytes) -> None:
        """packet_snd()."""
        interface = self._interface(index, errno.ENXIO)
        if not interface.up:
            raise Errno(errno.ENETDOWN)
        if self.type == socket.SOCK_DGRAM:
            data = ethernet.header(mac[:6].ljust(6, b"\0"), interface.mac, socket.ntohs(protocol)) + data
        if len(data) < ETH_HLEN:
            raise Errno(errno.EINVAL)
        if len(data) > interface.mtu + ETH_HLEN:
            raise Errno(errno.EMSGSIZE)
        interface.send_frame(Frame(data))
        self.nl.lane.soon()

    def flush(self) -> bool:
        """What the program wrote without an address goes out on the link that it is bound to."""
        some = False
        while (data := hostcalls.read_now(self.ours)) is not None:
            some = True
            try:
                self._transmit(data, self.ifindex, self.network_protocol, b"")
            except Errno as error:
                self.fail(error.number)
        return some

    # Receiving

    def sleeps(
        self, call: Call, handle: int, size: int, flags: int, give: Callable[[Received], int]
    ) -> Park | None:
        return None

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
        if origin is None:
            return Received(data, b"", [], out & ~0x40000008, total)
        source = origin.source
        name = self._name(socket.htons(source.port), origin.interface, origin.ttl, source.address)
        messages = []
        if self.auxdata:
            head = ETH_HLEN if self.type == socket.SOCK_RAW else 0
            messages.append((SOL_PACKET, PACKET_AUXDATA, _AUXDATA.pack(1, total, total, 0, head, 0, 0)))
        return Received(data, name, messages, out & ~0x40000008, total)

    def receive_several(
        self, task: Task, handle: int, sizes: Sequence[int], flags: int
    ) -> list[Received]:
        return []

    # Options

    def serves(self, level: int, option: int) -> bool:
        return options.serves(level, option)

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        if level == options.SOL_SOCKET and option in options.FILTERS:
            return self._set_filter(task, option, value)
        if level == options.SOL_SOCKET:
            not_unix.set_option(option, value)
        if option == options.RX_RING:
            return self._set_ring(task, handle, value)
        options.set_option(self, option, value)
        return Return(0)

    def _set_filter(self, task: Task, option: int, value: OptionValue) -> Answer:
        """The kernel checks and attaches it; where there is a ring, frames are filtered here."""
        if option == options.SO_DETACH_FILTER:
            program = None
        else:
            count, pointer = struct.unpack("=H6xQ", value.first(16))
            program = parsed(task.read(pointer, count * 8)) if count else None
        if self.ring is None:
            if program is not None or option == options.SO_DETACH_FILTER:
                self.filter = program
            return NATIVE
        if option == options.SO_DETACH_FILTER and self.filter is None:
            raise Errno(errno.ENOENT)
        if option == options.SO_ATTACH_FILTER and program is None:
            raise Errno(errno.EINVAL)
        self.filter = program
        return Return(0)

    def get_option(self, handle: int, level: int, option: int, size: int) -> bytes | None:
        return options.get_option(self, level, option, size)

    def shutdown(self, handle: int, how: int) -> Answer:
        raise Errno(errno.EOPNOTSUPP)
