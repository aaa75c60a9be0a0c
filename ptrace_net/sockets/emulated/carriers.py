"""Sockets of the host's that carry UDP: what goes out, what comes in, and what ICMP says about it.

The gateway between a run and the host is one hop: a datagram whose hop limit ends there does not leave, and
the host's errors arrive with one hop less. The host's error queue (IP_RECVERR) becomes the program's.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptrace_net.policies.mapping import V4_MAPPED
from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.control6 import items
from ptrace_net.sockets.emulated import errqueue
from ptrace_net.sockets.emulated.errqueue import EXTENDED_ERROR, MSG_ERRQUEUE, RECVERR, Cause
from ptrace_net.sockets.emulated.hosts import GATEWAYS
from ptrace_net.sockets.emulated.names import AF_INET, Name, parse
from ptrace_net.sockets.emulated.network import GATEWAY4, GATEWAY6
from ptrace_net.stack.addresses import is_loopback
from ptrace_net.stack.icmp import error_verdict
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.uplink import Uplink

EPOLLIN, EPOLLERR = 1, 8
DEFAULT_HOPS = 64
_AT_ONCE = 64  # datagrams taken before others get their turn
_TARGETS = 64  # addresses that are remembered for the errors about them
_ROOM = 512
_LEVELS = {4: (0, 2, 12), 6: (41, 52, 51)}  # level, the hop limit's type, the option that asks for it
_CMSG = struct.Struct("=Qiii4x")
# An ICMP message as ICMPv6 has it, where IPv6 goes through IPv4 (RFC 7915, 4.2)
_AS_ICMP6 = {(3, 3): (1, 4), (3, 2): (4, 1), (3, 4): (2, 0), (11, 0): (3, 0), (11, 1): (3, 1)}


def time_exceeded(target: Name, data: bytes) -> Cause:
    """The gateway, about a datagram whose hop limit was one."""
    four = len(target.address) == 4
    offender = GATEWAY4 if four else GATEWAY6
    return Cause(errno.EHOSTUNREACH, False, 11 if four else 3, 0, 0, offender, target, data)


class HostDatagrams:
    """A socket of the host's that carries what emulated sockets exchange with the outside: those of a port
    that is published, or ``sock`` alone.
    """

    def __init__(self, uplink: Uplink, handle: int, family: int, port: int, sock: Datagram | None) -> None:
        self.uplink, self.handle, self.family, self.port, self.sock = uplink, handle, family, port, sock
        self._version = 4 if family == AF_INET else 6
        self._targets: dict[bytes, Name] = {}
        level, _, limit = _LEVELS[self._version]
        hostcalls.set_int(handle, *RECVERR[family != AF_INET], 1)
        hostcalls.set_int(handle, level, limit, 1)
        self._inside = is_loopback(parse(family, hostcalls.getsockname(handle)).address)
        uplink.layer.reactor.add(handle, EPOLLIN, self._arrived)

    def reaches(self, name: bytes) -> bool:
        """Whether it is not bound to the host's loopback, or ``name`` is there too."""
        return not self._inside or is_loopback(parse(self.family, name).address)

    def send(self, data: bytes, name: bytes, target: Name, ttl: int = DEFAULT_HOPS) -> None:
        """``name`` is what the host calls ``target``."""
        self._targets.pop(name, None)
        self._targets[name] = target
        if len(self._targets) > _TARGETS:
            del self._targets[next(iter(self._targets))]
        level, kind, _ = _LEVELS[self._version]
        control = _CMSG.pack(20, level, kind, ttl - 1) if ttl != DEFAULT_HOPS else b""
        try:
            hostcalls.sendmsg(self.handle, data, name, control, 0)
        except Errno as error:
            if error.number in (errno.EAGAIN, errno.ENOBUFS):
                return
            self._take_errors()  # about a datagram before: this one has not gone
            hostcalls.sendmsg(self.handle, data, name, control, 0)

    def _arrived(self, events: int) -> None:
        if events & EPOLLERR:
            self._take_errors()
        for _ in range(_AT_ONCE):
            if self.handle < 0:
                return
            try:
                data, name, _, _, _ = hostcalls.recvmsg(self.handle, 1 << 16, 0, 0)
            except Errno as error:
                if error.number == errno.EAGAIN:
                    return
                self._take_errors()
                continue
            self.uplink.arrived(self, data, parse(self.family, name))

    def _take_errors(self) -> None:
        """The host's error queue."""
        for _ in range(_AT_ONCE):
            try:
                data, name, control, _, _ = hostcalls.recvmsg(self.handle, 1 << 16, _ROOM, MSG_ERRQUEUE)
            except Errno:
                return
            target = self._targets.get(name)
            cause = None if target is None else self._cause(control, target, data)
            if cause is not None:
                for sock in self._senders(cause.target):
                    errqueue.tell(sock, cause)

    def _senders(self, target: Name) -> Iterable[Datagram]:
        """Whose datagram it was: of a published port's, whoever may have sent it."""
        if self.sock is not None:
            return (self.sock,)
        at = (target.address, target.port)
        held = self.uplink.layer.datagrams_at(self.port)
        return [one for one in held if one.peer is None or (one.peer.address, one.peer.port) == at]

    def _cause(self, control: bytes, target: Name, data: bytes) -> Cause | None:
        """What the host's control messages say; None where it is no ICMP error."""
        found, ttl = b"", DEFAULT_HOPS
        for level, kind, payload in items(control, 8):
            if (level, kind) in RECVERR:
                found = payload
            elif (level, kind) == _LEVELS[self._version][:2]:
                ttl = int.from_bytes(payload[:4], "little")
        if len(found) < EXTENDED_ERROR.size:
            return None
        _, origin, kind, code, info, _ = EXTENDED_ERROR.unpack_from(found)
        if origin not in (errqueue.SO_EE_ORIGIN_ICMP, errqueue.SO_EE_ORIGIN_ICMP6):
            return None
        if self._version == 4 and len(target.address) == 16:
            kind, code = _AS_ICMP6.get((kind, code), (1, 0))
        verdict = error_verdict(4 if len(target.address) == 4 else 6, kind, code)
        if verdict is None:
            return None
        offender = self._offender(found[EXTENDED_ERROR.size :], target)
        if offender not in GATEWAYS:  # whose own errors pass no gateway
            ttl = max(ttl - 1, 1)
        return Cause(verdict.errno, verdict.fatal, kind, code, info, offender, target, data, ttl)

    def _offender(self, name: bytes, target: Name) -> bytes:
        """The host's loopback is whatever of the run's stands for it."""
        address = parse(self.family, name).address
        if is_loopback(address):
            return target.address
        return address if len(address) == len(target.address) else V4_MAPPED + address

    def close(self) -> None:
        self.uplink.layer.reactor.remove(self.handle)
        os.close(self.handle)
        self.handle = -1


def opened(family: int) -> int:
    """A UDP socket of the host's."""
    return hostcalls.new_socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, 0)
