"""Control messages of emulated datagrams: what the options ask for (ip(7), ipv6(7), RFC 3542, socket(7))."""

from __future__ import annotations

import errno
import struct
import time
from typing import TYPE_CHECKING

from ptrace_net.policies.mapping import V4_MAPPED
from ptrace_net.sockets.emulated.names import AF_INET6, Name, pack
from ptrace_net.sockets.emulated.network import is_multicast
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.receiving import Receiving
    from ptrace_net.sockets.emulated.sock import EmulatedSocket

Item = tuple[int, int, bytes]
SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6 = 1, 0, 41
SO_TIMESTAMP, SO_TIMESTAMPNS = 29, 35
IP_TOS, IP_TTL, IP_PKTINFO, IP_RECVTTL, IP_RECVTOS, IP_RECVORIGDSTADDR = 1, 2, 8, 12, 13, 20
IP_MULTICAST_TTL, IP_MULTICAST_IF = 33, 32
IPV6_UNICAST_HOPS, IPV6_MULTICAST_HOPS, IPV6_RECVPKTINFO, IPV6_PKTINFO = 16, 18, 49, 50
IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT, IPV6_RECVTCLASS, IPV6_TCLASS, IPV6_RECVORIGDSTADDR = 51, 52, 66, 67, 74
IPV6_2292PKTINFO, IPV6_2292HOPLIMIT = 2, 8
_IN_PKTINFO, _IN6_PKTINFO = 12, 20
_INT = struct.Struct("=i")
_DEFAULT_HOPS = 64
# What may be sent with a datagram: (level, type) -> the shortest payload.
_SENDABLE = {
    (IPPROTO_IP, IP_TTL): 4, (IPPROTO_IP, IP_TOS): 1, (IPPROTO_IP, IP_PKTINFO): 12, (IPPROTO_IP, 7): 0,
    (IPPROTO_IPV6, IPV6_HOPLIMIT): 4, (IPPROTO_IPV6, IPV6_TCLASS): 4, (IPPROTO_IPV6, IPV6_PKTINFO): 20,
}  # fmt: skip


# SCM_RIGHTS, SCM_CREDENTIALS, SO_PRIORITY, SO_MARK, SO_TIMESTAMPING, SCM_TXTIME, SCM_TS_OPT_ID
_SOCKET_LEVEL = (1, 2, 12, 36, 37, 61, 81)


def _limited(level: int, kind: int, payload: bytes, ttl: int, tos: int) -> tuple[int, int]:
    """What a control message makes of hop limit and traffic class; Errno(EINVAL)."""
    if len(payload) < _SENDABLE.get((level, kind), 1 << 30):
        raise Errno(errno.EINVAL)
    if kind in (IP_TTL, IPV6_HOPLIMIT):
        ttl = _INT.unpack(payload[:4])[0]
        if not (0 < ttl <= 255 if level == IPPROTO_IP else -1 <= ttl <= 255):
            raise Errno(errno.EINVAL)
        return (_DEFAULT_HOPS if ttl < 0 else ttl), tos
    if kind in (IP_TOS, IPV6_TCLASS):
        return ttl, _class_of(level, payload)
    return ttl, tos


def _class_of(level: int, payload: bytes) -> int:
    """A traffic class: one byte or an int for IPv4, an int with -1 for none for IPv6."""
    if level == IPPROTO_IP and len(payload) == 1:
        return payload[0]
    if len(payload) < _INT.size or (level == IPPROTO_IPV6 and len(payload) != _INT.size):
        raise Errno(errno.EINVAL)
    value: int = _INT.unpack(payload[:4])[0]
    if not (0 <= value <= 255 or (level == IPPROTO_IPV6 and value == -1)):
        raise Errno(errno.EINVAL)
    return value & 0xFF  # -1 too (ip6_datagram_send_ctl)


