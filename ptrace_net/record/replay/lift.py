"""What a call brought back, as a `Call` that reads like the recorded one.

The shape of the recorded arguments is kept where memory alone does not tell it (an option's fields); what
the log abbreviated is whole here.
"""

import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from ptrace_net.record.model import Array, Call, Change, Data, Pointer, Struct, Value, number_of
from ptrace_net.record.names import errno_name, spell
from ptrace_net.record.replay.lowering import EPOLL_EVENT, POLLFD, Lowered
from ptrace_net.record.replay.options import unpack_like
from ptrace_net.record.replay.pool import Answer
from ptrace_net.record.sockaddr import struct_of, unpack

_MMSGHDR, _MSG_LEN = 64, 56


def lift(call: Call, lowered: Lowered, answer: Answer, recorded_number: Mapping[int, int]) -> Call:
    """`call` with the results of `answer`; `recorded_number` translates actual descriptors back."""
    outs = _by_place(lowered, answer)
    arguments = list(call.args)
    for place, parts in outs.items():
        arguments[place] = _value(call, place, parts, answer, recorded_number)
    failed = answer.result == -1
    return replace(
        call, args=tuple(arguments), result=answer.result, errno=errno_name(answer.errno) if failed else None,
        outcome="unfinished" if answer.blocked else "returned", detail="", notes=(), lost=(), duration=None,
    )  # fmt: skip


def _by_place(lowered: Lowered, answer: Answer) -> dict[int, list[tuple[str, bytes]]]:
    found: dict[int, list[tuple[str, bytes]]] = {}
    for (place, tag), raw in zip(lowered.outs, answer.out, strict=False):
        found.setdefault(place, []).append((tag, raw))
    return found


def _value(
    call: Call, place: int, parts: list[tuple[str, bytes]], answer: Answer, back: Mapping[int, int]
) -> Value:
    before = call.args[place]
    tag, raw = parts[0]
    if tag in _FROM_RESULT:
        return _FROM_RESULT[tag](before, raw, answer)
    if tag == "poll":
        return _polled(before, raw)
    if tag == "set":
        return before
    if tag == "pair":
        numbers = struct.unpack("=ii", raw)
        return Array(tuple(back.get(number, number) for number in numbers)) if answer.result == 0 else before
    if tag == "option":
        return before if answer.result < 0 else unpack_like(before, raw[: _given(call, place, answer, raw)])
    return _messages(before, parts, answer) if tag == "headers" else _pieces(before, parts, answer)


def _messages(before: Value, parts: list[tuple[str, bytes]], answer: Answer) -> Value:
    """The messages that came, each in the shape of the recorded one."""
    if answer.result < 0 or not isinstance(before, Array):
        return before
    found: list[Value] = []
    for place, item in enumerate(before.items[: answer.result]):
        (size,) = struct.unpack_from("=I", parts[0][1], place * _MMSGHDR + _MSG_LEN)
        mine = [(tag.partition(":")[2], raw) for tag, raw in parts if tag.startswith(f"{place}:")]
        fields = dict(item.fields) if isinstance(item, Struct) else {}
        fields["msg_hdr"] = _pieces(fields["msg_hdr"], mine, answer._replace(result=size))
        fields["msg_len"] = size
        found.append(Struct(tuple(fields.items())))
    return Array(tuple(found), before.abbreviated)


def _given(call: Call, place: int, answer: Answer, raw: bytes) -> int:
    """How many bytes of an option's value are meant: what the log says it has."""
    length = number_of(call.arg(place + 1)) if call.name == "getsockopt" else len(raw)
    return len(raw) if length is None else min(length, len(raw))


def _address(before: Value, raw: bytes, answer: Answer) -> Value:
    endpoint = unpack(raw) if answer.result >= 0 and any(raw) else None
    return struct_of(endpoint) if endpoint else Pointer(1) if isinstance(before, Pointer) else before


def _length(before: Value, raw: bytes, answer: Answer) -> Value:
    if answer.result < 0:
        return before
    after = int.from_bytes(raw, "little", signed=True)
    item = before.items[0] if isinstance(before, Array) and before.items else before
    first = item.before if isinstance(item, Change) else item
    first = 128 if isinstance(first, Pointer) else first  # what the replay passed instead
    return Array((first if first == after else Change(first, after),))


def _data(before: Value, raw: bytes, answer: Answer) -> Value:
    return Data(raw, len(raw)) if answer.result >= 0 else before


def _events(before: Value, raw: bytes, answer: Answer) -> Value:
    if answer.result < 0:
        return before
    items: list[Value] = []
    for place in range(min(answer.result, len(raw) // EPOLL_EVENT.size)):
        events, word = EPOLL_EVENT.unpack_from(raw, place * EPOLL_EVENT.size)
        data = Struct((("u32", word & 0xFFFFFFFF), ("u64", word)))
        items.append(Struct((("events", spell("epoll", events)), ("data", data))))
    return Array(tuple(items))


_FROM_RESULT: dict[str, Callable[[Value, bytes, Answer], Value]] = {
    "address": _address, "length": _length, "data": _data, "events": _events,
}  # fmt: skip


def _polled(before: Value, raw: bytes) -> Value:
    """The events that poll reported, under the recorded descriptors."""
    array = before.before if isinstance(before, Change) else before
    ready: list[Value] = []
    for place, item in enumerate(array.items if isinstance(array, Array) else ()):
        _, _, revents = POLLFD.unpack_from(raw, place * POLLFD.size)
        number = item.get("fd") if isinstance(item, Struct) else None
        if revents and number is not None:
            ready.append(Struct((("fd", number), ("revents", spell("poll", revents)))))
    return Change(array, Array(tuple(ready)))


def _pieces(before: Value, parts: list[tuple[str, bytes]], answer: Answer) -> Value:
    """Received pieces of a vector in the place of the recorded ones; the header keeps its recorded shape."""
    if answer.result < 0:
        return before
    received, left = [], answer.result
    for tag, raw in parts:
        if tag == "piece":
            received.append(raw[:left])
            left -= len(received[-1])
    name = next((unpack(raw) for tag, raw in parts if tag == "name" and any(raw)), None)
    value = _with_pieces(before, iter(received))
    if name is None or not isinstance(value, Struct):
        return value
    named = ((key, struct_of(name) if key == "msg_name" else inner) for key, inner in value.fields)
    return Struct(tuple(named), value.abbreviated)


def _with_pieces(value: Value, pieces: Iterator[bytes]) -> Value:
    if isinstance(value, Array):
        return Array(tuple(_with_pieces(item, pieces) for item in value.items), value.abbreviated)
    if not isinstance(value, Struct):
        return value
    fields: list[tuple[str, Value]] = []
    for name, inner in value.fields:
        if name == "iov_base":
            raw = next(pieces, b"")
            fields.append((name, Data(raw, len(raw))))
        else:
            fields.append((name, _with_pieces(inner, pieces) if name in ("msg_iov", "msg_hdr") else inner))
    return Struct(tuple(fields), value.abbreviated)
