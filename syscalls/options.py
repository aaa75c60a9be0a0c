"""getsockopt(2) and setsockopt(2): lengths and copying; what an option means is the provider's."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.syscalls.memory import read_int, write_int
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Return
from ptrace_net.syscalls.special import Counted

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Held, Sockets

_LONGEST = 1 << 16  # no option that a provider answers has a longer value
_INT = struct.Struct("=i")
# (level, option): getsockopt(2) asks with what lies in the buffer. IP_MSFILTER, MCAST_MSFILTER of either
# level, IPV6_FLOWLABEL_MGR, TCP_ZEROCOPY_RECEIVE.
ASKING = frozenset({(0, 41), (0, 48), (41, 48), (41, 32), (6, 35)})
_PROGRAMS = {(1, 26), (1, 51)}  # SO_ATTACH_FILTER, SO_ATTACH_REUSEPORT_CBPF
_FPROG32, _FPROG64 = struct.Struct("=H2xI"), struct.Struct("=H6xQ")
_PACKET_HDRLEN = (263, 11)
_GROUP_OPTIONS = range(42, 49)  # MCAST_JOIN_GROUP to MCAST_MSFILTER: structures that begin alike


class OptionValue:
    """What setsockopt(2) was given: ``data`` is what can be read of ``length`` bytes."""

    __slots__ = ("data", "length", "null")

    def __init__(self, data: bytes, length: int, null: bool = False) -> None:
        self.data = data
        self.length = length
        self.null = null

    def first(self, size: int) -> bytes:
        """The first ``size`` bytes; Errno(EINVAL) where fewer were given, EFAULT where they are not there."""
        if self.length < size:
            raise Errno(errno.EINVAL)
        if len(self.data) < size:
            raise Errno(errno.EFAULT)
        return self.data[:size]

    def integer(self) -> int:
        """As IPPROTO_IPV6 reads it: 0 for NULL and for what is shorter than an int."""
        if self.null or self.length < _INT.size:
            return 0
        value: int = _INT.unpack(self.first(_INT.size))[0]
        return value


def setsockopt(call: Call, sockets: Sockets) -> Answer:
    fd, level, option, address, length = call.args
    with sockets.find(call.task, fd) as held:
        if held is None:
            return NATIVE
        if length < 0:
            raise Errno(errno.EINVAL)
        if not held.sock.serves(level, option):
            return NATIVE
        value = OptionValue(call.task.read_up_to(address, min(length, _LONGEST)), length, not address)
        if call.arch.word == 4 and (level, option) in _PROGRAMS:
            value = _widened_program(value)
        elif call.arch.word == 4 and option in _GROUP_OPTIONS:
            value = _widened(value)
        return held.sock.set_option(call.task, held.handle, level, option, value)


def getsockopt(call: Call, sockets: Sockets) -> Answer:
    fd, level, option, address, length_address = call.args
    with sockets.find(call.task, fd) as held:
        if held is None or not held.sock.serves(level, option):
            return NATIVE
        size = read_int(call.task, call.arch, length_address)
        if (level, option) == _PACKET_HDRLEN:
            return _header_length(call, held, address)
        if (level, option) in ASKING:
            given = call.task.read_up_to(address, min(max(size, 0), _LONGEST))
            value = held.sock.get_asked(held.handle, level, option, size, given)
        else:
            value = held.sock.get_option(held.handle, level, option, size)
    if value is None:
        return NATIVE
    length = value.told if isinstance(value, Counted) else len(value)
    write_int(call.task, call.arch, length_address, length)
    call.task.write(address, value)
    return Return(0)


def _widened_program(value: OptionValue) -> OptionValue:
    """struct sock_fprog as a 64-bit program has it."""
    if value.length != _FPROG32.size or len(value.data) < _FPROG32.size:
        return OptionValue(value.data, min(value.length, _FPROG32.size), value.null)
    return OptionValue(_FPROG64.pack(*_FPROG32.unpack(value.data)), _FPROG64.size)


def _header_length(call: Call, held: Held, address: int) -> Answer:
    """The one option whose value says what is asked about."""
    told = getattr(held.sock, "header_length", None)
    if told is None:
        raise Errno(errno.ENOPROTOOPT)
    write_int(call.task, call.arch, address, told(read_int(call.task, call.arch, address)))
    return Return(0)


def _widened(value: OptionValue) -> OptionValue:
    """group_req and its relatives with the hole that a 64-bit program's alignment leaves after the index."""
    if value.length < 4:
        return value
    return OptionValue(value.data[:4] + bytes(4) + value.data[4:], value.length + 4, value.null)
