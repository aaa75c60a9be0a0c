"""ICMP for IPv4 (RFC 792, RFC 1191) and IPv6 (RFC 4443), and what its errors mean to a socket.

The errno of an error is Linux's: ``icmp_err_convert`` in net/ipv4/icmp.c and ``tab_unreach`` in
net/ipv6/icmp.c.  ``fatal`` errors end a connection attempt or reach SO_ERROR; the rest only IP_RECVERR.
"""

import errno
import struct
from typing import NamedTuple

from .addresses import IP
from .checksum import checksum, pseudo_sum, valid
from .frame import Buffer, Malformed

IPPROTO_ICMP = 1
IPPROTO_ICMPV6 = 58
HEADER_LENGTH = 8

ICMP_ECHOREPLY, ICMP_DEST_UNREACH, ICMP_ECHO, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB = 0, 3, 8, 11, 12
ICMP_PROT_UNREACH, ICMP_PORT_UNREACH, ICMP_FRAG_NEEDED, ICMP_FRAG_TIME = 2, 3, 4, 1
ICMPV6_DEST_UNREACH, ICMPV6_PKT_TOOBIG, ICMPV6_TIME_EXCEED, ICMPV6_PARAMPROB = 1, 2, 3, 4
ICMPV6_PORT_UNREACH, ICMPV6_UNK_NEXTHDR, ICMPV6_FRAG_TIME = 4, 1, 1
ICMPV6_ECHO_REQUEST, ICMPV6_ECHO_REPLY = 128, 129

_LAYOUT = struct.Struct("!BBHI")
_MAX_ERROR4 = 576 - 20
_MAX_ERROR6 = 1280 - 40


class IcmpMessage(NamedTuple):
    """``rest`` is the second header word: identifier and sequence, or unused and MTU, or a pointer."""

    type: int
    code: int
    rest: int
    body: memoryview


class Verdict(NamedTuple):
    errno: int
    fatal: bool


_UNREACH4 = {
    0: Verdict(errno.ENETUNREACH, False), 1: Verdict(errno.EHOSTUNREACH, False),
    2: Verdict(errno.ENOPROTOOPT, True), 3: Verdict(errno.ECONNREFUSED, True),
    4: Verdict(errno.EMSGSIZE, False), 5: Verdict(errno.EOPNOTSUPP, False),
    6: Verdict(errno.ENETUNREACH, True), 7: Verdict(errno.EHOSTDOWN, True),
    8: Verdict(errno.ENONET, True), 9: Verdict(errno.ENETUNREACH, True),
    10: Verdict(errno.EHOSTUNREACH, True), 11: Verdict(errno.ENETUNREACH, False),
    12: Verdict(errno.EHOSTUNREACH, False), 13: Verdict(errno.EHOSTUNREACH, True),
    14: Verdict(errno.EHOSTUNREACH, True), 15: Verdict(errno.EHOSTUNREACH, True),
}
_UNREACH6 = {
    0: Verdict(errno.ENETUNREACH, False), 1: Verdict(errno.EACCES, True),
    2: Verdict(errno.EHOSTUNREACH, False), 3: Verdict(errno.EHOSTUNREACH, False),
    4: Verdict(errno.ECONNREFUSED, True), 5: Verdict(errno.EACCES, True), 6: Verdict(errno.EACCES, True),
}
_HOST_UNREACHABLE = Verdict(errno.EHOSTUNREACH, False)


def error_verdict(version: int, kind: int, code: int) -> Verdict | None:
    """What an ICMP message says to the socket that it is about (icmp_unreach, icmpv6_err_convert).

    None where it is no error, or none that sockets are told.
    """
    if version == 4:
        return {
            ICMP_DEST_UNREACH: _UNREACH4.get(code),
            ICMP_TIME_EXCEEDED: None if code == ICMP_FRAG_TIME else _HOST_UNREACHABLE,
            ICMP_PARAMETERPROB: Verdict(errno.EPROTO, True),
        }.get(kind)
    if not is_error(6, kind):
        return None
    return {
        ICMPV6_DEST_UNREACH: _UNREACH6.get(code, Verdict(errno.EPROTO, True)),
        ICMPV6_PKT_TOOBIG: Verdict(errno.EMSGSIZE, False),
        ICMPV6_TIME_EXCEED: _HOST_UNREACHABLE,
        ICMPV6_PARAMPROB: Verdict(errno.EPROTO, True),
    }.get(kind, Verdict(errno.EPROTO, False))


def parse(view: memoryview, src: IP, dst: IP) -> IcmpMessage:
    """Malformed where it is short or its checksum is wrong; the addresses choose the family."""
    if len(view) < HEADER_LENGTH:
        raise Malformed("short ICMP message")
    if not valid(view, _initial(src, dst, len(view))):
        raise Malformed("ICMP checksum")
    kind, code, _sum, rest = _LAYOUT.unpack_from(view)
    return IcmpMessage(kind, code, rest, view[HEADER_LENGTH:])


def pack(src: IP, dst: IP, kind: int, code: int, rest: int, body: Buffer) -> bytes:
    """A message with its checksum (which covers the pseudo header in IPv6 only)."""
    message = _LAYOUT.pack(kind, code, 0, rest) + body
    folded = checksum(message, _initial(src, dst, len(message)))
    return message[:2] + folded.to_bytes(2, "big") + message[4:]


def _initial(src: IP, dst: IP, length: int) -> int:
    return pseudo_sum(src, dst, IPPROTO_ICMPV6, length) if len(src) == 16 else 0


def echo_reply(message: IcmpMessage, src: IP, dst: IP) -> bytes:
    """The reply from ``src`` to ``dst`` with the request's identifier, sequence and data."""
    kind = ICMP_ECHOREPLY if len(src) == 4 else ICMPV6_ECHO_REPLY
    return pack(src, dst, kind, 0, message.rest, message.body)


def error(src: IP, dst: IP, kind: int, code: int, rest: int, packet: Buffer) -> bytes:
    """An error about ``packet``, quoting as much of it as the minimum MTU has room for."""
    limit = (_MAX_ERROR4 if len(src) == 4 else _MAX_ERROR6) - HEADER_LENGTH
    return pack(src, dst, kind, code, rest, bytes(packet[:limit]))


def is_error(version: int, kind: int) -> bool:
    """Errors are never answered with errors (RFC 1122, 3.2.2; RFC 4443, 2.4)."""
    if version == 6:
        return kind < 128
    return kind in (ICMP_DEST_UNREACH, 4, 5, ICMP_TIME_EXCEEDED, ICMP_PARAMETERPROB)


def next_mtu(version: int, rest: int, packet_length: int) -> int:
    """The MTU of a too-big message; old IPv4 routers leave it 0, then the plateaus of RFC 1191, 7.1."""
    if version == 6:
        return rest
    plateaus = (32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68)
    return rest & 0xFFFF or next(mtu for mtu in (*plateaus, 0) if mtu < packet_length or not mtu)
