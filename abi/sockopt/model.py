"""What a socket option is: a row (level, number) with the layout of its value, its default and its scope."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.kinds import Array, Bytes, CType, Integer
from ptrace_net.abi.layout import Layout

number = Integer("int", 4, signed=True)
switch = Integer("int (0 or 1)", 4, signed=True)
octet = Integer("int or unsigned char", 4, signed=True)  # ip(7): some IP options take one byte as well
bits = Integer("unsigned int", 4)
wide = Integer("__u64", 8)
name = Bytes("char[]", 0, shown="text")
blob = Bytes("bytes", 0)
nothing = Bytes("void", 0)
numbers = Array(Integer("__u32", 4))

# Which sockets have the option: what explain prints, and what a test makes to ask the kernel for the default.
SCOPES: Mapping[str, str] = {
    "any": "every socket",
    "inet": "IPv4 sockets, and IPv6 sockets for their IPv4 traffic",
    "inet6": "IPv6 sockets",
    "stream6": "TCP sockets of IPv6",
    "ip": "IPv4 and IPv6 sockets",
    "tcp": "TCP sockets",
    "udp": "UDP sockets",
    "raw": "raw IPv4 sockets",
    "icmp": "raw ICMP sockets",
    "raw6": "raw IPv6 sockets",
    "icmp6": "raw ICMPv6 sockets",
    "unix": "local sockets",
    "packet": "packet sockets",
    "netlink": "netlink sockets",
    "vsock": "vsock sockets",
    "connected": "connected stream sockets",
    "router": "the raw socket of a multicast routing daemon",
}


class Option(NamedTuple):
    """One option. ``access`` is of "rw": getsockopt and setsockopt; ``default`` is a number or a phrase."""

    level: int
    number: int
    level_name: str
    name: str
    kind: CType | Layout
    access: str
    default: str
    scope: str
    doc: str
    values: Constants | None
    flags: bool
    aliases: tuple[str, ...]
    forms: tuple[CType | Layout, ...]  # what the value may be besides ``kind``; its length tells

    def size(self, arch: Arch = X86_64) -> int:
        """The bytes of the value; 0 where they vary."""
        varies = isinstance(self.kind, Array) and not self.kind.count
        return 0 if varies else self.kind.size(arch)

    def decode(self, data: bytes, arch: Arch = X86_64) -> Any:
        """The value: an int, bytes, a tuple of numbers, or the named tuple of a layout.

        An integer option of one to three bytes is read as getsockopt returns it: its first byte or bytes. Of
        a struct that newer kernels make longer, the fields that ``data`` lacks are None.

        Raises:
            AbiError: ``data`` is not a whole value.
        """
        kind = self.form(len(data), arch)
        if isinstance(kind, Layout):
            return _grown(kind, data, arch) if kind.grows else kind.parse(data, arch)
        if isinstance(kind, Integer):
            if not data or len(data) > kind.size(arch):
                raise AbiError(self.name, "", 0, f"{len(data)} bytes for {kind.name}")
            signed = kind.signed and len(data) == kind.size(arch)
            return int.from_bytes(data, arch.byteorder, signed=signed)
        if isinstance(kind, Array):
            return _numbers(self.name, data, arch)
        return bytes(data)

    def form(self, length: int, arch: Arch = X86_64) -> CType | Layout:
        """The kind of a value of ``length`` bytes: the usual one, unless it is of another's length."""
        if not self.forms or self.size(arch) == length:
            return self.kind
        others = (each for each in self.forms if each is blob or each.size(arch) == length)
        return next(others, self.kind)

    def encode(self, value: Any, arch: Arch = X86_64) -> bytes:
        """The bytes of ``value``: the inverse of ``decode``.

        Raises:
            AbiError: the value does not fit.
        """
        if isinstance(self.kind, Layout):
            return self.kind.build(value, arch)
        try:
            if isinstance(self.kind, Integer):
                size = self.kind.size(arch)
                return int(value).to_bytes(size, arch.byteorder, signed=self.kind.signed)
            if isinstance(self.kind, Array):
                return b"".join(each.to_bytes(4, arch.byteorder) for each in value)
            return bytes(value)
        except (TypeError, ValueError, OverflowError, AttributeError) as error:
            raise AbiError(self.name, "", 0, f"{value!r} does not fit {self.kind.name}") from error


def _grown(layout: Layout, data: bytes, arch: Arch) -> Any:
    """The values of a struct that the caller's room cut or that a newer kernel made longer."""
    there = layout.parse_prefix(data, arch)
    return layout.values(*(there.get(each) for each in layout.names))


def _numbers(option: str, data: bytes, arch: Arch) -> tuple[int, ...]:
    if len(data) % 4:
        raise AbiError(option, "", len(data) & -4, f"{len(data)} bytes are no array of 4-byte numbers")
    return tuple(int.from_bytes(data[at : at + 4], arch.byteorder) for at in range(0, len(data), 4))


Row = tuple[Any, ...]  # (names, kind or (kind, *forms), access, default, scope, doc[, values[, "flags"]])


def rows(level: int, level_name: str, table: Constants, declared: tuple[Row, ...]) -> Iterator[Option]:
    """The options of one level: the first of the space-separated names counts, the others are aliases."""
    for names, kind, access, default, scope, doc, *rest in declared:
        first, *others = names.split()
        main, *forms = kind if isinstance(kind, tuple) else (kind,)
        yield Option(
            level, table[first], level_name, first, main, access, default, scope, doc,
            rest[0] if rest else None, len(rest) > 1, tuple(others), tuple(forms),
        )  # fmt: skip
