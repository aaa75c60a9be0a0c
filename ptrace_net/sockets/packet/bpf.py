"""Classic BPF, as packet filters are written in: linux/filter.h, bpf(4), net/core/filter.c.

A program is checked when it is attached (bpf_check_classic) and run on frames that enter a ring.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_INSTRUCTION = struct.Struct("=HBBI")
_MOST = 4096  # BPF_MAXINSNS
_WORDS = 16  # BPF_MEMWORDS
LD, LDX, ST, STX, ALU, JMP, RET, MISC = range(8)
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1}
_IMM, _ABS, _IND, _MEM, _LEN, _MSH = 0x00, 0x20, 0x40, 0x60, 0x80, 0xA0
_ANCILLARY = 0xFFFFF000  # SKF_AD_OFF: what is not in the frame, and is 0 here
_KNOWN_ANCILLARY = range(0, 65, 4)
_MEMORY = (0x02, 0x03, 0x60, 0x61)
_OPERATIONS = (0x00, 0x10, 0x20, 0x30, 0x40, 0x50, 0x60, 0x70, 0x90, 0xA0)  # ADD to XOR
_CODES = {
    *(operation | source | ALU for operation in _OPERATIONS for source in (0, 8)), 0x84,
    *(mode | size for mode in (_ABS, _IND) for size in _SIZES), 0x80, 0x00, 0x81, 0xB1, 0x01, *_MEMORY, 0x07,
    0x87, 0x06, 0x16, 0x05,
    *(test | source | JMP for test in (0x10, 0x20, 0x30, 0x40) for source in (0, 8)),
}  # fmt: skip


class Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    jt: int
    jf: int
    k: int


def parsed(data: bytes) -> tuple[Instruction, ...] | None:
    """The instructions; None for a program that the kernel would refuse (EINVAL)."""
    if not data or len(data) % _INSTRUCTION.size or len(data) > _MOST * _INSTRUCTION.size:
        return None
    program = tuple(Instruction(*each) for each in _INSTRUCTION.iter_unpack(data))
    good = all(_checked(program, at) for at in range(len(program))) and _stores_first(program)
    return program if good and program[-1].code in (0x06, 0x16) else None


def packed(program: tuple[Instruction, ...]) -> bytes:
    return b"".join(_INSTRUCTION.pack(*each) for each in program)


def _checked(program: tuple[Instruction, ...], at: int) -> bool:
    """Codes are known, jumps stay inside, memory words exist, nothing is divided by a constant 0."""
    code, jt, jf, k = program[at]
    left = len(program) - at - 1
    if code not in _CODES:
        return False
    if code & 7 == JMP:
        return k < left if code == 0x05 else jt < left and jf < left
    if code in _MEMORY:
        return k < _WORDS
    if code in (0x34, 0x94):
        return k != 0
    if code in (0x64, 0x74):
        return k < 32
    ancillary = code in (0x20, 0x28, 0x30) and k >= _ANCILLARY
    return not ancillary or k - _ANCILLARY in _KNOWN_ANCILLARY


def _stores_first(program: tuple[Instruction, ...]) -> bool:
    """No word of memory is loaded before it was stored, on any way (check_load_and_stores)."""
    reached, valid = [0xFFFF] * (len(program) + 1), 0
    for at, (code, jt, jf, k) in enumerate(program):
        valid &= reached[at]
        if code & 7 in (ST, STX):
            valid |= 1 << k
        elif code in (0x60, 0x61) and not valid >> k & 1:
            return False
        elif code & 7 == JMP:
            for jump in (k,) if code == 0x05 else (jt, jf):
                reached[at + 1 + jump] &= valid
            valid = 0xFFFF
    return True


def run(program: tuple[Instruction, ...], data: bytes) -> int:
    """How many bytes of a frame are wanted; 0: none. Loads beyond its end end the program with 0."""
    a = x = at = 0
    memory = [0] * _WORDS
    while at < len(program):
        code, jt, jf, k = program[at]
        at += 1
        kind = code & 7
        if kind == RET:
            return a if code & 0x18 == 0x10 else k
        if kind in (LD, LDX):
            value = _load(code, k, x, data, memory)
            if value is None:
                return 0
            a, x = (value, x) if kind == LD else (a, value)
        elif kind in (ST, STX):
            memory[k] = a if kind == ST else x
        elif kind == ALU:
            result = _compute(code & 0xF0, a, x if code & 8 else k)
            if result is None:
                return 0
            a = result
        elif kind == JMP:
            at += k if code & 0xF0 == 0 else jt if _holds(code & 0xF0, a, x if code & 8 else k) else jf
        else:  # TAX, TXA
            a, x = (x, x) if code & 0x80 else (a, a)
    return 0


def _load(code: int, k: int, x: int, data: bytes, memory: list[int]) -> int | None:
    mode = code & 0xE0
    if mode == _IMM:
        return k
    if mode == _MEM:
        return memory[k]
    if mode == _LEN:
        return len(data)
    if mode == _MSH:  # the length of an IP header
        return (data[k] & 15) * 4 if k < len(data) else None
    if mode == _ABS and k >= _ANCILLARY:
        return 0
    offset, size = (k + x if mode == _IND else k), _SIZES.get(code & 0x18, 0)
    if not size or offset + size > len(data):
        return None
    return int.from_bytes(data[offset : offset + size], "big")


def _compute(operation: int, a: int, b: int) -> int | None:
    if operation in (0x30, 0x90) and not b:
        return None
    results = {
        0x00: lambda: a + b, 0x10: lambda: a - b, 0x20: lambda: a * b, 0x30: lambda: a // b,
        0x40: lambda: a | b, 0x50: lambda: a & b, 0x60: lambda: a << (b & 31),
        0x70: lambda: a >> (b & 31), 0x80: lambda: -a,
        0x90: lambda: a % b, 0xA0: lambda: a ^ b,
    }  # fmt: skip
    found = results.get(operation)
    return None if found is None else found() & 0xFFFFFFFF


def _holds(operation: int, a: int, b: int) -> bool:
    """JEQ, JGT, JGE, JSET."""
    if operation == 0x10:
        return a == b
    if operation == 0x20:
        return a > b
    return a >= b if operation == 0x30 else bool(a & b)
