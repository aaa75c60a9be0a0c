"""ioctl(2) on AF_INET6 sockets: the requests that a kernel answers by the family of the socket.

net/ipv6/af_inet6.c knows only routes and addresses of its own; what AF_INET has beside them (netdevice(7),
arp(7)) is ENOTTY. Requests that would change routes or addresses of the host are refused as to a program
without CAP_NET_ADMIN: the structures are IPv6's, the host's sockets would take them for IPv4's.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Held, Sockets

# Sizes for programs with 4 and 8 byte longs.
_IFREQ = {4: 32, 8: 40}
_RTMSG = {4: 72, 8: 80}  # in6_rtmsg
_NOTHING = {4: 0, 8: 0}


class Refusal(NamedTuple):
    """``reads``: how much the kernel copies in, or answers EFAULT, before it says ``number``."""

    name: str
    reads: Mapping[int, int]
    number: int


REFUSED: dict[int, Refusal] = {
    0x890B: Refusal("SIOCADDRT", _RTMSG, errno.EPERM),
    0x890C: Refusal("SIOCDELRT", _RTMSG, errno.EPERM),
    0x890D: Refusal("SIOCRTMSG", _IFREQ, errno.ENOTTY),
    0x8915: Refusal("SIOCGIFADDR", _IFREQ, errno.ENOTTY),
    0x8916: Refusal("SIOCSIFADDR", _NOTHING, errno.EPERM),
    0x8917: Refusal("SIOCGIFDSTADDR", _IFREQ, errno.ENOTTY),
    0x8918: Refusal("SIOCSIFDSTADDR", _NOTHING, errno.ENODEV),  # for tunnels alone
    0x8919: Refusal("SIOCGIFBRDADDR", _IFREQ, errno.ENOTTY),
    0x891A: Refusal("SIOCSIFBRDADDR", _IFREQ, errno.ENOTTY),
    0x891B: Refusal("SIOCGIFNETMASK", _IFREQ, errno.ENOTTY),
    0x891C: Refusal("SIOCSIFNETMASK", _IFREQ, errno.ENOTTY),
    0x8934: Refusal("SIOCSIFPFLAGS", _IFREQ, errno.ENOTTY),
    0x8935: Refusal("SIOCGIFPFLAGS", _IFREQ, errno.ENOTTY),
    0x8936: Refusal("SIOCDIFADDR", _NOTHING, errno.EPERM),
    0x8953: Refusal("SIOCDARP", _IFREQ, errno.ENOTTY),
    0x8954: Refusal("SIOCGARP", _IFREQ, errno.ENOTTY),
    0x8955: Refusal("SIOCSARP", _IFREQ, errno.ENOTTY),
}


def ioctl(call: Call, sockets: Sockets) -> Answer:
    return sockets.ioctl(call)


def refused(call: Call, find: Callable[[Task, int], AbstractContextManager[Held | None]]) -> Answer:
    """The host provider's answer."""
    fd, request, address = call.args
    refusal = REFUSED.get(request)
    if refusal is None:
        return NATIVE
    with find(call.task, fd) as held:
        if held is None:
            return NATIVE
    call.task.read(address, refusal.reads[call.arch.word])
    raise Errno(refusal.number)
