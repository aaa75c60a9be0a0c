"""The C types that layouts are made of, each of which knows its construct for an architecture.

Mirrors asm/types.h and asm/posix_types.h: fixed-width integers, the big-endian ``__be16`` family, the types
that follow the word size (``long``, ``size_t``, a pointer) and the one that follows ``__kernel_long_t``. A
type gives its size, alignment, construct and ``struct`` code; construct is imported when first asked for, as
it costs more than everything else here together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ptrace_net.abi.arch.model import Arch

_CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}


class CType(Protocol):
    """What a field may be: an integer, bytes, padding, an array, or another layout."""

    @property
    def name(self) -> str: ...

    def size(self, arch: Arch) -> int: ...
    def align(self, arch: Arch) -> int: ...
    def order(self, arch: Arch) -> str: ...
    def construct(self, arch: Arch) -> Any: ...
    def code(self, arch: Arch) -> tuple[tuple[str, str], ...]: ...
    def from_construct(self, raw: Any, arch: Arch) -> Any: ...
    def to_construct(self, value: Any, arch: Arch) -> Any: ...
    def zero(self, arch: Arch) -> Any: ...
    def gather(self, flat: Iterator[Any], arch: Arch) -> Any: ...


class _Plain:
    """What types share whose construct value is the value itself."""

    __slots__ = ()

    def from_construct(self, raw: Any, arch: Arch) -> Any:
        return raw

    def to_construct(self, value: Any, arch: Arch) -> Any:
        return value

    def gather(self, flat: Iterator[Any], arch: Arch) -> Any:
        return next(flat)


@dataclass(frozen=True, slots=True)
class Integer(_Plain):
    """An integer of ``width`` bytes, or as many as the architecture's ``word`` or ``kernel_long``."""

    name: str
    width: int | str
    signed: bool = False
    endian: str = ""  # "" is the architecture's own

    def size(self, arch: Arch) -> int:
        return self.width if isinstance(self.width, int) else int(getattr(arch, self.width))

    def align(self, arch: Arch) -> int:
        size = self.size(arch)
        return arch.align64 if size == 8 else size

    def order(self, arch: Arch) -> str:
        return "" if self.size(arch) == 1 else self.endian or arch.endian

    def construct(self, arch: Arch) -> Any:
        import construct

        sign = "s" if self.signed else "u"
        order = "l" if (self.endian or arch.endian) == "<" else "b"
        return getattr(construct, f"Int{8 * self.size(arch)}{sign}{order}")

    def code(self, arch: Arch) -> tuple[tuple[str, str], ...]:
        code = _CODES[self.size(arch)]
        return ((self.order(arch), code.lower() if self.signed else code),)

    def zero(self, arch: Arch) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Bytes(_Plain):
    """So many bytes as they are. ``shown`` says what they are to a reader: raw, text, ip4, ip6, mac."""

    name: str
    length: int
    alignment: int | str = 1  # "word": that of a long
    shown: str = "raw"

    def size(self, arch: Arch) -> int:
        return self.length

    def align(self, arch: Arch) -> int:
        return self.alignment if isinstance(self.alignment, int) else arch.word

    def order(self, arch: Arch) -> str:
        return ""

    def construct(self, arch: Arch) -> Any:
        import construct

        return construct.Bytes(self.length)

    def code(self, arch: Arch) -> tuple[tuple[str, str], ...]:
        return (("", f"{self.length}s"),)

    def zero(self, arch: Arch) -> bytes:
        return bytes(self.length)


@dataclass(frozen=True, slots=True)
class Pad(_Plain):
    """Bytes that a header names but nobody reads (``sin_zero``): skipped when parsed, zero when built."""

    length: int
    alignment: int = 1

    @property
    def name(self) -> str:
        return f"reserved[{self.length}]"

    def size(self, arch: Arch) -> int:
        return self.length

    def align(self, arch: Arch) -> int:
        return self.alignment

    def order(self, arch: Arch) -> str:
        return ""

    def construct(self, arch: Arch) -> Any:
        import construct

        return construct.Padding(self.length)

    def code(self, arch: Arch) -> tuple[tuple[str, str], ...]:
        return (("", f"{self.length}x"),)

    def zero(self, arch: Arch) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Array:
    """``count`` values of one type, as a tuple; or as many as make up ``bits`` bits."""

    item: CType
    count: int = 0
    bits: int = 0

    def length(self, arch: Arch) -> int:
        return self.count or self.bits // (8 * self.item.size(arch))

    @property
    def name(self) -> str:
        return f"{self.item.name}[{self.count or f'{self.bits} bits'}]"

    def size(self, arch: Arch) -> int:
        return self.item.size(arch) * self.length(arch)

    def align(self, arch: Arch) -> int:
        return self.item.align(arch)

    def order(self, arch: Arch) -> str:
        return self.item.order(arch)

    def construct(self, arch: Arch) -> Any:
        import construct

        return construct.Array(self.length(arch), self.item.construct(arch))

    def code(self, arch: Arch) -> tuple[tuple[str, str], ...]:
        return self.item.code(arch) * self.length(arch)

    def from_construct(self, raw: Any, arch: Arch) -> tuple[Any, ...]:
        return tuple(self.item.from_construct(each, arch) for each in raw)

    def to_construct(self, value: Any, arch: Arch) -> list[Any]:
        return [self.item.to_construct(each, arch) for each in value]

    def gather(self, flat: Iterator[Any], arch: Arch) -> tuple[Any, ...]:
        return tuple(self.item.gather(flat, arch) for _ in range(self.length(arch)))

    def zero(self, arch: Arch) -> tuple[Any, ...]:
        return (self.item.zero(arch),) * self.length(arch)


u8, s8 = Integer("__u8", 1), Integer("__s8", 1, signed=True)
u16, s16 = Integer("__u16", 2), Integer("__s16", 2, signed=True)
u32, s32 = Integer("__u32", 4), Integer("__s32", 4, signed=True)
u64, s64 = Integer("__u64", 8), Integer("__s64", 8, signed=True)
be16, be32 = Integer("__be16", 2, endian=">"), Integer("__be32", 4, endian=">")
c_int, c_uint = Integer("int", 4, signed=True), Integer("unsigned int", 4)
c_short, c_ushort = Integer("short", 2, signed=True), Integer("unsigned short", 2)
c_long, c_ulong = Integer("long", "word", signed=True), Integer("unsigned long", "word")
kernel_long = Integer("__kernel_long_t", "kernel_long", signed=True)
socklen_t = Integer("socklen_t", 4, signed=True)  # unsigned to the C library, an int to the kernel
size_t, pointer = Integer("size_t", "word"), Integer("void *", "word")
c_char, c_uchar = Integer("char", 1, signed=True), Integer("unsigned char", 1)
storage = Bytes("struct sockaddr_storage", 128, "word", "sockaddr")
in_addr = Bytes("struct in_addr", 4, 4, "ip4")
in6_addr = Bytes("struct in6_addr", 16, 4, "ip6")


def text(length: int) -> Bytes:
    """A name of at most ``length`` bytes, ended by NUL where it is shorter."""
    return Bytes(f"char[{length}]", length, shown="text")


def raw(length: int) -> Bytes:
    """``length`` bytes without a meaning of their own."""
    return Bytes(f"__u8[{length}]", length)


def mac(length: int) -> Bytes:
    """A link-layer address in a field of ``length`` bytes."""
    return Bytes(f"unsigned char[{length}]", length, shown="mac")
