"""Lowering what waits: poll, epoll, select, and their timeouts."""

import struct

from ptrace_net.record.model import Array, Change, Pointer, Struct, Value, number_of
from ptrace_net.record.replay.lowering import (
    EPOLL_EVENT,
    MAX_EVENTS,
    POLLFD,
    QUIET_MS,
    CannotReplay,
    Context,
    Kind,
    null_only,
    user_word,
)
from ptrace_net.record.replay.wire import Argument, block
from ptrace_net.record.signatures import Param

_EPOLL_CTL_DEL = 2


def _poll(context: Context, place: int, value: Value, param: Param) -> Argument:
    array = value.before if isinstance(value, Change) else value
    if not isinstance(array, Array) or array.abbreviated:
        raise CannotReplay("what it waits for is not in the log")
    raw = b""
    for item in array.items:
        number = number_of(item.get("fd")) if isinstance(item, Struct) else None
        events = number_of(item.get("events")) if isinstance(item, Struct) else None
        if number is None:
            raise CannotReplay("what it waits for is not in the log")
        raw += POLLFD.pack(context.descriptor(number) if number >= 0 else number, events or 0, 0)
    context.out(place, "poll")
    return block(raw, out=1)


def _milliseconds(context: Context, place: int, value: Value, param: Param) -> Argument:
    asked = context.number(place)
    if context.call.result == 0:
        return min(asked, QUIET_MS) if asked >= 0 else QUIET_MS
    return context.patience if asked else 0


def _event(context: Context, place: int, value: Value, param: Param) -> Argument:
    if number_of(context.call.arg(1)) == _EPOLL_CTL_DEL:
        return 0  # whatever the program passed is not looked at
    if isinstance(value, Pointer):
        return null_only(value)
    events = number_of(value.get("events")) if isinstance(value, Struct) else None
    if events is None:
        raise CannotReplay("the event is not in the log")
    return block(EPOLL_EVENT.pack(events & 0xFFFFFFFF, user_word(value) & 0xFFFFFFFFFFFFFFFF))


def _events_out(context: Context, place: int, value: Value, param: Param) -> Argument:
    context.out(place, "events")
    return block(b"", EPOLL_EVENT.size * min(max(context.number(place + 1), 1), MAX_EVENTS), 1)


def _pointer(context: Context, place: int, value: Value, param: Param) -> Argument:
    """Timeouts (``{tv_sec=0, tv_nsec=0}``) are shortened as the others are; signal masks are left out."""
    if param.name != "timeout" or not isinstance(value, Struct | Change):
        return 0
    wait = QUIET_MS if context.call.result == 0 else context.patience
    unit = 1_000_000 if context.call.name in ("ppoll", "pselect6", "recvmmsg") else 1000
    return block(struct.pack("=qq", wait // 1000, wait % 1000 * unit))


def _fd_set(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return null_only(value)
    items = value.items if isinstance(value, Array) else ()
    numbers = [context.descriptor(number) for item in items if (number := number_of(item)) is not None]
    bits = sum(1 << number for number in set(numbers))
    context.made.arguments[0] = max([1024 if numbers else 0, context.number(0)])
    context.out(place, "set")
    return block(bits.to_bytes(128, "little"), out=1)


KINDS: dict[str, Kind] = {
    "pollfds": _poll, "ms": _milliseconds, "epev": _event, "epev_out": _events_out,
    "ptr": _pointer, "fdset": _fd_set,
}  # fmt: skip
