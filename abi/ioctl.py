"""The ioctls of sockets, interfaces, routes and ARP, and their arguments; netdevice(7), arp(7), socket(7).

``IOCTLS[SIOC["SIOCGIFMTU"]]`` gives the layout behind the pointer and the direction in which it is used.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.abi.if_ import IFREQ, ifconf
from ptrace_net.abi.kinds import CType, c_int
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.route import arpreq, rtentry
from ptrace_net.abi.time import kernel_sock_timeval, kernel_timespec, timespec, timeval


class Ioctl(NamedTuple):
    """One request. ``direction`` is what the kernel does with the argument: in, out, inout, or nothing."""

    name: str
    argument: CType | Layout | None
    direction: str
    doc: str


_WORDS = (
    ("SIOCOUTQ", c_int, "out", "bytes in the send queue: TCP not acknowledged, AF_UNIX not read"),
    ("SIOCINQ", c_int, "out", "bytes to read; UDP: of the next datagram"),
    ("SIOCOUTQNSD", c_int, "out", "TCP: bytes not sent"),
    ("SIOCATMARK", c_int, "out", "1 where the urgent mark has been reached"),
    ("SIOCSPGRP", c_int, "in", "process or group that gets SIGIO and SIGURG"),
    ("SIOCGPGRP", c_int, "out", "process or group that gets SIGIO and SIGURG"),
    ("SIOCGSKNS", None, "", "returns a descriptor of the socket's network namespace"),
    ("SIOCGSTAMP_OLD", timeval, "out", "when the last packet was received"),
    ("SIOCGSTAMPNS_OLD", timespec, "out", "when the last packet was received"),
    ("SIOCGSTAMP_NEW", kernel_sock_timeval, "out", "when the last packet was received, 64-bit time"),
    ("SIOCGSTAMPNS_NEW", kernel_timespec, "out", "when the last packet was received, 64-bit time"),
    ("SIOCGIFCONF", ifconf, "inout", "list the interfaces that have an IPv4 address"),
    ("SIOCADDRT", rtentry, "in", "add a route; of an IPv6 socket the argument is in6_rtmsg"),
    ("SIOCDELRT", rtentry, "in", "remove a route; of an IPv6 socket the argument is in6_rtmsg"),
    ("SIOCSARP", arpreq, "in", "add an entry to the ARP table"),
    ("SIOCGARP", arpreq, "inout", "look up an entry of the ARP table"),
    ("SIOCDARP", arpreq, "in", "remove an entry from the ARP table"),
)

# The flags of an open file: any descriptor has these.
_FILE = (
    ("FIONREAD", c_int, "out", "SIOCINQ by its older name"),
    ("FIONBIO", c_int, "in", "set or clear O_NONBLOCK"),
    ("FIOASYNC", c_int, "in", "set or clear O_ASYNC"),
    ("FIOCLEX", None, "", "set FD_CLOEXEC"),
    ("FIONCLEX", None, "", "clear FD_CLOEXEC"),
)


def _interfaces() -> Iterator[tuple[int, Ioctl]]:
    for number, layout in IFREQ.items():
        name = SIOC.name(number)
        reads = name.startswith("SIOCG")
        doc = f"{'get' if reads else 'set'} {layout.members[1].name} of an interface"
        yield number, Ioctl(name, layout, "inout" if reads else "in", doc)


IOCTLS: Mapping[int, Ioctl] = MappingProxyType(
    {
        **dict(_interfaces()),
        **{FIO[row[0]]: Ioctl(*row) for row in _FILE},
        **{SIOC[row[0]]: Ioctl(*row) for row in _WORDS},
    }
)
