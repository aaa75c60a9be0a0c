"""ptrace(2) requests, bound once.

Request numbers, register structures and the C entry point come from python-ptrace; what it does not have
(SEIZE, INTERRUPT, LISTEN, GET_SYSCALL_INFO, seccomp events; linux/ptrace.h) is declared here. Every function
raises OSError with the kernel's errno; ESRCH means that the tracee is dying.
"""

from __future__ import annotations

import ctypes
import os
import struct

from ptrace.binding.func import PTRACE_CONT, PTRACE_POKEUSER, PTRACE_SYSCALL
from ptrace.binding.func import PTRACE_DETACH as PTRACE_DETACH
from ptrace.binding.func import PTRACE_GETEVENTMSG as PTRACE_GETEVENTMSG
from ptrace.binding.func import PTRACE_GETREGSET as PTRACE_GETREGSET
from ptrace.binding.func import PTRACE_O_TRACECLONE as PTRACE_O_TRACECLONE
from ptrace.binding.func import PTRACE_O_TRACEEXEC as PTRACE_O_TRACEEXEC
from ptrace.binding.func import PTRACE_O_TRACEFORK as PTRACE_O_TRACEFORK
from ptrace.binding.func import PTRACE_O_TRACESYSGOOD as PTRACE_O_TRACESYSGOOD
from ptrace.binding.func import PTRACE_O_TRACEVFORK as PTRACE_O_TRACEVFORK
from ptrace.binding.func import PTRACE_SETREGSET as PTRACE_SETREGSET

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
PTRACE_LISTEN = 0x4208
PTRACE_GETSIGMASK, PTRACE_SETSIGMASK = 0x420A, 0x420B
PTRACE_GET_SYSCALL_INFO = 0x420E

PTRACE_O_TRACESECCOMP = 1 << 7
PTRACE_O_EXITKILL = 1 << 20

PTRACE_EVENT_FORK, PTRACE_EVENT_VFORK, PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC = 1, 2, 3, 4
PTRACE_EVENT_SECCOMP = 7
PTRACE_EVENT_STOP = 128

NT_PRSTATUS = 1
NT_ARM_SYSTEM_CALL = 0x404

WALL = 0x40000000

EVERY_SIGNAL = (1 << 64) - 1

OP_NONE, OP_ENTRY, OP_EXIT, OP_SECCOMP = 0, 1, 2, 3

_libc = ctypes.CDLL(None, use_errno=True)
_ptrace = _libc.ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_ptrace.restype = ctypes.c_long

_info = ctypes.create_string_buffer(96)
_info_address = ctypes.addressof(_info)
_entry = struct.Struct("=BxxxIQQQ6QI")
_exit = struct.Struct("=24xq")
_message = ctypes.c_ulong()
_message_address = ctypes.addressof(_message)
_mask = ctypes.c_uint64()
_mask_address = ctypes.addressof(_mask)


def request(number: int, tid: int, address: int = 0, data: int = 0) -> None:
    """Make one ptrace request whose answer is not wanted."""
    if _ptrace(number, tid, address, data) < 0:
        errno = ctypes.get_errno()
        raise OSError(errno, os.strerror(errno))


def seize(tid: int, options: int) -> None:
    request(PTRACE_SEIZE, tid, 0, options)


def resume(tid: int, signal: int = 0) -> None:
    """Continue to the next event stop, delivering ``signal``."""
    if _ptrace(PTRACE_CONT, tid, 0, signal) < 0:
        raise ProcessLookupError


def resume_to_exit(tid: int, signal: int = 0) -> None:
    """Continue to the next system call stop: from an entry stop, the exit of the same call."""
    request(PTRACE_SYSCALL, tid, 0, signal)


def poke_user(tid: int, offset: int, value: int) -> None:
    """Write one register in the USER area at byte ``offset``."""
    if _ptrace(PTRACE_POKEUSER, tid, offset, value & 0xFFFFFFFFFFFFFFFF) < 0:
        raise ProcessLookupError


def event_message(tid: int) -> int:
    """The new task's id at a fork or clone event, the former thread id at an exec event."""
    request(PTRACE_GETEVENTMSG, tid, 0, _message_address)
    return _message.value


def syscall_entry(tid: int) -> tuple[int, ...]:
    """``(op, AUDIT_ARCH, ip, sp, nr, arg0 … arg5, ret_data)`` at an entry or seccomp stop.

    At an exit stop the first four count, and ``exit_result`` gives the rest.
    """
    if _ptrace(PTRACE_GET_SYSCALL_INFO, tid, 96, _info_address) < 0:
        raise ProcessLookupError
    return _entry.unpack_from(_info)


def exit_result() -> int:
    """The result of the call whose exit stop ``syscall_entry`` has just looked at; -errno for a failure."""
    result: int = _exit.unpack_from(_info)[0]
    return result


def signal_mask(tid: int) -> int:
    """The signals that the stopped thread blocks, signal n as bit n - 1."""
    request(PTRACE_GETSIGMASK, tid, 8, _mask_address)
    return _mask.value


def set_signal_mask(tid: int, mask: int) -> None:
    _mask.value = mask
    request(PTRACE_SETSIGMASK, tid, 8, _mask_address)


def get_registers(tid: int, note: int, size: int) -> bytearray:
    """The register set ``note`` (NT_*) as bytes, at most ``size`` of them."""
    buffer = bytearray(size)
    _regset(PTRACE_GETREGSET, tid, note, buffer)
    return buffer


def set_registers(tid: int, note: int, data: bytearray) -> None:
    _regset(PTRACE_SETREGSET, tid, note, data)


def _regset(number: int, tid: int, note: int, data: bytearray) -> None:
    view = (ctypes.c_char * len(data)).from_buffer(data)
    iov = struct.pack("=QQ", ctypes.addressof(view), len(data))
    iov_buffer = ctypes.create_string_buffer(iov, len(iov))
    request(number, tid, note, ctypes.addressof(iov_buffer))

