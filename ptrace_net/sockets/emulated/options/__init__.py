"""The socket options of the stack provider: a row per (level, option); socket(7), ip(7), ipv6(7), tcp(7).

``Options`` is what one socket keeps. A level is a module, imported when a program first uses it, with ``set``
and ``get``; ``model`` says what a row is. Most of SOL_SOCKET is set on the backing socket itself, where the
kernel treats it as on an AF_INET socket: what ``native`` lists needs no stop at all.
"""

from __future__ import annotations

import errno
import socket
from importlib import import_module
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.options.model import DGRAM, RAW, STREAM, Ask, fitted, key, read_int
from ptrace_net.sockets.emulated.options.native import NATIVE_GET, NATIVE_SET, Inheritance, begin
from ptrace_net.sockets.emulated.options.target import Target
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from types import ModuleType

    from ptrace_net.sockets.emulated.options.groups import Groups
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Task

IP, IPV6, TCP, UDP, UDPLITE, ICMPV6, SOL_RAW = 0, 41, 6, 17, 136, 58, 255
_MODULES = {
    socket.SOL_SOCKET: "base",
    IP: "ip",
    IPV6: "ipv6",
    TCP: "tcp",
    UDP: "udp",
    UDPLITE: "udp",
    SOL_RAW: "raw",
    ICMPV6: "raw",
}
_PROTOCOLS = {STREAM: TCP, DGRAM: UDP}
_loaded: dict[int, ModuleType] = {}


class Options:
    """The options of one socket; nothing is kept until the first one is set."""

    __slots__ = ("blobs", "family", "groups", "kind", "protocol", "route_lost", "values")

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self.family = family
        self.kind = kind
        self.protocol = protocol or _PROTOCOLS.get(kind, 0)
        self.route_lost = False  # another traffic class was set: no path MTU until the next datagram leaves
        self.values: dict[int, int] | None = None
        self.blobs: dict[int, bytes] | None = None
        self.groups: Groups | None = None

    def copy(self) -> Options:
        """What an accepted socket inherits: all but the memberships."""
        other = Options(self.family, self.kind, self.protocol)
        if self.values is not None:
            other.values = dict(self.values)
        if self.blobs is not None:
            other.blobs = dict(self.blobs)
        return other

    def set(
        self, target: Target, task: Task, handle: int, level: int, option: int, value: OptionValue
    ) -> None:
        """setsockopt(2); raises ``Errno``."""
        if level == TCP and self.kind == STREAM:
            row = _module(TCP).PLAIN.get(option)
            if row is not None:  # set for each connection, or each message: TCP_NODELAY, TCP_CORK
                self.keep(level, option, fitted(row, read_int(value)))
                return
        if not self.has(level):
            raise Errno(errno.ENOPROTOOPT)
        _module(level).set_option(Ask(self, target, task, handle, level, option, value))

    def get(
        self, target: Target, handle: int, level: int, option: int, size: int, given: bytes = b""
    ) -> bytes:
        """getsockopt(2): at most ``size`` bytes; raises ``Errno``. ``given`` lies in the buffer before."""
        self.check_readable(level)
        ask = Ask(self, target, None, handle, level, option, None, size, given)
        answer: bytes = _module(level).get_option(ask)
        return answer

    def check_readable(self, level: int) -> None:
        """The errno for reading an option of a level that the socket does not have, before all others."""
        if not self.has(level):
            raise Errno(errno.EOPNOTSUPP if self.family == socket.AF_INET else errno.ENOPROTOOPT)

    def value(self, level: int, option: int) -> int:
        """The number of an integer option, for the provider; not for those in ``NATIVE_SET``, which only the
        backing socket knows. IP_MULTICAST_IF: the interface's index.
        """
        kept = None if self.values is None else self.values.get(key(level, option))
        if kept is not None:
            return kept
        default: int = _module(level).default_of(self, option)
        return default

    def number(self, level: int, option: int, default: int) -> int:
        return default if self.values is None else self.values.get(key(level, option), default)

    def keep(self, level: int, option: int, number: int) -> None:
        if self.values is None:
            self.values = {}
        self.values[key(level, option)] = number

    def blob(self, level: int, option: int) -> bytes:
        """The bytes of an option that is no integer; none at first."""
        return b"" if self.blobs is None else self.blobs.get(key(level, option), b"")

    def keep_blob(self, level: int, option: int, data: bytes) -> None:
        if self.blobs is None:
            self.blobs = {}
        self.blobs[key(level, option)] = data

    def has(self, level: int) -> bool:
        """Whether the socket's protocol hands the level on to somebody."""
        if level == socket.SOL_SOCKET:
            return True
        if level == TCP:
            return self.kind == STREAM
        if level == IP:
            return self.family == socket.AF_INET or self.kind != RAW
        if level in (IPV6, ICMPV6):
            return self.family == socket.AF_INET6 and (level == IPV6 or self.kind == RAW)
        if level in (UDP, UDPLITE):
            return self.kind == DGRAM and self.protocol in (UDP, UDPLITE)
        return level == SOL_RAW and self.kind == RAW


def _module(level: int) -> ModuleType:
    module = _loaded.get(level)
    if module is None:
        module = _loaded[level] = import_module(f"{__name__}.{_MODULES[level]}")
    return module


__all__ = ["NATIVE_GET", "NATIVE_SET", "Inheritance", "Options", "Target", "begin"]
