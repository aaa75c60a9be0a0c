"""From registers to a ``Call``: the architecture first, then the number, then socketcall(2) taken apart."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptrace_net.abi.arch import SOCKETCALL
from ptrace_net.syscalls.seam import Call
from ptrace_net.syscalls.table import ARGUMENTS, Converter, converter, typed

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.seam import Task


class Decoder:
    """Calls of any of ``arches``, which a 64-bit program may mix."""

    def __init__(self, arches: Iterable[Arch]) -> None:
        self._arches = {arch.audit: arch for arch in arches}
        self._known: dict[int, tuple[Arch, str, Converter]] = {}  # 64-bit calls that were made, by code

    def call(self, task: Task, code: int, registers: tuple[int, ...]) -> Call | None:
        """The call that ``code`` means; None for one that nobody describes."""
        known = self._known.get(code)
        if known is not None:
            arch, name, convert = known
            return Call(task, arch, name, convert(registers))
        other = self._arches.get(code >> 32)
        return None if other is None else self._described(task, other, code & 0xFFFFFFFF, registers)

    def _described(self, task: Task, arch: Arch, number: int, registers: tuple[int, ...]) -> Call | None:
        if number == arch.socketcall:
            return _demultiplexed(task, arch, registers)
        name = arch.names.get(number)
        if name is None:
            return None
        if name not in ARGUMENTS:
            return Call(task, arch, name, registers)
        if arch.word == 8:
            self._known[code_of(arch.audit, number)] = arch, name, converter(name)
        return Call(task, arch, name, typed(name, registers, arch))


def code_of(audit: int, number: int) -> int:
    """A call's number and its architecture's AUDIT_ARCH in one, as they lie in struct seccomp_data."""
    return audit << 32 | number & 0xFFFFFFFF


def _demultiplexed(task: Task, arch: Arch, registers: tuple[int, ...]) -> Call | None:
    """socketcall(call, unsigned long *args): the arguments lie in memory, read once."""
    if arch.word == 4:  # `int 0x80` in a 64-bit program leaves the high halves as they were
        registers = tuple(register & 0xFFFFFFFF for register in registers)
    if registers[0] & 0xFFFFFFFF not in SOCKETCALL:
        return None
    name, count = SOCKETCALL[registers[0] & 0xFFFFFFFF]
    data = task.read_up_to(registers[1], count * arch.word)
    if len(data) < count * arch.word:
        return None
    words = struct.unpack(f"{arch.endian}{count}{'Q' if arch.word == 8 else 'I'}", data)
    return Call(task, arch, name, typed(name, words, arch))
