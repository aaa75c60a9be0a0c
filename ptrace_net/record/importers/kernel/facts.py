"""What one line of a kernel's log says, as a value; and the assembler that makes calls of such facts.

    entry    a call begins, with its arguments        result   it returned
    detail   more about a call (an address, a buffer) that begins one where no entry line was logged
    note     something the kernel says meanwhile      panic    it dies; the message may be the next line
    output   a line that is not the kernel's

Kernels log at different levels: entries without results, details without entries, a panic and nothing else.
What is missing is said in `Call.lost`; a result that the log does not have is None, never 0.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ptrace_net.record.importers.kernel.raw import call_name
from ptrace_net.record.model import Call, Event, Log, Lost, Outcome, Record, Source, Struct, Unknown, Value
from ptrace_net.record.names import errno_name
from ptrace_net.record.signatures import params

FactKind = Literal["entry", "result", "detail", "note", "panic", "output"]
_NO_ENTRY = "the log has no entry line for this call"
_NO_RESULT = "the log has no result for this call"


class Fact(NamedTuple):
    """One fact. `values` are arguments by position (entry, detail); `result` as the kernel logs it (-errno).

    `closes` tells that a detail also ends its call; `merge` that a detail's structures add to what is known.
    """

    kind: FactKind
    task: int
    source: Source
    time: float | None = None
    name: str = ""
    values: tuple[tuple[int, Value], ...] = ()
    result: int | None = None
    text: str = ""
    closes: bool = False


@dataclass(slots=True)
class _Open:
    """A call that has begun."""

    task: int
    name: str
    source: Source
    time: float | None
    args: dict[int, Value] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    implied: bool = False

    def merge(self, values: Iterable[tuple[int, Value]]) -> None:
        """Fill in what a detail tells; fields of one structure add up over several lines."""
        for place, value in values:
            before = self.args.get(place)
            if isinstance(before, Struct) and isinstance(value, Struct):
                known = dict(before.fields) | dict(value.fields)
                value = Struct(tuple(known.items()), before.abbreviated or value.abbreviated)
            self.args[place] = value

    def arguments(self) -> tuple[Value, ...]:
        """The arguments by position, with `Unknown` in the gaps up to the prototype's length."""
        count = max(
            [len(params(self.name)) if self.args else 0, *(place + 1 for place in self.args)], default=0
        )
        return tuple(self.args.get(place, Unknown("", "not in the log")) for place in range(count))


