"""Decoded calls as JSON objects, one per line; docs/trace.md describes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ptrace_net.report.text import value_text
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

if TYPE_CHECKING:
    from ptrace_net.syscalls.decode import DecodedCall, Step


def plain(value: Value) -> Any:
    """``value`` in terms of JSON: names beside their numbers, bytes as hexadecimal, NULL as null."""
    if isinstance(value, int):
        return int(value)
    match value:
        case Symbol(text, number):
            return {"name": text, "value": number}
        case Data(data, total):
            return {"hex": data.hex(), "text": data.decode("latin-1"), "length": total}
        case Name(data):
            return data.decode("utf-8", "backslashreplace")
        case Pointer(address):
            return {"pointer": hex(address)} if address else None
        case Host(text, _):
            return text
        case Applied(_, argument, number):
            if isinstance(argument, int):
                return number
            return {"name": value_text(argument).strip('"'), "value": number}
        case Struct(fields, _):
            return {name: plain(inner) for name, inner in fields}
        case Array(items, _):
            return [plain(item) for item in items]
        case Change(before, after):
            return {"before": plain(before), "after": plain(after)}


def line(call: DecodedCall) -> str:
    """One call as one line."""
    record: dict[str, Any] = {
        "time": round(call.time, 6),
        "pid": call.pid,
        "tid": call.tid,
        "arch": call.arch,
        "call": call.name,
        "args": {name: plain(value) for name, value in call.arguments},
        "raw": [int(register) for register in call.raw],
        "result": call.result,
        "errno": call.errno,
    }
    if call.left is not None:
        record["left"] = plain(call.left)
    if call.steps:
        record["host"] = [_step(step) for step in call.steps]
    return json.dumps(record, separators=(",", ":"))


def _step(step: Step) -> dict[str, Any]:
    return {
        "call": step.name,
        "args": {name: plain(value) for name, value in step.arguments},
        "result": step.result,
    }
