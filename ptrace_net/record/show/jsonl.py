"""Records as JSON, one object per line: for jq and for programs."""

import json
from typing import Any

from ptrace_net.record.model import (
    Array,
    Call,
    Change,
    Data,
    Log,
    Pointer,
    Record,
    Struct,
    Symbol,
    Unknown,
    Value,
)
from ptrace_net.record.signatures import params


def record_json(record: Record) -> str:
    """One line. A call's arguments have the names of the man page where the call is known."""
    body = _call(record) if isinstance(record, Call) else _event(record)
    return json.dumps(
        {key: value for key, value in body.items() if value not in (None, [], "")}, ensure_ascii=True
    )


def lost_json(log: Log) -> list[str]:
    """What was lost, one object per line."""
    return [json.dumps({"type": "lost", "source": str(each.source), "what": each.what}) for each in log.lost]


def _call(call: Call) -> dict[str, Any]:
    names = [param.name for param in params(call.name)]
    named = {names[place] if place < len(names) else f"arg{place}": value_json(value)
             for place, value in enumerate(call.args)}  # fmt: skip
    return {
        "type": "call", "task": call.task, "name": call.name, "args": named, "result": call.result,
        "errno": call.errno, "outcome": call.outcome, "started": call.started, "duration": call.duration,
        "notes": list(call.notes), "lost": list(call.lost), "source": str(call.source),
    }  # fmt: skip


def _event(event: Record) -> dict[str, Any]:
    assert not isinstance(event, Call)
    return {"type": event.kind, "task": event.task, "text": event.text, "value": event.value,
            "started": event.started, "source": str(event.source)}  # fmt: skip


def value_json(value: Value) -> Any:
    """A value as JSON; memory is hexadecimal, with its text beside it where it is text."""
    match value:
        case int():
            return value
        case Symbol(text, number):
            return {"name": text} if number is None else {"name": text, "value": number}
        case Data(data, total):
            shown: dict[str, Any] = {"hex": data.hex(), "size": total}
            return shown | ({"text": data.decode("ascii")} if data.isascii() else {})
        case Pointer(address):
            return {"pointer": hex(address)} if address else None
        case Struct(fields, abbreviated):
            body = {name or f"field{place}": value_json(inner) for place, (name, inner) in enumerate(fields)}
            return body | ({"...": True} if abbreviated else {})
        case Array(items, _):
            return [value_json(item) for item in items]
        case Change(before, after):
            return {"before": value_json(before), "after": value_json(after)}
        case Unknown(text, why):
            return {"unknown": text, "why": why}
