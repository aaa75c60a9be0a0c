"""What a log or a recording says, as values: calls, events, and what could not be recovered.

A live tracer, an importer and a recording file all fill the same types, so that comparing, replaying,
exporting and showing need to know nothing about where a call came from. An argument is one of

    int                a number as it was in the register
    Symbol             a named constant or an OR of flags, with its number where that is known
    Data               memory read or written, perhaps only its beginning
    Pointer            an address whose memory nobody read; address 0 is NULL
    Struct, Array      decoded memory, complete or abbreviated
    Change             a value-result argument, before and after the call (``[128 => 28]``)
    Unknown            something that is there and was not recovered; says why

and a log is a sequence of `Call` and `Event`, in the order of completion.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias


class Symbol(NamedTuple):
    """A constant by name: ``SOL_SOCKET``, ``SOCK_STREAM|SOCK_CLOEXEC``; `number` is None where unknown."""

    text: str
    number: int | None = None


class Data(NamedTuple):
    """The bytes at a pointer: `data` is what is known of them, `total` how many there are (None: unknown)."""

    data: bytes
    total: int | None = None

    @property
    def complete(self) -> bool:
        """Whether every byte is known."""
        return self.total == len(self.data)


class Pointer(NamedTuple):
    """An address in the program whose memory the log does not show; 0 is NULL."""

    address: int


class Unknown(NamedTuple):
    """A value that the log has but that could not be read; `text` is what stood there, `why` a phrase."""

    text: str
    why: str = "not recovered"


class Struct(NamedTuple):
    """Decoded fields in order; `abbreviated` when the log left some out (``...``)."""

    fields: tuple[tuple[str, "Value"], ...]
    abbreviated: bool = False

    def get(self, name: str) -> "Value | None":
        """The value of field `name`, or None."""
        return next((value for key, value in self.fields if key == name), None)


class Array(NamedTuple):
    """Elements in order; `abbreviated` when the log left some out."""

    items: tuple["Value", ...]
    abbreviated: bool = False


class Change(NamedTuple):
    """A value-result argument: what the program passed and what the kernel left there."""

    before: "Value"
    after: "Value"


Value: TypeAlias = int | Symbol | Data | Pointer | Struct | Array | Change | Unknown

Outcome = Literal["returned", "unfinished", "no result", "panicked"]
EventKind = Literal["signal", "exit", "killed", "fork", "exec", "panic", "note", "restart"]


class Source(NamedTuple):
    """Where in the log: file name, line and column, both from 1; (name, 0, 0) for a live tracer."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


NOWHERE = Source()
"""No place in any file: what a live tracer reports."""


class Lost(NamedTuple):
    """Something that an importer met and could not recover."""

    source: Source
    what: str

    def __str__(self) -> str:
        return f"{self.source}: {self.what}"


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of one task.

    `result` is the returned number (descriptor, count, 0), -1 with `errno` set, or None where the log
    does not say; `started` is in seconds on the log's own clock, `duration` in seconds. `notes` are what
    the kernel itself printed during the call. `args` may be shorter than the prototype where the log is.
    `detail` is what strace prints in parentheses; `ended` the line on which an interrupted call returned,
    0 for its own.
    """

    task: int
    name: str
    args: tuple[Value, ...] = ()
    result: int | None = None
    errno: str | None = None
    outcome: Outcome = "returned"
    started: float | None = None
    duration: float | None = None
    source: Source = NOWHERE
    notes: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    detail: str = ""
    ended: int = 0

    @property
    def failed(self) -> bool:
        """Whether the call is known to have failed."""
        return self.errno is not None or self.outcome == "panicked"

    def arg(self, index: int) -> Value | None:
        """Argument `index`, or None where the log is shorter."""
        return self.args[index] if index < len(self.args) else None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that is not a call: a signal, an exit, a new task, a panic, a line of the kernel's own.

    `value` is the exit status, the signal number or the new task, where there is one.
    """

    task: int
    kind: EventKind
    text: str
    value: int | None = None
    started: float | None = None
    source: Source = NOWHERE


Record: TypeAlias = Call | Event


@dataclass(slots=True)
class Log:
    """A whole log: where it came from, what it says, what was lost.

    `kind` names the format (``strace``, ``arceos``, …, ``recording``); `config` is what a recording tells
    about the run (policy, devices, command), empty for logs.
    """

    name: str
    kind: str
    records: list[Record] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    config: dict[str, object] = field(default_factory=dict)

    @property
    def calls(self) -> Iterator[Call]:
        """The calls alone."""
        return (record for record in self.records if isinstance(record, Call))

    @property
    def events(self) -> Iterator[Event]:
        """The events alone."""
        return (record for record in self.records if isinstance(record, Event))


def number_of(value: Value | None) -> int | None:
    """The number that `value` stands for after the call, or None."""
    match value:
        case int():
            return value
        case Symbol(number=number):
            return number
        case Pointer(address):
            return address
        case Change(after=after):
            return number_of(after)
        case Array(items=(only,)):
            return number_of(only)
        case _:
            return None
