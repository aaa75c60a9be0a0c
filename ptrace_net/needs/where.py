"""Where in a program a call is made: the code that issued it, and the first code behind the C library.

proc(5), syscall gives the program counter and the stack pointer of a thread that stands in a call; the stack
is looked through for addresses of code, which is a guess: frames are not unwound.
"""

from __future__ import annotations

import os
import struct
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.needs.elf import Symbols

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Call

_WORDS = 512  # of the stack
_LIBRARY = ("libc.so", "libc-", "libpthread", "ld-linux", "ld-musl", "[vdso]")
MOST_FRAMES = 3


class Place(NamedTuple):
    """A byte of a file that is mapped as code."""

    path: str
    offset: int

    def __str__(self) -> str:
        name = symbols(self.path).at(self.offset) if self.path.startswith("/") else ""
        return (
            f"{name} ({os.path.basename(self.path)})"
            if name
            else f"{os.path.basename(self.path)}+{self.offset:#x}"
        )


@lru_cache(256)
def symbols(path: str) -> Symbols:
    return Symbols(path)


class _Code(NamedTuple):
    begin: int
    end: int
    offset: int
    path: str


def program_counter(tid: int) -> tuple[int, int]:
    """(pc, sp) of a thread in a call; zeros where they cannot be read."""
    try:
        with open(f"/proc/{tid}/syscall") as file:
            words = file.read().split()
        return int(words[-1], 16), int(words[-2], 16)
    except (OSError, ValueError, IndexError):
        return 0, 0


def places(call: Call, counter: int, stack: int) -> tuple[Place, ...]:
    """The code at ``counter``, and what of the program is on the stack, nearest first."""
    code = _code_of(call.task.tid)
    found = [_place(code, counter)]
    word = call.arch.word
    data = call.task.read_up_to(stack, _WORDS * word)
    for (value,) in struct.iter_unpack(
        call.arch.endian + ("Q" if word == 8 else "I"), data[: len(data) // word * word]
    ):
        place = _place(code, value)
        if place is not None and not os.path.basename(place.path).startswith(_LIBRARY):
            found.append(place)
            if len(found) > MOST_FRAMES:
                break
    return tuple(dict.fromkeys(each for each in found if each is not None))


def _place(code: list[_Code], address: int) -> Place | None:
    for each in code:
        if each.begin <= address < each.end:
            return Place(each.path, address - each.begin + each.offset)
    return None


def _code_of(tid: int) -> list[_Code]:
    """The executable mappings of a thread that have a file."""
    found = []
    try:
        with open(f"/proc/{tid}/maps") as maps:
            for line in maps:
                span, rights, offset, _, _, *path = line.split(None, 5)
                if "x" in rights and path:
                    begin, end = (int(each, 16) for each in span.split("-"))
                    found.append(_Code(begin, end, int(offset, 16), path[0].strip()))
    except (OSError, ValueError):
        return []
    return found
