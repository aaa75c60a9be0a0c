"""Values, calls and events as strace writes them.

A call that strace could have logged reads as strace's line does; what a kernel's log adds (notes, a
panic, what was lost) stands behind it in a comment.
"""

from collections.abc import Iterable

from ptrace_net.record.model import (
    Array,
    Call,
    Change,
    Data,
    Event,
    Pointer,
    Record,
    Struct,
    Symbol,
    Unknown,
    Value,
    number_of,
)

_NAMED = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x0B: "\\v", 0x0C: "\\f", 0x22: '\\"', 0x5C: "\\\\"}
_OCTAL = tuple(b"%d" % digit for digit in range(8))
_WRAPPERS = {"sin_port": "htons({})", "sin6_port": "htons({})", "sin6_flowinfo": "htonl({})"}
TEXT_LIMIT = 32


def quoted(data: bytes, limit: int | None = None) -> str:
    """`data` as a C string in strace's notation: octal escapes, as short as the next character allows."""
    shown = data if limit is None else data[:limit]
    parts: list[str] = []
    for place, byte in enumerate(shown):
        if byte in _NAMED:
            parts.append(_NAMED[byte])
        elif 0x20 <= byte < 0x7F:
            parts.append(chr(byte))
        else:
            digit_follows = shown[place + 1 : place + 2] in _OCTAL
            parts.append(f"\\{byte:03o}" if digit_follows else f"\\{byte:o}")
    return '"' + "".join(parts) + '"'


def value_text(value: Value, limit: int | None = TEXT_LIMIT) -> str:
    """One argument. `limit` bounds the bytes shown of a buffer, as strace -s does; None shows all."""
    match value:
        case int():
            return str(value)
        case Symbol(text=text):
            return text
        case Data(data, total):
            cut = total is None or len(data) < total or (limit is not None and len(data) > limit)
            return quoted(data, limit) + ("..." if cut else "")
        case Pointer(address):
            return hex(address) if address else "NULL"
        case Struct(fields, abbreviated):
            return _bracket("{", "}", (_field(name, inner, limit) for name, inner in fields), abbreviated)
        case Array(items, abbreviated):
            return _bracket("[", "]", (value_text(item, limit) for item in items), abbreviated)
        case Change(before, after):
            return f"{value_text(before, limit)} => {value_text(after, limit)}"
        case Unknown(text, _):
            return f"{text} /* not read */" if text else "?"


def _bracket(left: str, right: str, parts: Iterable[str], abbreviated: bool) -> str:
    return left + ", ".join([*parts, *(["..."] if abbreviated else [])]) + right


def _field(name: str, value: Value, limit: int | None) -> str:
    if name == "sin_addr" and isinstance(value, Data):
        return f"sin_addr=inet_addr({quoted(value.data)})"
    if name == "sin6_addr" and isinstance(value, Data):
        return f"inet_pton(AF_INET6, {quoted(value.data)}, &sin6_addr)"
    text = value_text(value, None if name == "sun_path" else limit)
    return f"{name}={_WRAPPERS.get(name, '{}').format(text)}" if name else text


def result_text(call: Call) -> str:
    """What stands behind ``= ``: a number, -1 and an errno, a question mark."""
    if call.outcome == "panicked":
        return "? (the kernel panicked)"
    if call.outcome == "unfinished" and call.errno is None:
        return "? <unfinished ...>"
    if call.result is None:
        return f"? {call.errno}" if call.errno else "?"
    flags = call.name == "fcntl" and number_of(call.arg(1)) == 3
    number = hex(call.result) if call.result > 0xFFFFFFFF or (flags and call.result > 0) else str(call.result)
    if call.errno:
        detail = f" ({call.detail})" if call.detail else ""
        return f"{number} {call.errno}{detail}"
    return f"{number} ({call.detail})" if call.detail and not call.errno else number


def call_text(call: Call, limit: int | None = TEXT_LIMIT, result: bool = True) -> str:
    """``name(arguments) = result``, without task and time."""
    arguments = [_argument(call, place, limit) for place in range(len(call.args))]
    text = f"{call.name}({', '.join(arguments)})"
    return f"{text} = {result_text(call)}" if result else text


def _argument(call: Call, place: int, limit: int | None) -> str:
    value = call.args[place]
    if isinstance(value, Change) and call.name in ("poll", "ppoll", "select", "pselect6"):
        value = value.before  # what came back stands behind the result
    return value_text(value, limit)


def comment_text(call: Call) -> str:
    """The kernel's own notes and what was lost, for a comment; empty where there is nothing."""
    return "; ".join([*call.notes, *(f"lost: {what}" for what in call.lost)])


def record_text(record: Record, limit: int | None = TEXT_LIMIT) -> str:
    """A whole line: task, time if known, the call or event, notes in a comment."""
    clock = "" if record.started is None else f"{record.started:.6f} "
    head = f"{record.task:<5} {clock}"
    if isinstance(record, Event):
        return head + event_text(record)
    spent = "" if record.duration is None else f" <{record.duration:.6f}>"
    comment = comment_text(record)
    return head + call_text(record, limit) + spent + (f" /* {comment} */" if comment else "")


def event_text(event: Event) -> str:
    """``--- SIGINT … ---``, ``+++ exited with 0 +++``; other events in a comment."""
    if event.kind == "signal":
        return f"--- {event.text} ---"
    if event.kind in ("exit", "killed"):
        return f"+++ {event.text} +++"
    value = "" if event.value is None else f" {event.value}"
    return f"/* {event.kind}: {event.text}{value} */"
