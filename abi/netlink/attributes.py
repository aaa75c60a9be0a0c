"""Netlink attributes as tables: what a number means in a message, and what its payload is.

An ``Attributes`` is a table of one numbering (IFLA_*, IFA_*…). Its kinds are types, layouts, other tables
(nested attributes), and the three things that have no fixed length: text, addresses and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.kinds import Array, Bytes, CType, Integer
from ptrace_net.abi.layout import Layout
from ptrace_net.abi.netlink.header import nlattr

NESTED, NET_BYTEORDER = 0x8000, 0x4000
_TYPE = ~(NESTED | NET_BYTEORDER)

string = Bytes("string", 0, shown="text")
address = Bytes("address", 0, shown="address")  # 4 bytes IPv4, 16 IPv6, else of the link layer
binary = Bytes("bytes", 0)
numbers = Array(Integer("__u32", 4))
settings = Array(Integer("__s32", 4, signed=True))  # ipv4_devconf and its like


class Attribute(NamedTuple):
    """One attribute. ``value`` is an int, str, bytes, a named tuple, or a tuple of more."""

    number: int
    name: str
    payload: bytes
    value: Any
    flags: int = 0  # NLA_F_NESTED, NLA_F_NET_BYTEORDER as they were set

    def __repr__(self) -> str:
        return f"{self.name}={self.value!r}"


class Attributes:
    """The attributes of one numbering: their names, and the kind of each that is known."""

    def __init__(self, names: Constants, kinds: Mapping[str, Kind], *, listed: Kind | None = None) -> None:
        """``listed`` is the kind of every member where numbers only count (an array of nests)."""
        self.names = names
        self.kinds = {names[name]: kind for name, kind in kinds.items()}
        self.listed = listed

    def name(self, number: int) -> str:
        return str(number) if self.listed else self.names.name(number)

    def kind(self, number: int) -> Kind:
        return self.listed or self.kinds.get(number, binary)

    def decode(self, data: bytes, arch: Arch = X86_64) -> tuple[Attribute, ...]:
        """The attributes in ``data``, nested ones decoded too.

        Raises:
            AbiError: a length that cannot be, or a payload that does not fit its kind.
        """
        return tuple(self._one(*each, arch) for each in split_attributes(data, arch))

    def _one(self, number: int, flags: int, payload: bytes, arch: Arch) -> Attribute:
        name = self.name(number)
        value = decode_value(self.kind(number), name, payload, arch)
        return Attribute(number, name, payload, value, flags)

    def build(self, values: Mapping[str, Any], arch: Arch = X86_64) -> bytes:
        """The bytes of attributes by name, nested ones as mappings; the inverse of ``decode``."""
        return b"".join(
            build_attribute(
                self.names[name], encode_value(self.kind(self.names[name]), name, value, arch), arch
            )
            for name, value in values.items()
        )


class Records(NamedTuple):
    """A sequence of structs that begin with their length, each with attributes after it (RTA_MULTIPATH)."""

    layout: Layout
    attributes: Attributes

    @property
    def name(self) -> str:
        return f"{self.layout.c}, each with attributes"

    def decode(self, data: bytes, arch: Arch) -> tuple[Record, ...]:
        records, offset, head = [], 0, self.layout.size(arch)
        while offset < len(data):
            values = self.layout.read(data, arch, offset)
            if not head <= values[0] <= len(data) - offset:
                problem = f"{values[0]} bytes, where {len(data) - offset} are left and {head} are the least"
                raise AbiError(self.layout.name, self.layout.names[0], offset, problem)
            rest = data[offset + head : offset + values[0]]
            records.append(Record(values, self.attributes.decode(rest, arch)))
            offset += (values[0] + 3) & -4
        return tuple(records)

    def build(self, values: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], arch: Arch) -> bytes:
        """The records of (fields, attributes); their lengths are filled in."""
        pieces = []
        for fields, attributes in values:
            rest = self.attributes.build(attributes, arch)
            length = self.layout.size(arch) + len(rest)
            pieces.append(self.layout.build({**fields, self.layout.names[0]: length}, arch) + rest)
        return b"".join(pieces)


class Record(NamedTuple):
    """One struct of a sequence, and its attributes."""

    values: Any
    attributes: tuple[Attribute, ...]


Kind = CType | Layout | Attributes | Records


def split_attributes(data: bytes, arch: Arch = X86_64) -> Iterator[tuple[int, int, bytes]]:
    """(number, flags, payload) of each attribute in ``data``; the padding after the last may be missing."""
    head, offset = nlattr.fast(arch), 0
    while offset < len(data):
        length, kind = head.unpack(data, offset)
        if length < head.size or offset + length > len(data):
            problem = f"{length} bytes, where {len(data) - offset} are left and 4 are the least"
            raise AbiError("nlattr", "nla_len", offset, problem)
        yield kind & _TYPE, kind & ~_TYPE, bytes(data[offset + head.size : offset + length])
        offset += (length + 3) & -4


def decode_value(kind: Kind, name: str, payload: bytes, arch: Arch) -> Any:
    """The value of a payload; a struct of another length is cut or extended by zeros."""
    if isinstance(kind, Attributes | Records):
        return kind.decode(payload, arch)
    if isinstance(kind, Layout):
        return kind.read(payload.ljust(kind.size(arch), b"\0"), arch)
    if isinstance(kind, Integer):
        if len(payload) != kind.size(arch):
            raise AbiError("nlattr", name, 4, f"{len(payload)} bytes for {kind.name}")
        order = "big" if kind.endian == ">" else arch.byteorder
        return int.from_bytes(payload, order, signed=kind.signed)
    if isinstance(kind, Array):
        return _items(kind, payload, arch)
    if kind is string:
        return payload.split(b"\0")[0].decode("utf-8", "surrogateescape")
    return payload


def _items(kind: Array, payload: bytes, arch: Arch) -> tuple[Any, ...]:
    """As many whole items as there are."""
    size = kind.item.size(arch)
    whole = range(0, len(payload) - size + 1, size)
    return tuple(decode_value(kind.item, "", payload[at : at + size], arch) for at in whole)


def encode_value(kind: Kind, name: str, value: Any, arch: Arch) -> bytes:
    """The payload of a value: the inverse of ``decode_value``."""
    if isinstance(kind, Attributes | Records):
        return value if isinstance(value, bytes) else kind.build(value, arch)
    if isinstance(kind, Layout):
        return kind.fast(arch).pack(*value) if isinstance(value, tuple) else kind.build(value, arch)
    try:
        if isinstance(kind, Integer):
            order = "big" if kind.endian == ">" else arch.byteorder
            return int(value).to_bytes(kind.size(arch), order, signed=kind.signed)
        if isinstance(kind, Array):
            return b"".join(encode_value(kind.item, name, each, arch) for each in value)
        return value.encode("utf-8", "surrogateescape") + b"\0" if kind is string else bytes(value)
    except (TypeError, ValueError, OverflowError, AttributeError) as error:
        raise AbiError("nlattr", name, 4, f"{value!r} does not fit {kind.name}") from error


def build_attribute(number: int, payload: bytes, arch: Arch = X86_64) -> bytes:
    """One attribute with the padding after it."""
    head = nlattr.fast(arch)
    return head.pack(head.size + len(payload), number) + payload + bytes(-len(payload) & 3)
