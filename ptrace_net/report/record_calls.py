"""A decoded call as a record: ``record.model.Call``, descriptors with the sockets behind them.

What goes to a netlink socket is recorded as bytes, so that it can be sent again, with its meaning in a note;
what comes from one is recorded decoded. What the host got instead stands in notes, without payload.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.record import model
from ptrace_net.record.model import Array, Outcome, Struct, Symbol
from ptrace_net.record.names import errno_name
from ptrace_net.report.record_descriptors import labelled
from ptrace_net.report.record_values import cut, recorded
from ptrace_net.report.text import RESTARTS, call_text, value_text
from ptrace_net.syscalls.decode import messages
from ptrace_net.syscalls.decode.netlink import MOST
from ptrace_net.syscalls.decode.values import Data, Pointer, Value
from ptrace_net.syscalls.decode.view import View

if TYPE_CHECKING:
    from ptrace_net.syscalls.decode import DecodedCall, Step
    from ptrace_net.syscalls.seam import Call

_MAKING = {"socket", "accept", "accept4"}
_SENDING = {"send", "sendto", "sendmsg"}
Label = Callable[[int], model.Value]


def record_of(call: DecodedCall, made: Call | None, limit: int | None = None) -> model.Call:
    """The record of a call that has returned, or never will; buffers cut to ``limit`` bytes if given.

    ``made`` is a call of the same thread, for what is to be looked up in it; None when the thread is gone.
    """
    arguments, notes = call.arguments, tuple(map(_host_text, call.steps))
    told: tuple[str, ...] = ()
    if call.name in _SENDING and made is not None:
        arguments, told = _netlink_bytes(call, View(made.task, made.arch, MOST))
    if limit is not None and not told:
        arguments = tuple((name, cut(name, value, limit)) for name, value in arguments)
    if call.name == "recvmsg" and call.result is not None and call.result < 0 and made is not None:
        arguments = (arguments[0], ("msg", _room(call, made)), *arguments[2:])
    values = [recorded(value) for _, value in arguments]
    detail = "" if made is None else _name_sockets(call, values, partial(labelled, made.task))
    result, errno, outcome = result_of(call.result)
    return model.Call(
        call.tid, call.name, tuple(values), result, errno, outcome, round(call.time, 6), _spent(call),
        notes=(*told, *notes), detail=detail,
    )  # fmt: skip


def result_of(result: int | None) -> tuple[int | None, str | None, Outcome]:
    """Result, errno and outcome of what a call returned; None where it did not return."""
    if result is None:
        return None, None, "unfinished"
    if result in RESTARTS:
        return None, errno_name(-result), "unfinished"
    return (result, None, "returned") if result >= 0 else (-1, errno_name(-result), "returned")


def _spent(call: DecodedCall) -> float | None:
    return None if call.result is None else round(max(0.0, time.time() - call.time), 6)


def _name_sockets(call: DecodedCall, values: list[model.Value], label: Label) -> str:
    """Name in ``values`` the sockets that the call uses and passes; returns the name of the one it made."""
    succeeded = call.result is not None and call.result >= 0
    if call.name == "socketpair" and succeeded:
        values[3] = _each(values[3], label)
    elif call.name not in ("socket", "socketpair") and isinstance(values[0], int):
        values[0] = label(values[0])
    if call.name in ("sendmsg", "recvmsg"):
        values[1] = _with_rights(values[1], label)
    if call.name not in _MAKING or not succeeded:
        return ""
    made = label(call.result or 0)
    return made.text.partition("<")[2][:-1] if isinstance(made, Symbol) else ""


def _each(value: model.Value, label: Label) -> model.Value:
    if not isinstance(value, Array):
        return value
    return Array(tuple(label(item) if isinstance(item, int) else item for item in value.items))


def _with_rights(value: model.Value, label: Label) -> model.Value:
    """A message header with the sockets behind the descriptors of its SCM_RIGHTS messages."""
    if isinstance(value, Struct) and value.get("msg_iov") is not None and value.get("msg_control") is None:
        return value
    if isinstance(value, Array):
        return Array(tuple(_with_rights(item, label) for item in value.items), value.abbreviated)
    if not isinstance(value, Struct):
        return value
    rights = isinstance(kind := value.get("cmsg_type"), Symbol) and kind.text == "SCM_RIGHTS"
    return Struct(tuple(
        (name, _each(inner, label) if rights and name == "cmsg_data"
         else _with_rights(inner, label) if name == "msg_control" else inner)
        for name, inner in value.fields
    ), value.abbreviated)  # fmt: skip


def _room(call: DecodedCall, made: Call) -> Value:
    """The message header of a recvmsg(2) that failed: empty, and how much there was room for."""
    return messages.message(View(made.task, made.arch, 0), call.raw[1], 0)


def _netlink_bytes(call: DecodedCall, view: View) -> tuple[tuple[tuple[str, Value], ...], tuple[str, ...]]:
    """The arguments with the bytes of netlink messages, and what these mean."""
    rows = list(call.arguments)
    name, value = rows[1]
    if name == "buf" and not isinstance(value, Data | Pointer):
        rows[1] = (name, view.buffer(call.raw[1], min(call.raw[2], MOST)))
        return tuple(rows), (value_text(value),)
    told = tuple(value_text(piece) for piece in _decoded_pieces(value))
    if told:
        rows[1] = (name, messages.message(view, call.raw[1], None))
    return tuple(rows), told


def _decoded_pieces(value: Value) -> list[Value]:
    """What is decoded in the pieces of a message instead of shown as bytes."""
    fields = dict(getattr(value, "fields", ()))
    pieces = getattr(fields.get("msg_iov"), "items", ())
    contents = (dict(getattr(piece, "fields", ())).get("iov_base") for piece in pieces)
    return [each for each in contents if each is not None and not isinstance(each, Data | Pointer)]


def _host_text(step: Step) -> str:
    """What the host got, in one line."""
    result = "?" if step.result is None else str(step.result)
    if step.result is not None and step.result < 0:
        result = f"-1 {errno_name(-step.result)}"
    arguments = (cut(name, value, 0) if name in ("buf", "msg") else value for name, value in step.arguments)
    return f"host: {call_text(step.name, arguments)} = {result}"
