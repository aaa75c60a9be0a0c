"""Decoded calls as strace(1) writes them."""

from __future__ import annotations

from collections.abc import Iterable

from ptrace_net.abi.constants.errno import ERRNO, strerror
from ptrace_net.syscalls.decode.values import (
    Applied,
    Array,
    Change,
    Data,
    Host,
    Name,
    Pointer,
    Struct,
    Symbol,
    Value,
)

COLUMN = 39  # results are aligned behind this one
AF_INET = 2
RESTARTS = {
    -512: "ERESTARTSYS (To be restarted if SA_RESTART is set)",
    -513: "ERESTARTNOINTR (To be restarted)",
    -514: "ERESTARTNOHAND (To be restarted if no handler)",
    -516: "ERESTART_RESTARTBLOCK (Interrupted by signal)",
}
_NAMED = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v", 0x0C: "\\f", 0x22: '\\"', 0x5C: "\\\\"}
# One spelling per byte, and the longer one before a digit, which would join the octal number.
_PLAIN = [_NAMED.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:o}") for b in range(256)]
_BEFORE_DIGIT = [_NAMED.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in range(256)]
_DIGITS = frozenset(b"01234567")


def quoted(data: bytes) -> str:
    """A C string with octal escapes, as short as the next character allows."""
    if data.isascii() and (text := data.decode()).isprintable() and not {'"', "\\"} & set(text):
        return f'"{text}"'
    followers = (*data[1:], 0)
    pairs = zip(data, followers, strict=True)
    return '"' + "".join([(_BEFORE_DIGIT if after in _DIGITS else _PLAIN)[b] for b, after in pairs]) + '"'


def value_text(value: Value) -> str:
    """One value on its own."""
    if isinstance(value, int):
        return str(value)
    match value:
        case Symbol(text, _):
            return text
        case Data(data, total):
            return quoted(data) + ("..." if total > len(data) else "")
        case Name(data):
            return "@" + quoted(data[1:]) if data[:1] == b"\0" else quoted(data)
        case Pointer(address):
            return hex(address) if address else "NULL"
        case Host(text, family):
            return f'inet_addr("{text}")' if family == AF_INET else f'inet_pton(AF_INET6, "{text}")'
        case Applied(function, argument, _):
            return f"{function}({value_text(argument)})"
        case Struct(fields, abbreviated):
            return _bracket("{", "}", (_field(name, inner) for name, inner in fields), abbreviated)
        case Array(items, abbreviated):
            return _bracket("[", "]", map(value_text, items), abbreviated)
        case Change(before, after):
            return f"{value_text(before)} => {value_text(after)}"


def _bracket(left: str, right: str, parts: Iterable[str], abbreviated: bool) -> str:
    return left + ", ".join([*parts, "..."] if abbreviated else parts) + right


def _field(name: str, value: Value) -> str:
    if isinstance(value, Host) and value.family != AF_INET:
        return f'inet_pton(AF_INET6, "{value.text}", &{name})'
    return f"{name}={value_text(value)}"


def result_text(result: int | None, left: Value | None = None) -> str:
    """What stands behind ``= ``."""
    if result is None:
        return "?"
    if result >= 0:
        return f"{result} (left {value_text(left)})" if left is not None else str(result)
    if result in RESTARTS:
        return f"? {RESTARTS[result]}"
    return f"-1 {ERRNO.name(-result, f'ERRNO_{-result}')} ({strerror(-result)})"


def with_result(line: str, result: int | None, left: Value | None = None) -> str:
    return f"{line:<{COLUMN}} = {result_text(result, left)}"


def head_text(name: str, values: Iterable[Value | None]) -> str:
    """A call as far as its entry tells: up to the first argument that only the exit decides."""
    known: list[str] = []
    for value in values:
        if value is None:
            return f"{name}({', '.join(known)}, "
        known.append(value_text(value))
    return f"{name}({', '.join(known)}"


def call_text(name: str, values: Iterable[Value]) -> str:
    return f"{name}({', '.join(map(value_text, values))})"
