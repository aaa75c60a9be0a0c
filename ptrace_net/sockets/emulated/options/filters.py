"""SO_ATTACH_FILTER and its relatives (net/core/filter.c): checked by the kernel, kept, read back.

A filter of a TCP or UDP socket sees headers that the packets between two programs of a run do not have, so
that it is not applied (docs/limitations.md).
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct

from ptrace_net.sockets import hostcalls
from ptrace_net.sockets.emulated.options.model import Ask
from ptrace_net.syscalls.seam import Errno
from ptrace_net.syscalls.special import Counted

LEVEL = socket.SOL_SOCKET
REUSEPORT, ATTACH_FILTER, LOCK_FILTER, ATTACH_BPF, ATTACH_TO_GROUP = 15, 26, 44, 50, 51
_FPROG = struct.Struct("=H6xQ")  # struct sock_fprog of a 64-bit program
_INSTRUCTION = 8
_MOST_INSTRUCTIONS = 4096
_EBPF = b"ebpf"  # kept for a program that only the kernel has


def attach(ask: Ask, number: int) -> int:
    ask.options.keep_blob(LEVEL, ATTACH_FILTER, _program(ask))
    return 0


def attach_program(ask: Ask, number: int) -> int:
    """A descriptor of bpf(2): whether it is one is for the kernel to say."""
    if ask.new.length != 4 or ask.task is None:
        raise Errno(errno.EINVAL)
    _demand_unlocked(ask)
    borrowed = ask.task.borrow(number)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as scratch:
            hostcalls.set_int(scratch.fileno(), LEVEL, ATTACH_BPF, borrowed)
    finally:
        os.close(borrowed)
    if ask.option != ATTACH_BPF:
        _demand_group(ask)
        ask.options.keep_blob(LEVEL, ATTACH_TO_GROUP, _EBPF)
        return 0
    ask.options.keep_blob(LEVEL, ATTACH_FILTER, _EBPF)
    return 0


def attach_to_group(ask: Ask, number: int) -> int:
    program = _program(ask)
    _demand_group(ask)
    ask.options.keep_blob(LEVEL, ATTACH_TO_GROUP, program)
    return 0


def detach_from_group(ask: Ask, number: int) -> int:
    _demand_group(ask)
    if not ask.options.blob(LEVEL, ATTACH_TO_GROUP):
        raise Errno(errno.ENOENT)
    ask.options.keep_blob(LEVEL, ATTACH_TO_GROUP, b"")
    return 0


def detach(ask: Ask, number: int) -> int:
    _demand_unlocked(ask)
    if not ask.options.blob(LEVEL, ATTACH_FILTER):
        raise Errno(errno.ENOENT)
    ask.options.keep_blob(LEVEL, ATTACH_FILTER, b"")
    return 0


def lock(ask: Ask, number: int) -> int:
    if ask.kept() and not number:
        raise Errno(errno.EPERM)
    return number


def read(ask: Ask) -> bytes:
    """SO_GET_FILTER counts in instructions: without room it says how many there are."""
    program = ask.options.blob(LEVEL, ATTACH_FILTER)
    if program == _EBPF:
        raise Errno(errno.EACCES)
    count = len(program) // _INSTRUCTION
    if ask.size and ask.size < count:
        raise Errno(errno.EINVAL)
    answer = Counted(program if ask.size else b"")
    answer.told = count
    return answer


def _demand_unlocked(ask: Ask) -> None:
    if ask.options.number(LEVEL, LOCK_FILTER, 0):
        raise Errno(errno.EPERM)


def _demand_group(ask: Ask) -> None:
    if not ask.options.number(LEVEL, REUSEPORT, 0):
        raise Errno(errno.EINVAL)


def _program(ask: Ask) -> bytes:
    """The instructions, which a socket of ours has taken."""
    if ask.new.length != _FPROG.size:
        raise Errno(errno.EINVAL)
    count, address = _FPROG.unpack(ask.new.first(_FPROG.size))
    _demand_unlocked(ask)
    if ask.task is None or not address or not 0 < count <= _MOST_INSTRUCTIONS:
        raise Errno(errno.EINVAL)
    program = ask.task.read(address, count * _INSTRUCTION)
    held = ctypes.create_string_buffer(program, len(program))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as scratch:
        prog = _FPROG.pack(count, ctypes.addressof(held))
        hostcalls.setsockopt(scratch.fileno(), LEVEL, ATTACH_FILTER, prog)
    return program
