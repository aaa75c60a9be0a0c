"""Records as bytes and back: one JSON array, a newline, then the raw bytes that its values refer to.

JSON holds what people search for; memory contents stand behind it unescaped, so that text compresses as text.
Every value but a number is an array whose first element is a letter (see `_encode`); fields at the end of a
record that have their default are left out, and fields that a later minor version adds are ignored.
"""

import json
from collections.abc import Iterable
from math import isfinite
from typing import Any, Final, get_args

from ptrace_net.record.errors import RecordError
from ptrace_net.record.model import (
    NOWHERE,
    Array,
    Call,
    Change,
    Data,
    Event,
    EventKind,
    Outcome,
    Pointer,
    Record,
    Source,
    Struct,
    Symbol,
    Unknown,
    Value,
)

_OUTCOMES: Final = frozenset(get_args(Outcome))
_EVENTS: Final = frozenset(get_args(EventKind))
_DEFAULTS: Final[dict[str, list[Any]]] = {
    "c": ["c", 0, "", [], None, None, "returned", None, None, None, [], [], "", 0],
    "e": ["e", 0, "note", "", None, None, None],
}
_MAX_DEPTH: Final = 60
_dumps = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


def encode(record: Record) -> bytes:
    """The bytes of one record, before compression."""
    blobs: list[bytes] = []
    source = list(record.source) if record.source != NOWHERE else None
    if isinstance(record, Call):
        row = ["c", record.task, record.name, [_encode(value, blobs) for value in record.args], record.result,
               record.errno, record.outcome, record.started, record.duration, source, list(record.notes),
               list(record.lost), record.detail, record.ended]  # fmt: skip
    else:
        row = ["e", record.task, record.kind, record.text, record.value, record.started, source]
    defaults = _DEFAULTS[str(row[0])]
    while len(row) > 1 and row[-1] == defaults[len(row) - 1]:
        row.pop()
    return b"".join((_dumps(row).encode("ascii"), b"\n", *blobs))


def _encode(value: Value, blobs: list[bytes]) -> Any:
    match value:
        case int():
            return value
        case Symbol(text, number):
            return ["s", text, number]
        case Data(data, total):
            blobs.append(data)
            return ["d", len(data), total]
        case Pointer(address):
            return ["p", address]
        case Struct(fields, abbreviated):
            return ["f", int(abbreviated), [[name, _encode(inner, blobs)] for name, inner in fields]]
        case Array(items, abbreviated):
            return ["a", int(abbreviated), [_encode(item, blobs) for item in items]]
        case Change(before, after):
            return ["c", _encode(before, blobs), _encode(after, blobs)]
        case Unknown(text, why):
            return ["u", text, why]


def decode(raw: bytes) -> Record:
    """The record in `raw`. Raises `RecordError` where it is not one."""
    head, _, blob = raw.partition(b"\n")
    try:
        row = json.loads(head)
        return _record(row, _Blob(blob))
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
        raise RecordError(f"not a record: {error}") from error


def _record(row: list[Any], blob: "_Blob") -> Record:
    row = row + _DEFAULTS[row[0]][len(row) :]
    if row[0] == "c":
        _, task, name, args, result, errno, outcome, started, duration, source, notes, lost, detail, ended = (
            row[:14]
        )
        if outcome not in _OUTCOMES:
            raise ValueError(f"outcome {outcome!r}")
        _check(((task, int), (name, str), (detail, str), (ended, int)), (result, ended), (started, duration))
        values = tuple(_decode(value, blob, 0) for value in args)
        return Call(
            task,
            name,
            values,
            result,
            errno,
            outcome,
            started,
            duration,
            _source(source),
            tuple(notes),
            tuple(lost),
            detail,
            ended,
        )
    _, task, kind, text, number, started, source = row[:7]
    _check(((task, int), (text, str)), (number,), (started,))
    if kind not in _EVENTS:
        raise ValueError(f"event {kind!r}")
    return Event(task, kind, text, number, started, _source(source))


def _check(typed: Iterable[tuple[Any, type]], numbers: Iterable[Any], times: Iterable[Any]) -> None:
    """Raise `ValueError` for a field of another type than it has."""
    good = all(isinstance(value, kind) for value, kind in typed)
    good = good and all(number is None or isinstance(number, int) for number in numbers)
    if not good or not all(
        time is None or (isinstance(time, float | int) and isfinite(time)) for time in times
    ):
        raise ValueError("a field has the wrong type")


def _source(row: list[Any] | None) -> Source:
    return Source(*row) if row else NOWHERE


class _Blob:
    """The raw bytes behind the JSON, taken from the front."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.data):
            raise ValueError("the bytes of a value are missing")
        self.at += count
        return self.data[self.at - count : self.at]


def _decode(value: Any, blob: _Blob, depth: int) -> Value:
    if isinstance(value, int):
        return value
    if depth > _MAX_DEPTH:
        raise ValueError("nested too deeply")
    tag = value[0]
    if tag == "d":
        return Data(blob.take(value[1]), value[2])
    if tag == "f":
        return Struct(
            tuple((name, _decode(inner, blob, depth + 1)) for name, inner in value[2]), bool(value[1])
        )
    if tag == "a":
        return Array(tuple(_decode(item, blob, depth + 1) for item in value[2]), bool(value[1]))
    if tag == "c":
        return Change(_decode(value[1], blob, depth + 1), _decode(value[2], blob, depth + 1))
    if tag not in _PLAIN:
        raise ValueError(f"value {tag!r}")
    plain: Value = _PLAIN[tag](*value[1:])
    return plain


_PLAIN: Final[dict[str, Any]] = {"s": Symbol, "p": Pointer, "u": Unknown}