class Assembler:
    """Makes a `Log` of facts, one open call per task."""

    def __init__(self, name: str, kind: str) -> None:
        self.log = Log(name, kind)
        self.open: dict[int, _Open] = {}
        self.panicking: Fact | None = None

    def run(self, facts: Iterable[Fact]) -> Log:
        """Take all facts; the log is complete afterwards."""
        for fact in facts:
            self.log.records.extend(self._take(fact))
        self.log.records.extend(self._panic(""))
        for begun in list(self.open.values()):
            self.log.records.append(self._end(begun, None, None, "unfinished"))
        return self.log

    def _take(self, fact: Fact) -> Iterator[Record]:
        if self.panicking and fact.kind in ("output", "panic"):
            yield from self._panic(fact.text)
            return
        yield from self._panic("")
        yield from getattr(self, f"_{fact.kind}")(fact)

    def _entry(self, fact: Fact) -> Iterator[Record]:
        if before := self.open.pop(fact.task, None):
            yield self._end(before, None, None, "no result")
        self.open[fact.task] = begun = _Open(fact.task, fact.name, fact.source, fact.time)
        begun.merge(fact.values)

    def _detail(self, fact: Fact) -> Iterator[Record]:
        begun = self.open.get(fact.task)
        if (
            begun is None
            or (fact.name and begun.name != fact.name)
            or (begun.implied and self._repeats(begun, fact))
        ):
            if begun is not None:
                yield self._end(self.open.pop(fact.task), None, None, "no result")
            self.open[fact.task] = begun = _Open(fact.task, fact.name, fact.source, fact.time, implied=True)
        begun.merge(fact.values)
        if fact.text:
            begun.notes.append(fact.text)
        if fact.closes:
            yield self._end(self.open.pop(fact.task), fact.result, fact.time, "returned")

    def _repeats(self, begun: _Open, fact: Fact) -> bool:
        """Whether a detail begins the next call instead of adding to the implied one."""
        before, now = begun.args.get(0), dict(fact.values).get(0)
        if not isinstance(before, int) or not isinstance(now, int):
            return False
        news = any(begun.args.get(place) != value for place, value in fact.values)
        return before != now or (news and not fact.closes)

    def _result(self, fact: Fact) -> Iterator[Record]:
        begun = self.open.get(fact.task)
        if begun is not None and fact.name and begun.name != fact.name:
            yield self._end(self.open.pop(fact.task), None, None, "no result")
            begun = None
        if begun is None:
            begun = _Open(fact.task, fact.name or "unknown", fact.source, fact.time, implied=True)
            begun.merge(fact.values)
        self.open.pop(fact.task, None)
        yield self._end(begun, fact.result, fact.time, "returned", fact.text)

    def _note(self, fact: Fact) -> Iterator[Record]:
        begun = self.open.get(fact.task)
        if begun is not None:
            begun.notes.append(fact.text)
        else:
            yield Event(fact.task, "note", fact.text, None, fact.time, fact.source)

    def _output(self, fact: Fact) -> Iterator[Record]:
        self.log.lost.append(Lost(fact.source, f"not a line of the kernel: {fact.text[:60]!r}"))
        return iter(())

    def _panic(self, message: "str | Fact") -> Iterator[Record]:
        """Begin a panic (a fact) or finish one (its message)."""
        if isinstance(message, Fact):
            self.panicking = message
            return
        fact, self.panicking = self.panicking, None
        if fact is None:
            return
        text = ": ".join(filter(None, [fact.text.rstrip(": "), message.strip()]))
        yield from self._blame(fact, text)
        yield Event(fact.task, "panic", text, None, fact.time, fact.source)

    def _blame(self, fact: Fact, text: str) -> Iterator[Record]:
        begun = self.open.pop(fact.task, None)
        unknown = unknown_call(text)
        if begun is None and unknown:
            begun = _Open(fact.task, unknown, fact.source, fact.time, implied=True)
        if begun is not None:
            begun.notes.append(f"panicked: {text}")
            yield self._end(begun, None, fact.time, "panicked")

    def _end(
        self, begun: _Open, result: int | None, time: float | None, outcome: Outcome, error: str = ""
    ) -> Call:
        lost = [_NO_ENTRY] if begun.implied else []
        if result is None and not error and outcome == "no result":
            lost.append(_NO_RESULT)
        self.log.lost.extend(Lost(begun.source, f"{begun.name}: {what}") for what in lost)
        duration = time - begun.time if time is not None and begun.time is not None else None
        call = Call(begun.task, begun.name, begun.arguments(), result, None, outcome, begun.time, duration,
                    begun.source, tuple(begun.notes), tuple(lost))  # fmt: skip
        return with_result(call, result, error)


def unknown_call(text: str) -> str:
    """The call in a panic's ``unknown syscall id: 307``; empty where the text has none."""
    _, found, number = text.partition("unknown syscall id: ")
    digits = number.split()[0] if found and number.split() else ""
    return call_name(digits) if digits.isdigit() else ""


def with_result(call: Call, result: int | None, error: str = "") -> Call:
    """`call` with a result as kernels log it: a negative number from -1 to -4095 is an errno."""
    if error:
        return replace(call, result=-1, errno=error)
    if result is not None and -4095 <= result < 0:
        return replace(call, result=-1, errno=errno_name(-result))
    return replace(call, result=result)
