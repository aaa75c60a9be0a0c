"""UDP handles: calls that never block, with explicit results; udp_layer.py decides who gets a datagram."""

import errno
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from . import udp
from .addresses import ANY4, ANY6, IP, is_any, is_multicast
from .frame import Buffer
from .handle import Handle
from .ip_output import Flow
from .packet import ErrorReport
from .result import AGAIN, NO_DESTINATION, TOO_BIG, Fail
from .tcp.wakeups import POLLERR, POLLIN

_OVERHEAD = 256  # what a queued datagram counts beside its bytes


class Datagram(NamedTuple):
    """What recvmsg(2) and its control messages need; ``dst`` for IP_PKTINFO."""

    data: bytes
    src: IP
    src_port: int
    dst: IP
    interface: str
    hop_limit: int
    tos: int


@dataclass(slots=True, eq=False)
class UdpSocket(Handle):
    peer: tuple[IP, int] | None = None
    rcvbuf: int = 212992
    ttl: int = 64
    multicast_ttl: int = 1
    multicast_loop: bool = True
    tos: int = 0
    dont_fragment: bool = False
    groups: set[tuple[str, IP]] = field(default_factory=set)
    drops: int = 0
    error: int = 0
    closed: bool = False
    _queue: deque[Datagram] = field(default_factory=deque)
    _queued: int = 0
    _flow: Flow | None = None

    def bind(self, address: IP, port: int) -> Fail | None:
        """EINVAL where bound already, EADDRINUSE, EADDRNOTAVAIL."""
        failed = self._bind(self.host.udp.bindings, address, port)
        if failed is None:
            self.host.udp.add(self, self.bound_port)
        return failed

    def connect(self, address: IP, port: int, now: float) -> Fail | None:
        """Fix the peer; also decides the local address."""
        flow = self._route(address, now)
        if isinstance(flow, Fail):
            return flow
        if self.binding is None:
            failed = self.bind(flow.src, 0)
            if failed is not None:
                return failed
        elif is_any(self.binding.address):
            self.binding.address = flow.src
        self.peer, self._flow = (address, port), flow
        return None

    def disconnect(self) -> None:
        self.peer = self._flow = None

    def send(
        self, data: Buffer, now: float, to: tuple[IP, int] | None = None, src: IP | None = None
    ) -> int | Fail:
        """The number of bytes sent; ``src`` is IP_PKTINFO's.  Pending errors are reported first."""
        if self.error:
            return self.take_error()
        target = to or self.peer
        if target is None:
            return NO_DESTINATION
        if len(data) > udp.MAX_PAYLOAD - (20 if len(target[0]) == 4 else 0):
            return TOO_BIG
        if self.binding is None:
            failed = self.bind(ANY4 if self.version == 4 else ANY6, 0)
            if failed is not None:
                return failed
        flow = self._route(target[0], now, src)
        if isinstance(flow, Fail):
            return flow
        return self._emit(flow, target[1], data, now)

    def _emit(self, flow: Flow, port: int, data: Buffer, now: float) -> int | Fail:
        if self.dont_fragment and len(data) + udp.HEADER_LENGTH + flow.header_length > flow.mtu:
            return TOO_BIG
        multicast = is_multicast(flow.dst)
        flow.ttl = self.multicast_ttl if multicast else self.ttl
        flow.tos, flow.dont_fragment = self.tos, self.dont_fragment
        head = udp.header(flow.src, flow.dst, self.bound_port, port, data)
        flow.send(head, data, now)
        if multicast and self.multicast_loop:
            self.host.loop_back(flow, head, data)
        return len(data)

    def _route(self, address: IP, now: float, src: IP | None = None) -> Flow | Fail:
        cached = self._flow
        if cached and self.peer and address == self.peer[0] and src in (None, cached.src):
            if cached.generation == self.host.generation:
                return cached
            self._flow = None
        bound = self.binding.address if self.binding else None
        wanted = src or (None if bound is None or is_any(bound) or len(bound) != len(address) else bound)
        return self.host.flow(address, udp.IPPROTO_UDP, now, src=wanted, interface=self.interface)

    def recv(self) -> Datagram | Fail:
        """The oldest datagram; a pending error comes first."""
        if self.error:
            return self.take_error()
        if not self._queue:
            return AGAIN
        datagram = self._queue.popleft()
        self._queued -= len(datagram.data) + _OVERHEAD
        return datagram

    def take_error(self) -> Fail:
        """SO_ERROR: the pending error, which is cleared."""
        failed, self.error = Fail(self.error), 0
        return failed

    def join(self, group: IP, interface: str, now: float) -> Fail | None:
        """IP_ADD_MEMBERSHIP: EADDRINUSE where it has joined, ENODEV, EINVAL."""
        if not is_multicast(group):
            return Fail(errno.EINVAL)
        if interface not in self.host.interfaces:
            return Fail(errno.ENODEV)
        if (interface, group) in self.groups:
            return Fail(errno.EADDRINUSE)
        self.groups.add((interface, group))
        self.host.interfaces[interface].join(group, now)
        return None

    def leave(self, group: IP, interface: str, now: float) -> Fail | None:
        if (interface, group) not in self.groups:
            return Fail(errno.EADDRNOTAVAIL)
        self.groups.remove((interface, group))
        self.host.interfaces[interface].leave(group, now)
        return None

    def close(self, now: float) -> None:
        for interface, group in list(self.groups):
            self.leave(group, interface, now)
        self.host.udp.remove(self, self.bound_port)
        self._unbind(self.host.udp.bindings)
        self.closed = True

    def deliver(self, datagram: Datagram) -> None:
        """Queue what fits in the receive buffer; the rest is counted."""
        size = len(datagram.data) + _OVERHEAD
        if self._queue and self._queued + size > self.rcvbuf:
            self.drops += 1
            return
        self._queue.append(datagram)
        self._queued += size
        self.wake(POLLIN)

    def failed(self, error: ErrorReport) -> None:
        """An ICMP error: connected sockets get it as SO_ERROR, others only where they asked (IP_RECVERR)."""
        self.report(error)
        hard = error.fatal or error.errno == errno.EMSGSIZE  # as it is without IP_PMTUDISC_DONT
        if (self.peer and hard) or self.recverr:
            self.error = error.errno
            self.wake(POLLERR)
