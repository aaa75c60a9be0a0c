"""What a panic says of the call that it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ptrace_net.abi.constants.socket import AF, SOCK
from ptrace_net.policing.calls import program_of, string_at
from ptrace_net.report.text import head_text
from ptrace_net.syscalls.decode import scalars
from ptrace_net.syscalls.decode.call import decode_entry
from ptrace_net.syscalls.table import ARGUMENTS

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Call

_FLAGS = {"flags": "flags", "msg flags": "flags"}
TYPE_MASK = 0xF


def call_line(call: Call) -> str:
    """The call as a trace would begin it."""
    if call.name not in ARGUMENTS:
        return f"{call.name}({', '.join(map(hex, call.args))})"
    head = head_text(call.name, decode_entry(call).values)
    return head + ("..." if head.endswith(", ") else ")")


def filled(text: str, call: Call) -> str:
    """``text`` with its fields; one that the call does not have is ``?``."""
    return text.format_map(_Fields(call))


class _Fields(dict[str, Any]):
    """The fields of ``policies.behaviour.FIELDS``, computed when asked for."""

    def __init__(self, call: Call) -> None:
        super().__init__()
        self._call = call
        row = ARGUMENTS.get(call.name, ())
        self._by_kind = {argument.kind.name: value for argument, value in zip(row, call.args, strict=False)}

    def __missing__(self, field: str) -> Any:
        call, by_kind = self._call, self._by_kind
        match field:
            case "call":
                return call.name
            case "number":
                return call.arch.syscalls.get(call.name, "?")
            case "program":
                return program_of(call.task)
            case "pid":
                return call.task.tgid
            case "family" | "family_name":
                return self._named("domain", AF, field, 0xFFFFFFFF)
            case "type" | "type_name":
                return self._named("type", SOCK, field, TYPE_MASK)
            case "option_name":
                known = {"level", "option"} <= by_kind.keys()
                option = scalars.option(by_kind["level"], by_kind["option"]) if known else "?"
                return getattr(option, "text", option)
            case "flags":
                return hex(by_kind.get("msg flags", by_kind.get("accept flags", 0)) & 0xFFFFFFFF)
            case "request":
                return hex(by_kind.get("request", 0))
            case "path":
                return next((path for path in map(self._path, call.args[:2]) if path), "?")
        return by_kind.get(field, "?")

    def _named(self, kind: str, table: Any, field: str, mask: int) -> Any:
        if kind not in self._by_kind:
            return "?"
        number = self._by_kind[kind] & mask
        return table.name(number) if field.endswith("_name") else number

    def _path(self, address: int) -> str | None:
        text = string_at(self._call.task, address)
        return text if text and text.startswith("/") else None
