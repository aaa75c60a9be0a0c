"""aarch64: struct user_pt_regs and the system call number in a register set of its own (asm/ptrace.h, elf.h).
"""

from __future__ import annotations

import struct

from ptrace_net.abi.arch import AARCH64, Arch
from ptrace_net.tracer.binding import NT_ARM_SYSTEM_CALL, NT_PRSTATUS, get_registers, set_registers

ARCHES = (AARCH64,)

_SIZE = 34 * 8  # x0 … x30, sp, pc, pstate
_X8, _PC = 8 * 8, 32 * 8
_INSTRUCTION = 4  # bytes of `svc`
_MASK = 0xFFFFFFFFFFFFFFFF


def answer(tid: int, arch: Arch, value: int) -> None:
    _set_number(tid, -1)
    set_result(tid, value)


def set_result(tid: int, value: int) -> None:
    registers = _get(tid)
    struct.pack_into("=Q", registers, 0, value & _MASK)
    set_registers(tid, NT_PRSTATUS, registers)


def _get(tid: int) -> bytearray:
    return get_registers(tid, NT_PRSTATUS, _SIZE)


def replace(
    tid: int, arch: Arch, entry: tuple[int, ...], number: int, args: tuple[int, ...]
) -> bytearray:
    saved = _get(tid)
    issue(tid, arch, saved, number, args, entry=True)
    return saved


save = _get


def issue(
    tid: int, arch: Arch, saved: object, number: int, args: tuple[int, ...], *, entry: bool
) -> None:
    assert isinstance(saved, bytearray)
    registers = bytearray(saved)
    for index, value in enumerate(args):
        struct.pack_into("=Q", registers, 8 * index, value & _MASK)
    if not entry:
        struct.pack_into("=Q", registers, _X8, number)
        (pc,) = struct.unpack_from("=Q", registers, _PC)
        struct.pack_into("=Q", registers, _PC, pc - _INSTRUCTION)
    set_registers(tid, NT_PRSTATUS, registers)
    if entry:
        _set_number(tid, number)


def finish(tid: int, saved: bytearray, value: int) -> None:
    registers = bytearray(saved)
    struct.pack_into("=Q", registers, 0, value & _MASK)
    set_registers(tid, NT_PRSTATUS, registers)


def interrupted(tid: int, audit: int, error: int = 512) -> tuple[int, ...] | None:
    """The kernel has wound the registers back already (do_signal), so that nobody can tell."""
    return None


def rewind(tid: int, saved: bytearray | None) -> None:
    """x8 still holds the number; x0 is the first argument again, and the instruction is executed anew."""
    registers = bytearray(saved or _get(tid))
    (pc,) = struct.unpack_from("=Q", registers, _PC)
    struct.pack_into("=Q", registers, _PC, pc - _INSTRUCTION)
    set_registers(tid, NT_PRSTATUS, registers)


def _set_number(tid: int, number: int) -> None:
    set_registers(tid, NT_ARM_SYSTEM_CALL, bytearray(struct.pack("=i", number)))
