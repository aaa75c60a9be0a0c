"""Initialised structs, compiled for an architecture and cut out of the object file: the bytes C itself makes.

Every integer of a layout gets a value of its own; ``images`` gives, for each layout, those values and the
bytes of the struct, so that a test sees the layout read the one from the other, byte order and sign included.
"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import abi_headers as headers

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import Arch
from ptrace_net.abi.kinds import Array, Integer
from ptrace_net.abi.layout import Layout

_APART = 512  # each struct begins at a multiple of this in its section; none is larger than a multiple of it
_SWAPS = """
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BE16(x) __builtin_bswap16(x)
#define BE32(x) __builtin_bswap32(x)
#else
#define BE16(x) (x)
#define BE32(x) (x)
#endif
"""


class Leaf(NamedTuple):
    """An integer (or several) in a layout: where it is in our values, in C, and what it is set to."""

    path: tuple[str, ...]
    member: str
    kind: Integer
    values: tuple[int, ...]
    many: bool


class Image(NamedTuple):
    """A struct as the compiler laid it out."""

    layout: Layout
    leaves: tuple[Leaf, ...]
    data: bytes


def leaves(layout: Layout, arch: Arch, path: tuple[str, ...] = (), c: str = "") -> Iterator[Leaf]:
    """The integers that C can name. What C declares otherwise (a sockaddr in an ifreq) is left out."""
    for index, field in enumerate(layout.members):
        member = f"{c}.{field.name if field.c is None else field.c}"
        if member.endswith("."):
            continue
        where, seed = (*path, field.name), 7 * len(path) + index
        if isinstance(field.type, Integer):
            yield Leaf(where, member, field.type, (number(field.type, seed, arch),), False)
        elif isinstance(field.type, Array) and isinstance(field.type.item, Integer):
            item, length = field.type.item, field.type.length(arch)
            yield Leaf(where, member, item, tuple(number(item, seed + n, arch) for n in range(length)), True)
        elif isinstance(field.type, Layout) and field.type.name not in ("sockaddr", "sockaddr_in"):
            yield from leaves(field.type, arch, where, member)


def number(kind: Integer, seed: int, arch: Arch) -> int:
    """A value of as many bytes as the type has, all different, negative now and then."""
    size = kind.size(arch)
    value = int.from_bytes(bytes((0x81 + 37 * seed + 29 * n) % 256 for n in range(size)), "big")
    return value - (1 << 8 * size) if kind.signed and value >> (8 * size - 1) else value


def initialiser(leaf: Leaf, arch: Arch) -> str:
    shown = [literal(leaf.kind, value, arch) for value in leaf.values]
    return f"  {leaf.member} = " + ("{" + ", ".join(shown) + "}" if leaf.many else shown[0])


def literal(kind: Integer, value: int, arch: Arch) -> str:
    size = kind.size(arch)
    text = f"{value & ((1 << 8 * size) - 1):#x}ull"
    if kind.name == "void *":
        return f"(void *)({'unsigned long long' if size == 8 else 'unsigned'}){text}"
    return f"BE{8 * size}({text})" if kind.endian == ">" else text


def images(compiler: headers.Compiler, folder: Path) -> Iterator[Image]:
    """The image of every struct that has integers, one object file per header."""
    by_header: dict[str, list[Layout]] = defaultdict(list)
    for layout in catalog.layouts().values():
        if not layout.c.endswith("]"):
            by_header[layout.header].append(layout)
    for header, layouts in by_header.items():
        section = compiled(compiler, header, layouts, folder)
        for index, layout in enumerate(layouts):
            data = section[index * _APART :][: layout.size(compiler.arch)]
            yield Image(layout, tuple(leaves(layout, compiler.arch)), data)


def compiled(compiler: headers.Compiler, header: str, layouts: list[Layout], folder: Path) -> bytes:
    """The section that holds the structs, one every _APART bytes."""
    lines = [_SWAPS]
    for index, layout in enumerate(layouts):
        values = ",\n".join(initialiser(leaf, compiler.arch) for leaf in leaves(layout, compiler.arch))
        place = f'__attribute__((section(".abi"), aligned({_APART}), used))'
        lines.append(f"{layout.c} image_{index} {place} = {{\n{values}\n}};")
    text = headers.source((header,), {"images": "\n".join(lines)})
    made, cut = folder / "images.o", folder / "images.bin"
    options = [
        "-std=gnu11",
        "-D_GNU_SOURCE",
        "-w",
        "-fno-toplevel-reorder",
        "-c",
        "-x",
        "c",
        "-",
        "-o",
        str(made),
    ]
    subprocess.run([*compiler.command, *options], input=text, text=True, check=True)
    objcopy = compiler.command[0].replace("gcc-12", "objcopy").replace("gcc", "objcopy")
    subprocess.run([objcopy, "-O", "binary", "-j", ".abi", str(made), str(cut)], check=True)
    return cut.read_bytes()
