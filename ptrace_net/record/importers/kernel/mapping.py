"""The log of any other kernel, by a mapping file that its author writes: regular expressions to fields.

A mapping is TOML; docs/logs.md describes it with an example::

    name = "mykernel"
    frame = '^\\[ *(?P<time>[\\d.]+)\\] (?P<task>\\d+) (?P<message>.*)'

    [[line]]
    kind = "entry"
    pattern = 'enter (?P<name>\\w+)\\((?P<args>[^)]*)\\)'

The groups of a line's pattern are ``name`` (or the key ``name``), ``args`` (registers, separated by commas),
``result`` (negative for an errno), ``errno`` (a name), ``text``, ``host`` with ``port``, or the name of any
argument in the man page (``fd``, ``level``, ``optname``).
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from ptrace_net.record.errors import RecordError
from ptrace_net.record.importers.kernel.facts import Assembler, Fact, FactKind
from ptrace_net.record.importers.kernel.raw import call_name, decode
from ptrace_net.record.importers.strace.literals import parse_number
from ptrace_net.record.model import Log, Source, Symbol, Unknown, Value
from ptrace_net.record.names import constant, errno_number, spell
from ptrace_net.record.signatures import Param, index_of, params
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, struct_of

_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]+|\d+)")


@dataclass(frozen=True, slots=True)
class LineRule:
    """One kind of line."""

    kind: FactKind
    pattern: re.Pattern[str]
    name: str = ""


@dataclass(frozen=True, slots=True)
class LogMapping:
    """A mapping file: its name, the frame of every line, the kinds of lines in the order they are tried."""

    name: str
    frame: re.Pattern[str]
    lines: tuple[LineRule, ...]


def load(path: Path) -> LogMapping:
    """Read a mapping file. Raises `RecordError` that names the file and what is wrong in it."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        rules = tuple(_rule(entry) for entry in raw["line"])
        return LogMapping(
            str(raw.get("name", path.stem)), re.compile(raw.get("frame", "(?P<message>.*)")), rules
        )
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError, re.error) as error:
        problem = f"the key {error} is missing" if isinstance(error, KeyError) else str(error)
        raise RecordError(f"{path}: not a mapping file: {problem}") from error


def _rule(entry: Mapping[str, str]) -> LineRule:
    if entry["kind"] not in get_args(FactKind):
        raise ValueError(f"kind {entry['kind']!r} is not one of {', '.join(get_args(FactKind))}")
    return LineRule(cast(FactKind, entry["kind"]), re.compile(entry["pattern"]), entry.get("name", ""))


def read(name: str, lines: Iterable[str], mapping: LogMapping) -> Log:
    """Read a log by `mapping`."""
    return Assembler(name, mapping.name).run(facts(name, lines, mapping))


def facts(name: str, lines: Iterable[str], mapping: LogMapping) -> Iterator[Fact]:
    """What the lines say, in order."""
    for number, raw in enumerate(lines, 1):
        text = raw.rstrip("\r\n")
        frame = mapping.frame.search(text)
        if frame is None:
            if text.strip():
                yield Fact("output", 0, Source(name, number, 1), text=text.strip())
            continue
        groups = frame.groupdict()
        message = groups.get("message") or ""
        column = frame.start("message") + 1 if groups.get("message") else 1
        base = Fact("note", _int(groups.get("task")) or 0, Source(name, number, column),
                    _float(groups.get("time")), text=message)  # fmt: skip
        yield _fact(base, message, mapping.lines)


def _fact(base: Fact, message: str, rules: Iterable[LineRule]) -> Fact:
    for rule in rules:
        if found := rule.pattern.search(message):
            groups = {key: text for key, text in found.groupdict().items() if text is not None}
            task = _int(groups.pop("task", None))
            base = base if task is None else base._replace(task=task)
            return _build(base, rule, groups, message)
    return base


def _build(base: Fact, rule: LineRule, groups: dict[str, str], message: str) -> Fact:
    named = groups.pop("name", rule.name)
    name = call_name(named) if named else ""
    result = _int(groups.pop("result", None))
    error = groups.pop("errno", None)
    if error is not None:
        number = errno_number(error) or _int(error)
        result = -number if number else result
    text = groups.pop("text", message if rule.kind in ("note", "panic") else "")
    return base._replace(
        kind=rule.kind, name=name, values=tuple(_values(name, groups)), result=result, text=text
    )


def _values(name: str, groups: dict[str, str]) -> Iterator[tuple[int, Value]]:
    if "args" in groups:
        registers = [_int(word.strip()) or 0 for word in groups["args"].split(",") if word.strip()]
        yield from enumerate(decode(name, registers))
    place = index_of(name, "addr")
    if "host" in groups and "port" in groups and place is not None:
        family = AF_INET6 if ":" in groups["host"] else AF_INET
        yield place, struct_of(Endpoint(family, groups["host"], _int(groups["port"]) or 0))
    for position, param in enumerate(params(name)):
        if param.name in groups:
            yield position, _value(param, groups[param.name], groups)


def _value(param: Param, text: str, groups: dict[str, str]) -> Value:
    number = _int(text)
    if number is None:
        return Symbol(text, constant(text)) if text.isidentifier() else Unknown(text)
    if param.kind == "optname":
        return spell("optname", number, _int(groups.get("level")) or constant(groups.get("level", "")))
    return (
        spell(param.kind, number)
        if param.kind in ("domain", "type", "level", "how", "cmd", "msgflags")
        else number
    )


def _int(text: str | None) -> int | None:
    found = _NUMBER.fullmatch(text.strip()) if text else None
    return parse_number(found[0]) if found else None


def _float(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
