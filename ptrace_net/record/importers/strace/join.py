"""Joins the halves of interrupted calls and keeps the clock.

Lines of one task may be interrupted (``<unfinished ...>`` … ``<... resumed>``), by other tasks, by
strace's own messages, or by the program's output on the same terminal. Times are the log's own: seconds
of the day for -t and -tt (midnight adds a day), the epoch for -ttt, a running sum for -r.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from ptrace_net.record.importers.strace.call import UNFINISHED, Text, parse, partial
from ptrace_net.record.importers.strace.line import Line, split
from ptrace_net.record.importers.strace.literals import decimal
from ptrace_net.record.importers.strace.who import Who
from ptrace_net.record.model import Call, Event, EventKind, Lost, Record, Source
from ptrace_net.record.names import syscall_number
from ptrace_net.record.signatures import NEW_TASK, NO_RETURN

DAY = 86400.0
QUOTED = re.compile(r"\b([a-z][a-z0-9_]*)\((?=.*\)\s*= (?:-?\d|\?))")
_EXITED = re.compile(r"exited with (-?\d+)")
_SIGNAL_NAME = re.compile(r"(SIG[A-Z0-9_+]+)")
_ATTACHED = re.compile(r"(?:strace: )?Process (\d+) attached\s*$")
_HAS_RESULT = re.compile(r"<unfinished \.\.\.>\)?\s*= ")


class Joiner:
    """One per log; `lost` receives what cannot be recovered."""

    def __init__(self, name: str, task: int, lost: list[Lost]) -> None:
        self.name = name
        self.who = Who(task)
        self.lost = lost
        self.open: dict[int, Text] = {}
        self.clock = 0.0
        self.day = 0.0
        self.last: float | None = None

    def run(self, lines: Iterable[str]) -> Iterator[Record]:
        """Records in the order of completion."""
        for number, raw in enumerate(lines, 1):
            text = raw.rstrip("\r\n").strip("`").replace("\\_", "_")
            if found := _ATTACHED.search(text):
                self.who.attach(decimal(found[1]))
                text = text[: found.start()]
            line = split(text)
            source = Source(self.name, number, line.column)
            yield from self._line(line, source, self._time(line))
        for begun in list(self.open.values()):
            yield self._give_up(begun, "the log ends before the call returned")

    def _time(self, line: Line) -> float | None:
        if line.clock is None:
            return None
        if line.relative:
            self.clock += line.clock
            return self.clock
        if self.last is not None and line.clock < self.last - DAY / 2:
            self.day += DAY
        self.last = line.clock
        return line.clock + self.day

    def _line(self, line: Line, source: Source, started: float | None) -> Iterator[Record]:
        task = self.who.of(line.task)
        if line.kind == "call":
            yield from self._call(task, line, source, started)
        elif line.kind == "resumed":
            yield from self._resumed(task, line, source)
        elif line.kind in ("signal", "exit", "attach"):
            yield from self._event(task, line, source, started)
        elif line.kind in ("tail", "other"):
            yield from self._continued(task, line, source)

    def _call(self, task: int, line: Line, source: Source, started: float | None) -> Iterator[Record]:
        if task in self.open:
            yield self._give_up(self.open[task], "the line is cut before the result")
        text = Text(task, line.name, line.rest, source, started)
        call = None if UNFINISHED.search(line.rest) and not _HAS_RESULT.search(line.rest) else parse(text)
        if call is None:
            self.open[task] = text
        else:
            yield from self._done(call, source.line)

    def _resumed(self, task: int, line: Line, source: Source) -> Iterator[Record]:
        begun = self.open.pop(task, None) or (self.open.pop(0, None) if task == self.who.main else None)
        if begun is None or (line.name and begun.name != line.name):
            what = f"{line.name or 'a call'} resumed, but its beginning is not in the log"
            self.lost.append(Lost(source, what))
            begun = Text(task, line.name or "unknown", "", source)
        body = UNFINISHED.sub("", begun.body) + _glue(begun.body, line.rest) + line.rest
        whole = begun._replace(task=task, body=body)
        call = parse(whole)
        if call is None:
            self.open[task] = whole
        else:
            yield from self._done(call, source.line)

    def _continued(self, task: int, line: Line, source: Source) -> Iterator[Record]:
        """A line without a call: output of the program, perhaps with the end of the interrupted call."""
        begun = self.open.get(task) or next(iter(self.open.values()), None)
        if begun is None or UNFINISHED.search(begun.body):
            yield from self._quoted(task, line, source)
            return
        whole = begun._replace(body=f"{begun.body}\n{line.rest}")
        if UNFINISHED.fullmatch(line.rest):
            self.open[begun.task] = whole
            return
        call = parse(whole) if line.kind == "tail" else None
        if call is not None:
            del self.open[begun.task]
            yield from self._done(call, source.line)

    def _quoted(self, task: int, line: Line, source: Source) -> Iterator[Record]:
        """A call in the middle of a text, as notes quote them."""
        quoted = QUOTED.search(line.rest)
        call = parse(Text(task, quoted[1], line.rest[quoted.end() :], source)) if quoted else None
        if call is not None and syscall_number(call.name) is not None:
            yield from self._done(call, source.line)
        else:
            self.lost.append(Lost(source, f"not a line of strace: {line.rest[:60]!r}"))

    def _done(self, call: Call, line: int) -> Iterator[Record]:
        self.open.pop(call.task, None)
        self.lost.extend(Lost(call.source, what) for what in call.lost)
        yield call if line == call.source.line else replace(call, ended=line)
        if call.name in NEW_TASK and call.result and call.result > 0:
            yield Event(call.task, "fork", call.name, call.result, call.started, call.source)
        elif call.name in ("execve", "execveat") and call.result == 0:
            yield Event(call.task, "exec", call.name, None, call.started, call.source)

    def _give_up(self, text: Text, why: str) -> Call:
        self.open.pop(text.task, None)
        waiting = bool(UNFINISHED.search(text.body))
        never = text.name in NO_RETURN
        call = partial(text, "unfinished" if waiting else "no result", "" if waiting or never else why)
        self.lost.extend(Lost(text.source, what) for what in call.lost)
        return call

    def _event(self, task: int, line: Line, source: Source, started: float | None) -> Iterator[Record]:
        words = line.rest.strip("+- ")
        kind: EventKind = "signal" if line.kind == "signal" else "note"
        value: int | None = None
        if line.kind == "exit":
            if task in self.open:
                yield self._give_up(self.open[task], "the task ended in it")
            found = _EXITED.search(words)
            kind, value = ("exit", decimal(found[1])) if found else ("killed", None)
            if "superseded" in words:
                kind = "note"
            self.who.gone(task)
        elif line.kind == "signal" and (named := _SIGNAL_NAME.search(words)):
            words = f"{named[1]} {words[named.end() :].strip()}".strip()
        yield Event(task, kind, words, value, started, source)


def _glue(body: str, rest: str) -> str:
    """strace 5 writes ``<... x resumed>, more``; its comma went with the frame. What changed has none."""
    left = UNFINISHED.split(body)[0].rstrip()
    return "" if not left or rest.startswith("=>") or left.endswith((",", "(", "{", "[")) else ", "
