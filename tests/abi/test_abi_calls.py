"""What explain says of errors, against Linux: each row provokes an error that the page of the call lists."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from ptrace_net.explain.calls import CALLS

_libc = ctypes.CDLL(None, use_errno=True)
BAD = 0xDEAD0000
LOOPBACK = struct.pack("=HH4s8x", socket.AF_INET, 0, b"\x7f\0\0\1")
LOOPBACK6 = struct.pack("=HHI16sI", socket.AF_INET6, 0, 0, bytes(15) + b"\1", 0)


def name_at(port: int) -> bytes:
    return LOOPBACK[:2] + struct.pack(">H", port) + LOOPBACK[4:]


@contextmanager
def stream() -> Iterator[int]:
    with socket.socket() as sock:
        yield sock.fileno()


@contextmanager
def listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        sock.setblocking(False)
        yield sock.fileno()


@contextmanager
def datagram() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield sock.fileno()


def reached(server: socket.socket) -> socket.socket:
    return socket.create_connection(server.getsockname())


@contextmanager
def connected() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server, reached(server) as sock:
        yield sock.fileno()


@contextmanager
def ended() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server, reached(server) as sock:
        sock.setblocking(False)
        sock.shutdown(socket.SHUT_WR)
        yield sock.fileno()


@contextmanager
def bound() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.fileno()


@contextmanager
def local() -> Iterator[int]:
    with socket.socket(socket.AF_UNIX) as sock:
        yield sock.fileno()


@contextmanager
def file() -> Iterator[int]:
    descriptor = os.open("/dev/null", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@contextmanager
def closed() -> Iterator[int]:
    yield 4095


@contextmanager
def pair() -> Iterator[int]:
    left, right = socket.socketpair()
    with closing(left), closing(right):
        left.setblocking(False)
        yield left.fileno()


@contextmanager
def epoll() -> Iterator[int]:
    import select

    with closing(select.epoll()) as made:
        yield made.fileno()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


Arguments = Callable[[int], tuple[object, ...]]
_LENGTH = ctypes.c_uint(16)
_NEGATIVE = ctypes.c_uint(0xFFFFFFFF)
# What epoll_ctl is asked about: a file, which cannot be waited for, and a socket that is in no set.
_REGULAR, _SOCKET = open(__file__), socket.socket()  # noqa: SIM115 - for as long as the tests run
_ROOM = ctypes.create_string_buffer(128)
_NO_SIGNAL = 0x4000

# (call, error, socket, its arguments)
ROWS: list[tuple[str, str, Callable[[], object], Arguments]] = [
    ("socket", "EAFNOSUPPORT", closed, lambda fd: (1234, 1, 0)),
    ("socket", "EPROTONOSUPPORT", closed, lambda fd: (socket.AF_INET, socket.SOCK_STREAM, 17)),
    ("socket", "ESOCKTNOSUPPORT", closed, lambda fd: (socket.AF_INET, 9, 0)),
    ("socket", "EINVAL", closed, lambda fd: (socket.AF_INET, 0x40000001, 0)),
    ("socketpair", "EOPNOTSUPP", closed, lambda fd: (socket.AF_INET, 1, 0, _ROOM)),
    ("socketpair", "EFAULT", closed, lambda fd: (socket.AF_UNIX, 1, 0, BAD)),
    ("bind", "EBADF", closed, lambda fd: (fd, LOOPBACK, 16)),
    ("bind", "ENOTSOCK", file, lambda fd: (fd, LOOPBACK, 16)),
    ("bind", "EINVAL", bound, lambda fd: (fd, LOOPBACK, 16)),
    ("bind", "EINVAL", stream, lambda fd: (fd, LOOPBACK, 15)),
    ("bind", "EADDRNOTAVAIL", stream, lambda fd: (fd, LOOPBACK[:4] + b"\xc6\x33\x64\x01" + bytes(8), 16)),
    ("bind", "EAFNOSUPPORT", stream, lambda fd: (fd, LOOPBACK6, 28)),
    ("bind", "EFAULT", stream, lambda fd: (fd, BAD, 16)),
    ("bind", "ENOENT", local, lambda fd: (fd, b"\1\0/nowhere/at/all\0", 18)),
    ("listen", "EOPNOTSUPP", datagram, lambda fd: (fd, 1)),
    ("listen", "EINVAL", connected, lambda fd: (fd, 1)),
    ("listen", "EINVAL", local, lambda fd: (fd, 1)),
    ("connect", "ECONNREFUSED", stream, lambda fd: (fd, name_at(free_port()), 16)),
    ("connect", "EISCONN", connected, lambda fd: (fd, name_at(1), 16)),
    ("connect", "EAFNOSUPPORT", stream, lambda fd: (fd, LOOPBACK6, 28)),
    ("connect", "EINVAL", stream, lambda fd: (fd, LOOPBACK, 15)),
    ("connect", "EACCES", datagram, lambda fd: (fd, name_at(9)[:4] + b"\xff" * 4 + bytes(8), 16)),
    ("connect", "ENOENT", local, lambda fd: (fd, b"\1\0/nowhere/at/all\0", 18)),
    ("connect", "EFAULT", stream, lambda fd: (fd, BAD, 16)),
    ("accept", "EAGAIN", listener, lambda fd: (fd, None, None)),
    ("accept", "EINVAL", stream, lambda fd: (fd, None, None)),
    ("accept", "EOPNOTSUPP", datagram, lambda fd: (fd, None, None)),
    ("accept4", "EINVAL", listener, lambda fd: (fd, None, None, 1)),
    ("accept4", "EAGAIN", listener, lambda fd: (fd, None, None, 0x800)),
    ("getsockname", "EFAULT", stream, lambda fd: (fd, BAD, ctypes.byref(_LENGTH))),
    ("getsockname", "EINVAL", stream, lambda fd: (fd, _ROOM, ctypes.byref(_NEGATIVE))),
    ("getpeername", "ENOTCONN", stream, lambda fd: (fd, _ROOM, ctypes.byref(_LENGTH))),
    ("shutdown", "ENOTCONN", stream, lambda fd: (fd, 2)),
    ("shutdown", "ENOTCONN", datagram, lambda fd: (fd, 2)),
    ("shutdown", "EINVAL", connected, lambda fd: (fd, 3)),
    ("sendto", "EPIPE", stream, lambda fd: (fd, b"x", 1, _NO_SIGNAL, None, 0)),
    ("sendto", "EPIPE", ended, lambda fd: (fd, b"x", 1, _NO_SIGNAL, None, 0)),
    ("sendto", "EDESTADDRREQ", datagram, lambda fd: (fd, b"x", 1, 0, None, 0)),
    ("sendto", "EMSGSIZE", datagram, lambda fd: (fd, bytes(65508), 65508, 0, name_at(9), 16)),
    ("sendto", "EISCONN", pair, lambda fd: (fd, b"x", 1, 0, b"\1\0name\0", 7)),
    ("sendto", "EACCES", datagram, lambda fd: (fd, b"x", 1, 0, name_at(9)[:4] + b"\xff" * 4 + bytes(8), 16)),
    ("sendto", "EINVAL", datagram, lambda fd: (fd, b"x", 1, 0, LOOPBACK, 15)),
    ("sendto", "EAFNOSUPPORT", datagram, lambda fd: (fd, b"x", 1, 0, LOOPBACK6, 28)),
    ("sendto", "EOPNOTSUPP", datagram, lambda fd: (fd, b"x", 1, socket.MSG_OOB, name_at(9), 16)),
    ("sendto", "EFAULT", pair, lambda fd: (fd, BAD, 1, 0, None, 0)),
    ("recvfrom", "EAGAIN", pair, lambda fd: (fd, _ROOM, 8, 0, None, None)),
    ("recvfrom", "ENOTCONN", stream, lambda fd: (fd, _ROOM, 8, 0, None, None)),
    ("recvfrom", "EINVAL", ended, lambda fd: (fd, _ROOM, 8, socket.MSG_OOB, None, None)),
    ("sendmsg", "EFAULT", pair, lambda fd: (fd, BAD, 0)),
    ("sendmsg", "EMSGSIZE", pair, lambda fd: (fd, struct.pack("=Qi4xQQQQi4x", 0, 0, BAD, 1025, 0, 0, 0), 0)),
    ("recvmsg", "EMSGSIZE", pair, lambda fd: (fd, struct.pack("=Qi4xQQQQi4x", 0, 0, BAD, 1025, 0, 0, 0), 0)),
    ("recvmmsg", "EAGAIN", pair, lambda fd: (fd, ctypes.create_string_buffer(64), 1, 0, None)),
    ("getsockopt", "ENOPROTOOPT", stream, lambda fd: (fd, 1, 9999, _ROOM, ctypes.byref(_LENGTH))),
    ("getsockopt", "EOPNOTSUPP", datagram, lambda fd: (fd, 9999, 1, _ROOM, ctypes.byref(_LENGTH))),
    ("getsockopt", "EINVAL", stream, lambda fd: (fd, 1, 2, _ROOM, ctypes.byref(_NEGATIVE))),
    ("getsockopt", "EFAULT", stream, lambda fd: (fd, 1, 2, BAD, ctypes.byref(_LENGTH))),
    ("setsockopt", "ENOPROTOOPT", stream, lambda fd: (fd, 1, 9999, _ROOM, 4)),
    ("setsockopt", "EINVAL", stream, lambda fd: (fd, 1, 2, _ROOM, 3)),
    ("setsockopt", "EDOM", stream, lambda fd: (fd, 1, 20, struct.pack("=qq", 0, 1 << 30), 16)),
    ("setsockopt", "EFAULT", stream, lambda fd: (fd, 1, 2, BAD, 4)),
    ("ioctl", "ENOTTY", stream, lambda fd: (fd, 0x1234, _ROOM)),
    ("ioctl", "ENODEV", datagram, lambda fd: (fd, 0x8913, ctypes.create_string_buffer(b"nosuchdevice", 40))),
    ("ioctl", "EFAULT", datagram, lambda fd: (fd, 0x8913, BAD)),
    ("fcntl", "EINVAL", stream, lambda fd: (fd, 9999, 0)),
    ("poll", "EFAULT", closed, lambda fd: (BAD, 1, 0)),
    ("epoll_create1", "EINVAL", closed, lambda fd: (1,)),
    ("epoll_ctl", "EPERM", epoll, lambda fd: (fd, 1, _REGULAR.fileno(), _ROOM)),
    ("epoll_ctl", "EINVAL", epoll, lambda fd: (fd, 1, fd, _ROOM)),
    ("epoll_ctl", "ENOENT", epoll, lambda fd: (fd, 2, _SOCKET.fileno(), _ROOM)),
    ("epoll_wait", "EINVAL", epoll, lambda fd: (fd, _ROOM, 0, 0)),
    ("epoll_wait", "EINVAL", stream, lambda fd: (fd, _ROOM, 1, 0)),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "make", "arguments"), ROWS)
def test_the_kernel_gives_the_errors_that_are_listed(
    call: str, error: str, make: Callable[[], object], arguments: Arguments
) -> None:
    assert error in dict(CALLS[call].errors)
    with make() as descriptor:  # type: ignore[attr-defined]
        ctypes.set_errno(0)
        assert getattr(_libc, call)(*arguments(descriptor)) == -1
        assert errno.errorcode[ctypes.get_errno()].replace("ENOTSUP", "EOPNOTSUPP") == error


def test_every_socket_call_has_rows() -> None:
    tried = {row[0] for row in ROWS}
    assert {"bind", "connect", "accept", "sendto", "recvfrom", "getsockopt", "setsockopt", "socket"} <= tried
    assert len(ROWS) > 60
