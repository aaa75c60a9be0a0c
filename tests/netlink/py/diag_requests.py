"""Bent requests to NETLINK_SOCK_DIAG, the same ones each time: what errnos come, or how the answer ends.

Without raw sockets and SOCK_DESTROY, which not every kernel is built with.
"""

import random
import socket
import struct

NETLINK_SOCK_DIAG, BY_FAMILY, OLD_TCP, OLD_DCCP = 4, 20, 18, 19
NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, MULTI = 1, 2, 3, 2
LAST = 0x10000  # beyond the sequence numbers of the questions
REQUEST, ACK, DUMP = 1, 4, 0x300

rng = random.Random(4)
sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG)
sock.settimeout(20)


def inet(family: int, protocol: int) -> bytes:
    return struct.pack("=BBBBI", family, protocol, 0, 0, 0xFFFFFFFF) + bytes(40) + b"\xff" * 8


def unix() -> bytes:
    return struct.pack("=BBHIII", 1, 0, 0, 0xFFFFFFFF, 0, 0) + b"\xff" * 8


def bent(body: bytes) -> bytes:
    data = bytearray(body)
    for _ in range(rng.randint(0, 3)):
        data[rng.randrange(len(data))] = rng.choice((0, 1, 2, 6, 10, 17, 0x7F, 0xFE))
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


def answer(last: int) -> str:
    """How the answer ends: an error, the end of a dump, or nothing before what was asked ``last`` is
    answered, but for the rest of a dump. What is found in between differs by machine.
    """
    end, found, more, over = "", False, False, False
    while more or not over:
        data = sock.recv(1 << 17)
        while len(data) >= 16:
            length, kind, flags, sequence = struct.unpack_from("=IHHI", data)
            if sequence == last:
                over = True
            elif kind in (NLMSG_ERROR, NLMSG_DONE):
                name = "error" if kind == NLMSG_ERROR else "done"
                end = end or f"{name} {struct.unpack_from('=i', data, 16)[0]}"
                more = False
            else:
                found, more = True, bool(flags & MULTI)
            data = data[(length + 3) & ~3 :]
    return end or ("objects" if found else "silence")


for turn in range(250):
    body = bent(rng.choice((inet(2, 6), inet(10, 6), inet(2, 17), inet(10, 17), unix())))
    kind = rng.choice((BY_FAMILY, BY_FAMILY, BY_FAMILY, OLD_TCP, OLD_DCCP, 22, 17))
    flags = REQUEST | rng.choice((ACK, DUMP, DUMP, 0))
    length = 16 + len(body) if rng.random() < 0.9 else rng.choice((0, 15, 16, 17, 4096))
    sock.send(struct.pack("=IHHII", length, kind, flags, turn, 0) + body)
    sock.send(struct.pack("=IHHII", 16, NLMSG_NOOP, REQUEST | ACK, LAST + turn, 0))
    print(turn, kind, hex(flags), body[:4].hex(), len(body), answer(LAST + turn))