class Control:
    """Reads what goes with a datagram, and makes what comes with one."""

    def sending(self, sock: Datagram, target: Name, control: bytes, word: int) -> tuple[int, int]:
        """Hop limit and traffic class of a datagram; Errno(EINVAL) for a control message that is none."""
        four = len(target.address) == 4
        ttl, tos = self._limits(sock, four, is_multicast(target.address))
        if control:
            from ptrace_net.sockets.control6 import items

            for level, kind, payload in items(control, word):
                if level == SOL_SOCKET and kind not in _SOCKET_LEVEL:
                    raise Errno(errno.EINVAL)
                if level == IPPROTO_IP if four else level == IPPROTO_IPV6:
                    ttl, tos = _limited(level, kind, payload, ttl, tos)
        return ttl, tos

    def source(self, sock: Datagram, target: Name, control: bytes, word: int) -> tuple[bytes | None, int]:
        """Source address and interface that a datagram asks for, or None and 0 (IP_PKTINFO, IPV6_PKTINFO);
        Errno(EINVAL) for an address that is not the run's.
        """
        from ptrace_net.sockets.control6 import items

        for level, kind, payload in items(control, word):
            address, index = b"", 0
            if (level, kind) == (IPPROTO_IP, IP_PKTINFO) and len(payload) >= _IN_PKTINFO:
                address, index = payload[4:8], _INT.unpack(payload[:4])[0]
            elif (level, kind) == (IPPROTO_IPV6, IPV6_PKTINFO) and sock.family == AF_INET6:
                if len(payload) < _IN6_PKTINFO:
                    raise Errno(errno.EINVAL)
                address, index = payload[:16].removeprefix(V4_MAPPED), _INT.unpack(payload[16:20])[0]
            if any(address) and len(address) == len(target.address):
                if not sock.layer.network.is_local(address):
                    raise Errno(errno.EINVAL)
                return address, index
            if index:
                return None, index
        return None, 0

    def _limits(self, sock: Datagram, four: bool, multicast: bool) -> tuple[int, int]:
        if sock.options.values is None:
            return (1 if multicast else _DEFAULT_HOPS), 0
        value = sock.options.value
        if four:
            ttl = value(IPPROTO_IP, IP_MULTICAST_TTL if multicast else IP_TTL)
            return (ttl if ttl >= 0 else _DEFAULT_HOPS), value(IPPROTO_IP, IP_TOS) & 0xFF
        hops = value(IPPROTO_IPV6, IPV6_MULTICAST_HOPS if multicast else IPV6_UNICAST_HOPS)
        return (hops if hops >= 0 else _DEFAULT_HOPS), max(value(IPPROTO_IPV6, IPV6_TCLASS), 0) & 0xFF

    def received(self, sock: Receiving, origin: Origin) -> list[Item]:
        """The messages that the socket's options ask for, in the kernel's order."""
        if sock.options.values is None:
            return []
        found = self.stamps(sock)
        if sock.family == AF_INET6:
            found += self._ipv6(sock, origin)
        if len(origin.destination) == 4:
            found += self._ip(sock, origin)
        return found

    def stamps(self, sock: EmulatedSocket) -> list[Item]:
        """SO_TIMESTAMP and SO_TIMESTAMPNS."""
        value = sock.options.value
        if value(SOL_SOCKET, SO_TIMESTAMPNS):
            now = time.time_ns()
            return [(SOL_SOCKET, SO_TIMESTAMPNS, struct.pack("=qq", now // 10**9, now % 10**9))]
        if value(SOL_SOCKET, SO_TIMESTAMP):
            now = time.time_ns() // 1000
            return [(SOL_SOCKET, SO_TIMESTAMP, struct.pack("=qq", now // 10**6, now % 10**6))]
        return []

    def _ip(self, sock: Receiving, origin: Origin) -> list[Item]:
        value, found = sock.options.value, []
        if value(IPPROTO_IP, IP_PKTINFO):
            info = _INT.pack(origin.interface) + self._local(sock, origin) + origin.destination
            found.append((IPPROTO_IP, IP_PKTINFO, info))
        if value(IPPROTO_IP, IP_RECVTTL):
            found.append((IPPROTO_IP, IP_TTL, _INT.pack(origin.ttl)))
        if value(IPPROTO_IP, IP_RECVTOS):
            found.append((IPPROTO_IP, IP_TOS, bytes((origin.tos,))))
        if value(IPPROTO_IP, IP_RECVORIGDSTADDR):
            port = sock.binding.port if sock.binding is not None else 0
            found.append((IPPROTO_IP, IP_RECVORIGDSTADDR, pack(2, Name(origin.destination, port))))
        return found

    def _local(self, sock: Receiving, origin: Origin) -> bytes:
        """The address that an answer comes from (fib_compute_spec_dst)."""
        network, destination = sock.layer.network, origin.destination
        if is_multicast(destination) or network.is_broadcast(destination):
            return network.source_for(origin.source.address) or destination
        return destination

    def _ipv6(self, sock: Receiving, origin: Origin) -> list[Item]:
        value, found = sock.options.value, []
        local = origin.destination if len(origin.destination) == 16 else V4_MAPPED + origin.destination
        if value(IPPROTO_IPV6, IPV6_RECVPKTINFO):
            found.append((IPPROTO_IPV6, IPV6_PKTINFO, local + _INT.pack(origin.interface)))
        if len(origin.destination) == 4:
            return found
        if value(IPPROTO_IPV6, IPV6_RECVHOPLIMIT):
            found.append((IPPROTO_IPV6, IPV6_HOPLIMIT, _INT.pack(origin.ttl)))
        if value(IPPROTO_IPV6, IPV6_RECVTCLASS):
            found.append((IPPROTO_IPV6, IPV6_TCLASS, _INT.pack(origin.tos)))
        if value(IPPROTO_IPV6, IPV6_RECVORIGDSTADDR):
            port = sock.binding.port if sock.binding is not None else 0
            found.append((IPPROTO_IPV6, IPV6_RECVORIGDSTADDR, pack(10, Name(local, port))))
        if value(IPPROTO_IPV6, IPV6_2292PKTINFO):  # RFC 2292's come last (ip6_datagram_recv_specific_ctl)
            found.append((IPPROTO_IPV6, IPV6_2292PKTINFO, local + _INT.pack(origin.interface)))
        if value(IPPROTO_IPV6, IPV6_2292HOPLIMIT):
            found.append((IPPROTO_IPV6, IPV6_2292HOPLIMIT, _INT.pack(origin.ttl)))
        return found
