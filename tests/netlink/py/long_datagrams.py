"""Datagrams of about the greatest length, by every IPV6_MTU_DISCOVER: what sending says, and the queue."""

import itertools
import os
import socket

IPPROTO_IPV6, MTU_DISCOVER, RECVERR = 41, 23, 25
MSG_ERRQUEUE, MSG_DONTWAIT = 0x2000, 0x40
DONT, WANT, DO, PROBE = range(4)


def told(call, *arguments: object) -> object:
    try:
        return call(*arguments)
    except OSError as error:
        return os.strerror(error.errno)


def queued(sock: socket.socket) -> object:
    data, control, flags, name = sock.recvmsg(100, 200, MSG_ERRQUEUE | MSG_DONTWAIT)
    return data, [(level, kind, value.hex()) for level, kind, value in control], flags, name


def sent(address: str, how: int, asked: bool, size: int) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(IPPROTO_IPV6, MTU_DISCOVER, how)
        sock.setsockopt(IPPROTO_IPV6, RECVERR, asked)
        said = told(sock.sendto, bytes(size), (address, 9))
        print(address, how, asked, size, said, told(queued, sock) if isinstance(said, str) else "")


LENGTHS = (65527, 65528, 70000)
for each in itertools.product(("::1", "fec0::2"), (DONT, WANT, DO, PROBE), (False, True), LENGTHS):
    sent(*each)
for length in (65507, 65508, 65527, 65528):
    sent("::ffff:127.0.0.1", WANT, False, length)
