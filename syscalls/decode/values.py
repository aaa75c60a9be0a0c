"""What an argument is, as values: what strace(1) would print, before anything is printed.

A plain ``int`` is a number as it was in the register; the other types say what it stands for or what lies
behind it.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias, Union


class Symbol(NamedTuple):
    """A constant or an OR of flags by name, with its number: ``SOCK_STREAM|SOCK_CLOEXEC``."""

    text: str
    number: int


class Data(NamedTuple):
    """Bytes: ``data`` is what was read of ``total``."""

    data: bytes
    total: int


class Name(NamedTuple):
    """A C string: a path, an interface; shown whole."""

    data: bytes


class Pointer(NamedTuple):
    """An address whose memory was not read; 0 is NULL."""

    address: int


class Host(NamedTuple):
    """An IP address in its textual form; ``family`` is AF_INET or AF_INET6."""

    text: str
    family: int


class Applied(NamedTuple):
    """A number as C writes it, with a function: ``htons(8080)``, ``if_nametoindex("lo")``."""

    function: str
    argument: Value
    number: int


class Struct(NamedTuple):
    """Fields in order; ``abbreviated`` when more followed. A field without a name stands alone."""

    fields: tuple[tuple[str, Value], ...]
    abbreviated: bool = False


class Array(NamedTuple):
    """Elements in order; ``abbreviated`` when more followed."""

    items: tuple[Value, ...]
    abbreviated: bool = False


class Change(NamedTuple):
    """A value-result argument: what the program passed and what the kernel left there."""

    before: Value
    after: Value


Value: TypeAlias = Union[int, Symbol, Data, Name, Pointer, Host, Applied, Struct, Array, Change]  # noqa: UP007
