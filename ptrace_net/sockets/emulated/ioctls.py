"""ioctl(2) on the sockets of a run: queues, marks and times are the socket's, interfaces the run's network.

Requests about interfaces are answered on any socket, as a C library asks on AF_UNIX ones too.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from typing import TYPE_CHECKING

from ptrace_net.sockets import hostcalls
from ptrace_net.syscalls.seam import NATIVE, Answer, Errno, Return

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.syscalls.seam import Call
    from ptrace_net.syscalls.sockets import Held

FIONREAD = 0x541B
_OWNER = range(0x8901, 0x8905)  # FIOSETOWN, SIOCSPGRP, FIOGETOWN, SIOCGPGRP: any descriptor's
SIOCGSTAMP_OLD, SIOCGSTAMPNS_OLD, SIOCADDRT, SIOCRTMSG = 0x8906, 0x8907, 0x890B, 0x890D
_FIRST, _LAST, _PRIVATE = 0x8910, 0x89B1, 0x89F0
_ROUTES = range(SIOCADDRT, SIOCRTMSG + 1)
_PEEK = 2 | 0x20 | 0x40  # MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT
AF_NETLINK = 16


def is_interface(request: int) -> bool:
    """Whether a request is about interfaces, routes or ARP."""
    return _FIRST <= request <= _LAST or _PRIVATE <= request < 0x8A00 or request in _ROUTES


def own_ioctl(layer: EmulatedSockets, call: Call, sock: EmulatedSocket, held: Held) -> Answer:
    """A request on a socket of the run's."""
    request, address = call.args[1:]
    if is_interface(request):
        return interface_ioctl(layer, call, sock.family)
    if request in _OWNER:
        return NATIVE
    if request in (SIOCGSTAMP_OLD, SIOCGSTAMPNS_OLD):  # no time is kept before somebody wants it
        raise Errno(errno.ENOTTY if sock.family == AF_NETLINK else errno.ENOENT)
    if sock.kind == socket.SOCK_STREAM:
        return NATIVE
    if request != FIONREAD or sock.family == AF_NETLINK:
        raise Errno(errno.ENOTTY)
    call.task.write(address, struct.pack("=i", _first_size(held.handle)))
    return Return(0)


def _first_size(handle: int) -> int:
    """The bytes of the next datagram, 0 where there is none (udp(7))."""
    try:
        return hostcalls.recvmsg(handle, 0, 0, _PEEK)[4]
    except Errno:
        return 0


def interface_ioctl(layer: EmulatedSockets, call: Call, family: int) -> Answer:
    from ptrace_net.netdevice.requests import perform
    from ptrace_net.network.refused import Refused

    request, address = call.args[1:]
    netlink = layer.netlink
    try:
        perform(netlink.network, call.task, call.arch, request, address, family, time.monotonic())
    except Refused as error:
        raise Errno(error.number) from None
    netlink.settle()
    netlink.router.announce(time.monotonic())
    return Return(0)
