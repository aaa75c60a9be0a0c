"""x86-64, with i386 programs and `int 0x80`: struct user_regs_struct of sys/user.h for all of them."""

from __future__ import annotations

import ctypes

from ptrace.binding.func import PTRACE_GETREGS, PTRACE_SETREGS, ptrace_registers_t

from ptrace_net.abi.arch import I386, X86_64, Arch
from ptrace_net.tracer.binding import poke_user, request

ARCHES = (X86_64, I386)

_ORIG_RAX = ptrace_registers_t.orig_rax.offset
_RAX = ptrace_registers_t.rax.offset
_NO_CALL = 0xFFFFFFFFFFFFFFFF
_INSTRUCTION = 2  # bytes of `syscall`, `sysenter` and `int 0x80`
_MASK = 0xFFFFFFFFFFFFFFFF
# i386's ebx is the low half of rbx.
_ARGUMENTS = {arch.audit: tuple("r" + name.lstrip("re") for name in arch.args) for arch in (I386,)}
_ARGUMENTS[X86_64.audit] = X86_64.args


def answer(tid: int, arch: Arch, value: int) -> None:
    poke_user(tid, _ORIG_RAX, _NO_CALL)
    poke_user(tid, _RAX, value)


def set_result(tid: int, value: int) -> None:
    poke_user(tid, _RAX, value)


def save(tid: int) -> object:
    registers = ptrace_registers_t()
    request(PTRACE_GETREGS, tid, 0, ctypes.addressof(registers))
    return registers


def replace(tid: int, arch: Arch, number: int, args: tuple[int, ...]) -> object:
    saved = save(tid)
    changed = ptrace_registers_t.from_buffer_copy(saved)
    changed.orig_rax = number
    for name, value in zip(_ARGUMENTS[arch.audit], args, strict=False):
        setattr(changed, name, value & _MASK)
    _set(tid, changed)
    return saved


def finish(tid: int, saved: object, value: int) -> None:
    """Put the argument registers back, keep the original call number for a restart, and set the result."""
    registers = ptrace_registers_t.from_buffer_copy(saved)
    registers.rax = value & _MASK
    _set(tid, registers)


def rewind(tid: int, saved: object) -> None:
    registers = ptrace_registers_t.from_buffer_copy(saved)
    registers.rax = registers.orig_rax
    registers.orig_rax = _NO_CALL
    registers.rip -= _INSTRUCTION
    _set(tid, registers)


def _set(tid: int, registers: ctypes.Structure) -> None:
    request(PTRACE_SETREGS, tid, 0, ctypes.addressof(registers))
