"""Decoded values as the values of a recording (``record.model``), and cut to a length.

A recording has addresses as text, ports as numbers and abstract paths with ``@``, as strace logs have them,
so that diff, replay and export read both alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ptrace_net.record import model
from ptrace_net.report.text import value_text
from ptrace_net.syscalls.decode import values
from ptrace_net.syscalls.decode.values import Value

_BUFFERS = ("buf", "iov_base")  # application payload; other memory is never cut


def recorded(value: Value) -> model.Value:
    """The same value in terms of ``record.model``."""
    return int(value) if isinstance(value, int) else _CONVERT[type(value)](value)


def _name(value: values.Name) -> model.Data:
    data = b"@" + value.data[1:] if value.data[:1] == b"\0" else value.data
    return model.Data(data, len(data))


def _host(value: values.Host) -> model.Data:
    data = value.text.encode()
    return model.Data(data, len(data))


def _applied(value: values.Applied) -> model.Value:
    """``htons(80)`` is 80; ``htons(ETH_P_ALL)`` and ``if_nametoindex("lo")`` keep their spelling."""
    plain = isinstance(value.argument, int)
    return value.number if plain else model.Symbol(value_text(value), value.number)


def _struct(value: values.Struct) -> model.Struct:
    return model.Struct(tuple([(name, recorded(inner)) for name, inner in value.fields]), value.abbreviated)


_CONVERT: dict[type, Callable[[Any], model.Value]] = {
    values.Symbol: lambda value: model.Symbol(*value),
    values.Data: lambda value: model.Data(*value),
    values.Pointer: lambda value: model.Pointer(*value),
    values.Name: _name,
    values.Host: _host,
    values.Applied: _applied,
    values.Struct: _struct,
    values.Array: lambda value: model.Array(tuple(map(recorded, value.items)), value.abbreviated),
    values.Change: lambda value: model.Change(recorded(value.before), recorded(value.after)),
}


def cut(name: str, value: Value, limit: int) -> Value:
    """``value`` of the argument or field ``name`` with at most ``limit`` bytes of each buffer in it."""
    match value:
        case values.Data(data, total) if name in _BUFFERS and len(data) > limit:
            return values.Data(data[:limit], total)
        case values.Struct(fields, abbreviated):
            return values.Struct(tuple([(key, cut(key, each, limit)) for key, each in fields]), abbreviated)
        case values.Array(items, abbreviated):
            return values.Array(tuple([cut(name, each, limit) for each in items]), abbreviated)
    return value
