"""Level IPPROTO_IP on a socket that IPv6 serves: the kernel checks and keeps the option, its twin acts.

An AF_INET6 socket takes options of level IPPROTO_IP for the IPv4 packets that it might send (ip(7)), so
errors, ranges and what is read back are the kernel's own; the IPv6 packets that it does send follow the twin
of level IPPROTO_IPV6.
"""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.mapped import MappedSocket
    from ptrace_net.syscalls.options import OptionValue

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6

# IP_* -> IPV6_*, as linux/in.h and linux/in6.h number them
TWINS = {
    1: 67,  # IP_TOS, IPV6_TCLASS
    2: 16,  # IP_TTL, IPV6_UNICAST_HOPS
    8: 49,  # IP_PKTINFO, IPV6_RECVPKTINFO
    10: 23,  # IP_MTU_DISCOVER, IPV6_MTU_DISCOVER
    11: 25,  # IP_RECVERR, IPV6_RECVERR
    12: 51,  # IP_RECVTTL, IPV6_RECVHOPLIMIT
    13: 66,  # IP_RECVTOS, IPV6_RECVTCLASS
    20: 74,  # IP_RECVORIGDSTADDR, IPV6_RECVORIGDSTADDR
    21: 73,  # IP_MINTTL, IPV6_MINHOPCOUNT
    33: 18,  # IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS
    34: 19,  # IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP
}


class Options4:
    """set and get for a ``MappedSocket`` on AF_INET6."""

    def begin(self, sock: MappedSocket, handle: int) -> None:
        return

    def follow_peer(self, sock: MappedSocket, handle: int) -> None:
        return

    def control_for(self, sock: MappedSocket, own: bool) -> bytes:
        return b""

    def serves(self, sock: MappedSocket, level: int, option: int) -> bool:
        return level == IP and option in TWINS

    def set(self, sock: MappedSocket, handle: int, level: int, option: int, value: OptionValue) -> Answer:
        if level != IP or option not in TWINS or value.null:
            return NATIVE
        hostcalls.setsockopt(handle, level, option, value.data)
        number = _number(value.data)
        if number is not None:
            with suppress(Errno):  # the level that the program knows has taken it
                hostcalls.set_int(handle, IPV6, TWINS[option], number)
        return Return(0)

    def get(self, sock: MappedSocket, handle: int, level: int, option: int, size: int) -> bytes | None:
        return None


def _number(value: bytes) -> int | None:
    """Options of this level are ints or single bytes."""
    if len(value) >= 4:
        number: int = struct.unpack_from("=i", value)[0]
        return number
    return value[0] if value else None
