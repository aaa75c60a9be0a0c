"""What waits in sockets, by inode: AF_UNIX from sock_diag(7), others of the host from /proc/net (proc(5))."""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from contextlib import suppress
from typing import NamedTuple, TypeAlias

Queues: TypeAlias = tuple[int, int]  # received, to be sent
_FIONREAD = 0x541B
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR, _NLMSG_DONE = 20, 2, 3
_REQUEST_DUMP, _ALL_STATES, _UDIAG_SHOW_RQLEN, _UNIX_DIAG_RQLEN = 0x301, 0xFFFFFFFF, 0x10, 4
_NETLINK_SOCK_DIAG = 4
_HEADER, _MESSAGE, _ATTRIBUTE = struct.Struct("=IHHII"), struct.Struct("=BBBBI8s"), struct.Struct("=HH")
_UNIX_DIAG_REQ, _RQLEN = struct.Struct("=BBHIII8s"), struct.Struct("=II")
_STATES = (
    "", "ESTAB", "SYN-SENT", "SYN-RECV", "FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "UNCONN", "CLOSE-WAIT",
    "LAST-ACK", "LISTEN", "CLOSING",
)  # fmt: skip
_TABLES = (
    ("tcp", "tcp", socket.AF_INET), ("tcp", "tcp6", socket.AF_INET6),
    ("udp", "udp", socket.AF_INET), ("udp", "udp6", socket.AF_INET6),
)  # fmt: skip


class HostRow(NamedTuple):
    """A TCP or UDP socket of the host's kernel."""

    netid: str
    family: int
    state: str
    local: tuple[bytes, int]
    peer: tuple[bytes, int]
    queues: Queues


def unread(fd: int) -> int | None:
    """FIONREAD of a descriptor of ours; None when it is closed."""
    word = bytearray(4)
    try:
        fcntl.ioctl(fd, _FIONREAD, word)
    except (OSError, ValueError):
        return None
    return int.from_bytes(word, "little")


def unix_queues() -> dict[int, Queues]:
    """Those of every AF_UNIX socket; empty where the kernel has no unix_diag."""
    body = _UNIX_DIAG_REQ.pack(socket.AF_UNIX, 0, 0, _ALL_STATES, 0, _UDIAG_SHOW_RQLEN, b"\xff" * 8)
    found: dict[int, Queues] = {}
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as link:
            link.settimeout(1)
            header = _HEADER.pack(_HEADER.size + len(body), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 0, 0)
            link.send(header + body)
            while _gather(link.recv(1 << 17), found):
                continue
    except OSError:
        return {}
    return found


def _gather(data: bytes, found: dict[int, Queues]) -> bool:
    """Take the messages of one part of a dump; whether more are to come."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, *_ = _HEADER.unpack_from(data, offset)
        if kind in (_NLMSG_DONE, _NLMSG_ERROR):
            return False
        inode = _MESSAGE.unpack_from(data, offset + _HEADER.size)[4]
        at, end = offset + _HEADER.size + _MESSAGE.size, offset + length
        while at + _ATTRIBUTE.size <= end:
            size, name = _ATTRIBUTE.unpack_from(data, at)
            if name == _UNIX_DIAG_RQLEN:
                received, sent = _RQLEN.unpack_from(data, at + _ATTRIBUTE.size)
                found[inode] = (received, sent)
            at += max((size + 3) & ~3, _ATTRIBUTE.size)
        offset += (length + 3) & ~3
    return True


def host_rows() -> dict[int, HostRow]:
    """The TCP and UDP sockets of our network namespace."""
    found: dict[int, HostRow] = {}
    for netid, name, family in _TABLES:
        with suppress(OSError), open(f"/proc/{os.getpid()}/net/{name}") as table:
            next(table, None)
            for line in table:
                words = line.split()
                sent, _, received = words[4].partition(":")
                found[int(words[9])] = HostRow(
                    netid, family, _STATES[int(words[3], 16)], _name(words[1]), _name(words[2]),
                    (int(received, 16), int(sent, 16)),
                )  # fmt: skip
    return found


def _name(text: str) -> tuple[bytes, int]:
    """``0100007F:1F90``: 32-bit words in the machine's order."""
    digits, _, port = text.partition(":")
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return struct.pack(f"={len(words)}I", *words), int(port, 16)
