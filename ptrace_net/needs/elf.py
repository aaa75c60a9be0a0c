"""The functions of an ELF file, by address: enough to say in which one a program counter lies.

elf(5): the symbol tables .symtab and .dynsym, and the program headers, which say at what address a byte of
the file is.
"""

from __future__ import annotations

import bisect
import mmap
import struct
from typing import NamedTuple

_SHT_SYMTAB, _SHT_DYNSYM, _PT_LOAD, _STT_FUNC, _STT_IFUNC = 2, 11, 1, 2, 10
_MOST = 1 << 21  # symbols looked at


class Shape(NamedTuple):
    """What differs between 32 and 64 bits: formats, and where things stand in the ELF header."""

    header: struct.Struct
    section: struct.Struct
    program: struct.Struct
    symbol: struct.Struct


def _shape(bits64: bool, endian: str) -> Shape:
    if bits64:
        formats = ("16xHHIQQQIHHHHHH", "IIQQQQIIQQ", "IIQQQQQQ", "IBBHQQ")
    else:
        formats = ("16xHHIIIIIHHHHHH", "IIIIIIIIII", "IIIIIIII", "IIIBBH")
    return Shape(*(struct.Struct(endian + each) for each in formats))


class Symbols:
    """The functions of one file; empty where it cannot be read, or is no ELF."""

    def __init__(self, path: str) -> None:
        self._functions: list[tuple[int, int, str]] = []
        self._segments: list[tuple[int, int, int]] = []  # (offset in the file, size, address)
        try:
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                self._read(data)
        except (OSError, ValueError, OverflowError, struct.error):
            return
        self._functions.sort()

    def _read(self, data: mmap.mmap) -> None:
        if data[:4] != b"\x7fELF" or len(data) < 64 or data[4] not in (1, 2) or data[5] not in (1, 2):
            return
        bits64 = data[4] == 2
        shape = _shape(bits64, "<" if data[5] == 1 else ">")
        head = shape.header.unpack_from(data, 0)
        phoff, shoff, phnum, shnum = head[4], head[5], head[9], head[11]
        for place in range(phnum):
            row = shape.program.unpack_from(data, phoff + place * shape.program.size)
            kind, offset, address, size = (row[0], row[2], row[3], row[5]) if bits64 else (*row[:3], row[4])
            if kind == _PT_LOAD:
                self._segments.append((offset, size, address))
        sections = [
            shape.section.unpack_from(data, shoff + place * shape.section.size) for place in range(shnum)
        ]
        for section in sections:
            if section[1] in (_SHT_SYMTAB, _SHT_DYNSYM) and section[6] < shnum:
                self._table(data, shape, section, sections[section[6]], bits64)

    def _table(
        self, data: mmap.mmap, shape: Shape, section: tuple[int, ...], names: tuple[int, ...], bits64: bool
    ) -> None:
        for place in range(min(section[5] // shape.symbol.size, _MOST)):
            row = shape.symbol.unpack_from(data, section[4] + place * shape.symbol.size)
            name, info, address, size = (
                (row[0], row[1], row[4], row[5]) if bits64 else (row[0], row[3], row[1], row[2])
            )
            if info & 0xF in (_STT_FUNC, _STT_IFUNC) and address:
                start = names[4] + name
                text = data[start : data.find(b"\0", start)].decode("latin-1")
                self._functions.append((address, size, text.partition("@")[0]))

    def at(self, offset: int) -> str:
        """The function whose code is at ``offset`` of the file; "" where none is known."""
        address = next((address + offset - begin for begin, size, address in self._segments
                        if begin <= offset < begin + size), None)  # fmt: skip
        if address is None:
            return ""
        place = bisect.bisect_right(self._functions, (address, 1 << 64, ""))
        for begin, size, name in reversed(self._functions[max(0, place - 8) : place]):
            if begin <= address < begin + max(size, 1):
                return name
        return ""
