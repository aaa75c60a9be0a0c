"""A program that strace watches: it makes socket calls from bytes it knows, and writes those bytes down.

``python abi_corpus.py FILE`` leaves one JSON object per call in FILE, in the order of the calls:
``{"call": ..., "name"|"value"|"control": hex, ...}``. Traffic goes to loopback only.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import struct
import sys
from typing import Any

from ptrace_net.abi.cmsg import build_control
from ptrace_net.abi.msghdr import iovec, msghdr
from ptrace_net.abi.sockaddr import sockaddr_in, sockaddr_in6, sockaddr_ll, sockaddr_nl, sockaddr_vm
from ptrace_net.abi.sockopt import OPTIONS

_libc = ctypes.CDLL(None, use_errno=True)
_records: list[dict[str, Any]] = []

# How to make a socket that has an option of each scope.
SOCKETS = {
    "any": (socket.AF_INET, socket.SOCK_STREAM, 0), "inet": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "ip": (socket.AF_INET, socket.SOCK_DGRAM, 0), "inet6": (socket.AF_INET6, socket.SOCK_DGRAM, 0),
    "stream6": (socket.AF_INET6, socket.SOCK_STREAM, 0), "tcp": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, 0),
    "raw": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP),
    "icmp": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "raw6": (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_UDP),
    "icmp6": (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
    "unix": (socket.AF_UNIX, socket.SOCK_STREAM, 0), "packet": (socket.AF_PACKET, socket.SOCK_RAW, 0),
    "netlink": (socket.AF_NETLINK, socket.SOCK_RAW, 0), "connected": (socket.AF_INET, socket.SOCK_STREAM, 0),
    "vsock": (socket.AF_VSOCK, socket.SOCK_STREAM, 0),
}  # fmt: skip

LOOPBACK6 = bytes(15) + b"\1"
ADDRESSES = (
    sockaddr_in.build((socket.AF_INET, 8080, bytes([127, 0, 0, 1]))),
    sockaddr_in.build((socket.AF_INET, 0, bytes(4))),
    sockaddr_in6.build((socket.AF_INET6, 443, 0x12345, LOOPBACK6, 0)),
    sockaddr_in6.build((socket.AF_INET6, 0, 0, bytes(10) + b"\xff\xff\x7f\0\0\1", 7)),
    sockaddr_nl.build((socket.AF_NETLINK, 4711, 0x11)),
    sockaddr_ll.build((socket.AF_PACKET, 0x0800, 1, 1, 0, 6, b"\2\0\0\0\0\1\0\0")),
    sockaddr_vm.build((socket.AF_VSOCK, 0, 1234, 2, 0)),
    struct.pack("=H", socket.AF_UNIX) + b"/tmp/nobody/listens/here\0",
    struct.pack("=H", socket.AF_UNIX) + b"\0an abstract name",
    struct.pack("=H", socket.AF_UNSPEC) + bytes(14),
)
SET = (
    (1, 13, struct.pack("=ii", 1, 5)), (1, 20, struct.pack("=qq", 3, 250000)), (1, 2, struct.pack("=i", 1)),
    (6, 1, struct.pack("=i", 1)), (0, 35, bytes([224, 0, 0, 251]) + bytes(4) + struct.pack("=i", 1)),
    (0, 1, struct.pack("=i", 16)), (41, 26, struct.pack("=i", 1)), (41, 20, LOOPBACK6 + struct.pack("=i", 1)),
    (1, 25, b"lo\0"), (270, 1, struct.pack("=i", 1)),
)  # fmt: skip


def record(call: str, result: int, **known: Any) -> None:
    shown = {key: value.hex() if isinstance(value, bytes) else value for key, value in known.items()}
    _records.append({"call": call, "result": result, **shown})


def addresses() -> None:
    """connect with every address, on a socket of another family: only the decoding counts."""
    for name in ADDRESSES:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            record("connect", _libc.connect(sock.fileno(), name, len(name)), name=name)


def options() -> None:
    for level, number, value in SET:
        with socket.socket() as sock:
            result = _libc.setsockopt(sock.fileno(), level, number, value, len(value))
            record("setsockopt", result, level=level, number=number, value=value)
    for (level, number), option in OPTIONS.items():
        if "r" in option.access and option.scope in SOCKETS:
            _read(level, number, *SOCKETS[option.scope])


def _read(level: int, number: int, *kind: int) -> None:
    try:
        sock = socket.socket(*kind)
    except OSError:  # no permission for raw sockets, or no such family here
        return
    value, length = ctypes.create_string_buffer(1024), ctypes.c_uint(1024)
    with sock:
        result = _libc.getsockopt(sock.fileno(), level, number, value, ctypes.byref(length))
    known = {"level": level, "number": number, "value": value.raw[: length.value]}
    record("getsockopt", result, **known, errno=ctypes.get_errno() if result else 0)


def _message(data: Any, control: Any, size: int) -> tuple[Any, Any]:
    vector = ctypes.create_string_buffer(iovec.build((ctypes.addressof(data), 1)))
    values = (0, 0, ctypes.addressof(vector), 1, ctypes.addressof(control), size, 0)
    return ctypes.create_string_buffer(msghdr.build(values)), vector


def _send(sock: socket.socket, control: bytes) -> None:
    buffer = ctypes.create_string_buffer(control, len(control))
    message, _vector = _message(ctypes.create_string_buffer(b"x"), buffer, len(control))
    record("sendmsg", _libc.sendmsg(sock.fileno(), message, 0), control=control)


def _receive(sock: socket.socket, flags: int = 0) -> None:
    buffer = ctypes.create_string_buffer(512)
    message, _vector = _message(ctypes.create_string_buffer(8), buffer, 512)
    result = _libc.recvmsg(sock.fileno(), message, flags)
    size = msghdr.parse(message.raw[:56]).msg_controllen
    record("recvmsg", result, control=buffer.raw[:size])


def control() -> None:
    """Control messages of local, IPv4 and IPv6 sockets, and of an error queue."""
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    right.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    credentials = struct.pack("=III", os.getpid(), os.getuid(), os.getgid())
    _send(left, build_control(((1, 1, struct.pack("=ii", 0, 1)), (1, 2, credentials))))
    _receive(right)
    for family, host, wanted in (
        (socket.AF_INET, "127.0.0.1", ((0, 8), (0, 12), (0, 13), (1, 35), (0, 11))),
        (socket.AF_INET6, "::1", ((41, 49), (41, 51), (41, 66), (1, 29), (41, 25))),
    ):
        _datagram(family, host, wanted)


def _datagram(family: int, host: str, wanted: tuple[tuple[int, int], ...]) -> None:
    with socket.socket(family, socket.SOCK_DGRAM) as sock, socket.socket(family, socket.SOCK_DGRAM) as peer:
        for level, number in wanted:
            sock.setsockopt(level, number, 1)
        sock.bind((host, 0))
        peer.bind((host, 0))
        peer.sendto(b"x", sock.getsockname())
        _receive(sock)
        sock.connect(peer.getsockname())
        peer.close()
        sock.send(b"y")
        _receive(sock, socket.MSG_ERRQUEUE)


if __name__ == "__main__":
    addresses()
    options()
    control()
    with open(sys.argv[1], "w") as file:
        file.writelines(json.dumps(each) + "\n" for each in _records)
