"""What lowering and lifting share: layouts, limits, and what is known while a call is lowered."""

import platform
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from ptrace_net.record.model import Array, Call, Change, Data, Pointer, Struct, Value, number_of
from ptrace_net.record.replay.wire import Argument
from ptrace_net.record.signatures import Param

MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
EPOLL_EVENT = struct.Struct("<IQ" if MACHINE == "x86_64" else "=I4xQ")
POLLFD = struct.Struct("=ihh")
FILLER = b"."
LARGEST = 1 << 22
"""The most bytes that one replayed call passes; a log may claim any number."""

MAX_EVENTS = 1 << 16
WAIT_LIMIT_MS = 3000
"""How long a wait that returned something in the log may last."""

QUIET_MS = 20
"""How long a wait that ran out in the log is made to last: the log's time is not replayed."""


class CannotReplay(Exception):
    """A call that cannot be made again; the text says why."""


@dataclass(slots=True)
class Lowered:
    """A call ready to be made: number, arguments, and what the blocks that come back are."""

    number: int
    arguments: list[Argument] = field(default_factory=list)
    outs: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Context:
    """What the kinds need to know: the call, where descriptors went, what has been lowered."""

    call: Call
    descriptor: Callable[[int], int]
    made: Lowered
    patience: int = WAIT_LIMIT_MS

    def out(self, place: int, tag: str) -> None:
        """Say that a block of argument `place` comes back, and what it is."""
        self.made.outs.append((place, tag))

    def number(self, place: int) -> int:
        """The number in argument `place`."""
        value = number_of(self.call.arg(place))
        if value is None:
            raise CannotReplay(f"argument {place + 1} of {self.call.name} is not in the log")
        return value


Kind = Callable[[Context, int, Value, Param], Argument]
"""Lowers one argument: the context, its position, its value, its parameter."""


def before_call(value: Value | None) -> int:
    """The number that a value-result argument had before the call."""
    if isinstance(value, Array) and len(value.items) == 1:
        return before_call(value.items[0])
    if isinstance(value, Change):
        return number_of(value.before) or 0
    number = number_of(value) if not isinstance(value, Pointer) else None
    return 128 if number is None else number


def null_only(value: Pointer) -> int:
    if value.address:
        raise CannotReplay("the memory of an argument is not in the log")
    return 0


def payload(value: Value, size: int) -> bytes:
    """`size` bytes (at most `LARGEST`) that begin as the log shows; what it does not show is filler."""
    known = value.data if isinstance(value, Data) else b""
    size = min(size, LARGEST)
    return known[:size] + FILLER * max(0, size - len(known))


def user_word(event: Value) -> int:
    """The caller's own word in an epoll_event: ``data={u32=4, u64=4}``, or ``data=0x…``."""
    data = event.get("data") if isinstance(event, Struct) else None
    if isinstance(data, Struct):
        return number_of(data.get("u64")) or number_of(data.get("u32")) or 0
    return number_of(data) or 0
