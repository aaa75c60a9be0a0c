"""Raw sockets and ping sockets on the wire: raw(7), icmp(7), and ``ping_group_range`` without its limits.

The program has one end of a SOCK_SEQPACKET pair, as for UDP; packets that the stack gives to our raw handle
go into the other. A ping socket is a raw one of which the kernel keeps the identifier: its port.
"""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated import errqueue, leaving
from ptrace_net.sockets.emulated.datagram import Datagram
from ptrace_net.sockets.emulated.names import AF_INET, AF_UNSPEC, Name, family_of, parse
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.sockets.wire.datagrams import cause_of
from ptrace_net.stack import icmp
from ptrace_net.stack.addresses import is_link_local
from ptrace_net.stack.result import Fail
from ptrace_net.syscalls.seam import Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.options import Options
    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.packet import ErrorReport
    from ptrace_net.stack.raw_socket import RawPacket
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Message

CAP_NET_RAW = 13
ICMP_FILTER, ICMPV6_FILTER = (255, 1), (58, 1)
IP_HDRINCL, IPV6_HDRINCL, IPV6_CHECKSUM = (0, 3), (41, 36), (41, 7)
IPV6_CHECKSUMS = (IPV6_CHECKSUM, (255, 7))  # SOL_RAW is as good
ECHO = {4: (icmp.ICMP_ECHO, icmp.ICMP_ECHOREPLY), 6: (icmp.ICMPV6_ECHO_REQUEST, icmp.ICMPV6_ECHO_REPLY)}
PING = {2: socket.IPPROTO_ICMP, 10: socket.IPPROTO_ICMPV6}
_LONGEST = 65535


