"""x86-64, with i386 programs and `int 0x80`: struct user_regs_struct of sys/user.h for all of them."""

from __future__ import annotations

import ctypes

from ptrace.binding.func import PTRACE_GETREGS, PTRACE_SETREGS, ptrace_registers_t

from ptrace_net.abi.arch import I386, X86_64, Arch
from ptrace_net.tracer.binding import poke_user, request

ARCHES = (X86_64, I386)

_ORIG_RAX = ptrace_registers_t.orig_rax.offset
_RAX = ptrace_registers_t.rax.offset
_NO_CALL = _MASK = 0xFFFFFFFFFFFFFFFF
_INSTRUCTION = 2  # bytes of `syscall`, `sysenter` and `int 0x80`


def _names(arch: Arch) -> tuple[str, ...]:
    """The registers of the arguments; i386's ebx is the low half of rbx."""
    return tuple(name if arch.word == 8 else "r" + name.removeprefix("e") for name in arch.args)


_ARGUMENTS = {arch.audit: _names(arch) for arch in ARCHES}
# Where the number and the arguments lie in the USER area.
_OFFSETS = {
    audit: (_ORIG_RAX, *(getattr(ptrace_registers_t, name).offset for name in names))
    for audit, names in _ARGUMENTS.items()
}


def answer(tid: int, arch: Arch, value: int) -> None:
    poke_user(tid, _ORIG_RAX, _NO_CALL)
    poke_user(tid, _RAX, value)


def set_result(tid: int, value: int) -> None:
    poke_user(tid, _RAX, value)


def replace(tid: int, arch: Arch, entry: tuple[int, ...], number: int, args: tuple[int, ...]) -> object:
    """Write the registers that differ; ``entry`` is what they held: the number, then the arguments."""
    saved = []
    offsets = _OFFSETS[arch.audit]
    for offset, before, after in zip(offsets, entry, (number, *args), strict=False):
        if before != after:
            poke_user(tid, offset, after)
            saved.append((offset, before))
    return saved


def finish(tid: int, saved: object, value: int) -> None:
    """Put the registers back, the number for a restart by the kernel among them, and set the result."""
    if isinstance(saved, ptrace_registers_t):
        registers = ptrace_registers_t.from_buffer_copy(saved)
        registers.rax = value & _MASK
        _set(tid, registers)
        return
    assert isinstance(saved, list)
    for offset, before in saved:
        poke_user(tid, offset, before)
    poke_user(tid, _RAX, value)


def save(tid: int) -> ptrace_registers_t:
    registers = ptrace_registers_t()
    request(PTRACE_GETREGS, tid, 0, ctypes.addressof(registers))
    return registers


def issue(
    tid: int, arch: Arch, saved: object, number: int, args: tuple[int, ...], *, entry: bool
) -> None:
    registers = ptrace_registers_t.from_buffer_copy(saved)
    for name, value in zip(_ARGUMENTS[arch.audit], args, strict=False):
        setattr(registers, name, value & _MASK)
    if entry:
        registers.orig_rax = number
    else:
        registers.rax, registers.orig_rax = number, _NO_CALL
        registers.rip -= _INSTRUCTION
    _set(tid, registers)


def interrupted(tid: int, audit: int, error: int = 512) -> tuple[int, ...] | None:
    registers = save(tid)
    if registers.rax != -error & _MASK or registers.orig_rax == _NO_CALL:
        return None
    return (registers.orig_rax, *(getattr(registers, name) for name in _ARGUMENTS[audit]))


def rewind(tid: int, saved: object) -> None:
    finish(tid, saved or [], 0)
    registers = save(tid)
    registers.rax = registers.orig_rax
    registers.orig_rax = _NO_CALL
    registers.rip -= _INSTRUCTION
    _set(tid, registers)


def _set(tid: int, registers: ptrace_registers_t) -> None:
    request(PTRACE_SETREGS, tid, 0, ctypes.addressof(registers))
