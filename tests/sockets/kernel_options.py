"""getsockopt(2) and setsockopt(2) of a kernel socket and of ``Options``, asked the same things."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.options import Options, begin
from ptrace_net.syscalls.options import OptionValue
from ptrace_net.syscalls.seam import Errno

Answer = bytes | str  # an errno's name

KINDS = {
    "tcp": (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "tcp6": (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "udp6": (socket.AF_INET6, socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "raw": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "raw_ip": (socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
    "raw6": (socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6),
}
_ROOM = 4096
_libc = ctypes.CDLL(None, use_errno=True)


def _result(result: int) -> str:
    return errno.errorcode[ctypes.get_errno()] if result else ""


class Sockopts(Protocol):
    def set(self, level: int, option: int, data: bytes, length: int, *, null: bool = False) -> str: ...
    def get(self, level: int, option: int, size: int, given: bytes = b"") -> Answer: ...


class Kernel:
    """A socket of the kernel's."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def set(self, level: int, option: int, data: bytes, length: int, *, null: bool = False) -> str:
        buffer = None if null else ctypes.create_string_buffer(data, max(len(data), 1))
        return _result(_libc.setsockopt(self.sock.fileno(), level, option, buffer, length))

    def get(self, level: int, option: int, size: int, given: bytes = b"") -> Answer:
        buffer = ctypes.create_string_buffer(given.ljust(_ROOM, b"\xee"), _ROOM)
        length = ctypes.c_int(size)
        result = _libc.getsockopt(self.sock.fileno(), level, option, buffer, ctypes.byref(length))
        return _result(result) or buffer.raw[: length.value]


class FakeTask:
    """The program: with the capabilities of this process, and without memory."""

    def has_privilege(self, capability: int) -> bool:
        return os.geteuid() == 0

    def read(self, address: int, size: int) -> bytes:
        raise Errno(errno.EFAULT)

    def borrow(self, fd: int) -> int:
        try:
            return os.dup(fd)
        except OSError as error:
            raise Errno(error.errno or 0) from None


class FakeTarget:
    """What a kernel socket, whose options are not touched, says of its state."""

    def __init__(self, twin: socket.socket, protocol: int) -> None:
        self.twin = twin
        self.family, self.kind, self.protocol = int(twin.family), int(twin.type), protocol
        six = self.family == socket.AF_INET6
        self.v6only = six and bool(twin.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
        self.joined: set[tuple[bytes, int]] = set()

    @property
    def local_port(self) -> int:
        return int(self.twin.getsockname()[1])

    @property
    def listening(self) -> bool:
        return bool(self.twin.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

    @property
    def connected(self) -> bool:
        try:
            return bool(self.twin.getpeername())
        except OSError:
            return False

    def take_error(self, handle: int = -1) -> int:
        return self.twin.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def peer_name(self, handle: int = -1) -> bytes:
        return hostcalls.getpeername(self.twin.fileno())

    def path_mtu(self) -> int:
        level, option = (0, 14) if self.family == socket.AF_INET else (41, 24)
        return hostcalls.get_int(self.twin.fileno(), level, option)

    def tcp_info(self, handle: int = -1) -> bytes:
        return hostcalls.getsockopt(self.twin.fileno(), 6, 11, _ROOM)

    def interfaces(self) -> Mapping[int, tuple[str, tuple[bytes, ...]]]:
        loopback = (socket.inet_aton("127.0.0.1"), bytes(15) + b"\1")
        return {index: (name, loopback if name == "lo" else ()) for index, name in socket.if_nameindex()}

    def route(self, address: bytes) -> int:
        return 0

    def uncork(self) -> None:
        return

    def join(self, group: bytes, interface: int) -> None:
        assert (group, interface) not in self.joined
        self.joined.add((group, interface))

    def leave(self, group: bytes, interface: int) -> None:
        self.joined.remove((group, interface))


class Emulated:
    """``Options`` on a backing socket, in the state of ``twin``."""

    def __init__(self, twin: socket.socket, protocol: int) -> None:
        self.target = FakeTarget(twin, protocol)
        stream = self.target.kind == socket.SOCK_STREAM
        self.backing = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM if stream else socket.SOCK_SEQPACKET)
        begin(self.backing.fileno(), self.target.kind)
        self.options = Options(self.target.family, self.target.kind, protocol)

    def set(self, level: int, option: int, data: bytes, length: int, *, null: bool = False) -> str:
        if length < 0:
            return "EINVAL"  # as syscalls.options has it, for every option
        value = OptionValue(b"" if null else data[:length], length, null)
        try:
            self.options.set(self.target, FakeTask(), self.backing.fileno(), level, option, value)  # type: ignore[arg-type]  # a task of which options use little
        except Errno as error:
            return errno.errorcode[error.number]
        return ""

    def get(self, level: int, option: int, size: int, given: bytes = b"") -> Answer:
        given = given.ljust(_ROOM, b"\xee")[: max(size, 0)]
        try:
            return self.options.get(self.target, self.backing.fileno(), level, option, size, given)
        except Errno as error:
            return errno.errorcode[error.number]


class Step(NamedTuple):
    what: str
    value: int
    result: str
    reads: Answer


VALUES = (
    0, 1, -1, 2, 3, 4, 5, 6, 7, 8, 20, 63, 64, 87, 88, 127, 128, 255, 256, 1000, 1152, 4001, 32767, 32768,
    65535, 65536, 100_000, 119_999, 120_000, 200_001, 1 << 20, 1 << 28, (1 << 31) - 1, -(1 << 31),
)  # fmt: skip
LENGTHS = (0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 32, 64, 128, -1)
_SIZES = (0, 1, 2, 3, 4, 5, 8, 12, 16, 20, 32, 64, 256, -1)


def history(sock: Sockopts, level: int, option: int) -> list[Step]:
    """What is answered at first, to every value, to every length, to NULL, and in the end."""
    steps = [Step("get", size, "", sock.get(level, option, size)) for size in _SIZES]
    for value in VALUES:
        data = struct.pack("=ii", value, value & 3) + bytes(120)
        steps.append(Step("set", value, sock.set(level, option, data, 4), sock.get(level, option, 256)))
    data = struct.pack("=ii", 1, 1) + bytes(120)
    for length in LENGTHS:
        result = sock.set(level, option, data, length)
        steps.append(Step("set with length", length, result, sock.get(level, option, 256)))
    for length in (4, 0):
        result = sock.set(level, option, b"", length, null=True)
        steps.append(Step("set NULL", length, result, sock.get(level, option, 256)))
    return steps + [Step("get at last", size, "", sock.get(level, option, size)) for size in _SIZES]