class Raw(Datagram):
    """SOCK_RAW: everything of one protocol. The tag of its handle."""

    __slots__ = ("_lane", "number", "raw")

    kind: int = socket.SOCK_RAW
    sends_fail = False  # (raw_sendmsg allocates with sock_wmalloc, which does not look)

    def __init__(
        self, layer: EmulatedSockets, family: int, protocol: int, options: Options, lane: Lane
    ) -> None:
        super().__init__(layer, family, protocol, options)
        self._lane = lane
        self.raw = lane.host.raw_socket(self.version, protocol)
        self.raw.tag = self
        self.number = protocol  # what stands in the place of a port (inet_create)

    @property
    def version(self) -> int:
        return 4 if self.family == AF_INET else 6

    def gone(self) -> None:
        super().gone()
        if self.raw.tag is self:
            self.raw.tag = None
            self.raw.close()

    # Names

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        wanted = parse(self.family, name)
        if family_of(name) != self.family:
            raise Errno(errno.EAFNOSUPPORT)
        if any(wanted.address) and not self.layer.network.is_local(wanted.address):
            raise Errno(errno.EADDRNOTAVAIL)
        self.raw.source = self.asked = wanted.address if any(wanted.address) else None
        return Return(0)

    @property
    def local(self) -> Name:
        return Name(self.raw.source or bytes(4 if self.version == 4 else 16), self.port)

    @property
    def port(self) -> int:
        """What stands in the place of a port."""
        return self.number

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        self.flush()
        if family_of(name) == AF_UNSPEC:
            self.peer = self.raw.peer = None
            self.raw.source = self.asked
            self.number = 0  # (__udp_disconnect)
            return Return(0)
        target = leaving.scoped(self, self.destination(name))
        source = self.layer.source_for(target.address)
        if source is None:
            raise Errno(errno.ENETUNREACH)
        self.peer, self.raw.peer = target, target.address
        self.raw.source = self.raw.source or source
        return Return(0)

    def peer_name(self, handle: int = -1) -> bytes:
        if self.peer is None or not self.peer.port:
            raise Errno(errno.ENOTCONN)
        return super().peer_name(handle)

    # Packets

    def send(self, task: Task, handle: int, message: Message, word: int) -> int:
        self.flush()
        if message.size > _LONGEST:
            raise Errno(errno.EMSGSIZE)
        target = self.destination(message.name) if message.name else self.peer
        if target is None:
            raise Errno(errno.EDESTADDRREQ)
        number = self.take_error(handle) if self.sends_fail or self.writes_headers else 0
        if number:
            raise Errno(number)
        self.emit(message.read(), target, message.control, word)
        return message.size

    def emit(self, data: bytes, target: Name, control: bytes = b"", word: int = 8) -> None:
        self.raw.ttl, self.raw.tos = self.layer.control.sending(self, target, control, word)
        names = {known.index: name for name, known in self._lane.host.interfaces.items()}
        self.raw.interface = names.get(target.scope)
        send = self.raw.send_whole if self.writes_headers else self.raw.send
        sent = send(data, target.address, self._lane.clock())
        if isinstance(sent, Fail):
            raise Errno(sent.errno)
        self._lane.soon()

    @property
    def writes_headers(self) -> bool:
        """IP_HDRINCL, which IPPROTO_RAW has from the beginning."""
        option = IP_HDRINCL if self.version == 4 else IPV6_HDRINCL
        return bool(self.options.number(*option, int(self.protocol == socket.IPPROTO_RAW)))

    def can_write(self) -> bool:
        return self.peer is not None

    def woken(self, now: float) -> None:
        """Packets have arrived at the handle."""
        while not isinstance(packet := self.raw.recv(), Fail):
            data = self.wanted(packet)
            if data is None:
                continue
            index = self._lane.host.interfaces[packet.interface].index
            source = Name(packet.src, 0, index if is_link_local(packet.src) else 0)
            self.deliver(data, Origin(source, packet.dst, index, packet.hop_limit, packet.tos))
        while self.raw.failures:
            self.failed(self.raw.failures.popleft())

    def failed(self, report: ErrorReport) -> None:
        """An ICMP error (raw_err, rawv6_err)."""
        quoted = report.quote if self.writes_headers else report.payload
        errqueue.tell(self, cause_of(report._replace(payload=quoted), 0, 0))

    def talks_to(self, target: Name) -> bool:
        return self.peer is not None and self.peer.address == target.address

    def wanted(self, packet: RawPacket) -> bytes | None:
        """What the program sees of a packet; None where it is not its own."""
        return packet.data

    def set_option(self, task: Task, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        answer = super().set_option(task, handle, level, option, value)
        if (level, option) in IPV6_CHECKSUMS:
            self.raw.checksum_at = self.options.number(*IPV6_CHECKSUM, -1)
        if (level, option) in (ICMP_FILTER, ICMPV6_FILTER):
            self.raw.icmp_filter = int.from_bytes(self.options.blob(level, option), "little")
        return answer


class Ping(Raw):
    """SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6: echo requests, and the replies to them."""

    __slots__ = ("identifier",)

    kind: int = socket.SOCK_DGRAM
    sends_fail = True

    def __init__(
        self, layer: EmulatedSockets, family: int, protocol: int, options: Options, lane: Lane
    ) -> None:
        super().__init__(layer, family, protocol, options, lane)
        self.identifier = 0

    @property
    def port(self) -> int:
        return self.identifier

    def bind(self, task: Task, handle: int, name: bytes) -> Answer:
        answer = super().bind(task, handle, name)
        self.identifier = parse(self.family, name).port or self._identify()
        return answer

    def connect(self, handle: int, name: bytes, fd: int = -1) -> Answer:
        self.identifier = self.identifier or self._identify()
        return super().connect(handle, name, fd)

    def _identify(self) -> int:
        return int.from_bytes(self._lane.host.random(2), "big") or 1

    def emit(self, data: bytes, target: Name, control: bytes = b"", word: int = 8) -> None:
        request, _reply = ECHO[self.version]
        if len(data) < icmp.HEADER_LENGTH or data[0] != request or data[1]:
            raise Errno(errno.EINVAL)
        self.identifier = self.identifier or self._identify()
        rest = self.identifier << 16 | int.from_bytes(data[6:8], "big")
        anywhere = bytes(len(target.address))  # the sum of ICMPv6 is filled in where the source is known
        message = icmp.pack(anywhere, anywhere, request, 0, rest, data[icmp.HEADER_LENGTH :])
        super().emit(message, target, control, word)

    def failed(self, report: ErrorReport) -> None:
        """An ICMP error about an echo request of ours (ping_err)."""
        about = bytes(report.payload[: icmp.HEADER_LENGTH])
        if len(about) == icmp.HEADER_LENGTH and int.from_bytes(about[4:6], "big") == self.identifier:
            errqueue.tell(self, cause_of(report, 0, 0))

    def wanted(self, packet: RawPacket) -> bytes | None:
        """Replies with our identifier, without the IP header."""
        data = packet.data[(packet.data[0] & 15) * 4 :] if self.version == 4 else packet.data
        _request, reply = ECHO[self.version]
        ours = len(data) >= icmp.HEADER_LENGTH and data[0] == reply
        return data if ours and int.from_bytes(data[4:6], "big") == self.identifier else None
