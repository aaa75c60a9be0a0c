"""One call of strace's text, arguments and result, as a `Call`.

The text after the opening parenthesis is read with `Scanner`; then comes ``) = result``, a name of an
errno, a text in parentheses, a time in angle brackets. A program that writes to the terminal strace
writes to leaves its output in the middle of lines: what stands between the last argument and ``) = `` is
such output.
"""

import re
from typing import NamedTuple

from ptrace_net.record.importers.strace.literals import parse_number
from ptrace_net.record.importers.strace.scan import Scanner
from ptrace_net.record.importers.strace.settle import settle
from ptrace_net.record.model import Call, Outcome, Source, Unknown, Value
from ptrace_net.record.signatures import params

UNFINISHED = re.compile(r",?\s*<(?:unfinished|detached|ptrace\(SYSCALL\):[^>]*)(?: \.\.\.)?>\s*\)?")
_RESULT = re.compile(r"\s*= +(\?|-?(?:0[xX][0-9a-fA-F]+|\d+))")
_OUTPUT_THEN_RESULT = re.compile(r"\)\s*= +(?=-?\d|\?)")
_ERRNO = re.compile(r"\s*(?:<[^>]*>)?\s*(E[A-Z0-9_]+|\(errno (\d+)\))")
_DETAIL = re.compile(r"\s*\((.*)\)\s*(?=<|$|\()")
_DURATION = re.compile(r"<(\d+\.\d+)>\s*$")
_MIXED = "output of the program stands inside the line"


class Text(NamedTuple):
    """The text of one call, with where and when it was."""

    task: int
    name: str
    body: str
    source: Source
    started: float | None = None


def parse(text: Text) -> Call | None:
    """The call; None when its result is not in the text, so that a later line may bring it."""
    scanner = Scanner(text.body)
    values = scanner.arguments()
    values, mixed = _untangle(text.name, values)
    rest, lost = text.body[scanner.pos :], [_MIXED] if mixed else list(scanner.lost)
    result = _RESULT.match(rest)
    if not result:
        cut = _last(_OUTPUT_THEN_RESULT, text.body)
        if cut is None:
            return None
        scanner = Scanner(text.body[: cut.start()])
        values = scanner.arguments()
        rest = text.body[cut.start() + 1 :]
        values, mixed = _untangle(text.name, values)
        lost = [_MIXED, *([] if mixed else scanner.lost)]
        result = _RESULT.match(rest)
    return _finish(text, values, result, rest, tuple(lost)) if result else None


def partial(text: Text, outcome: Outcome, why: str) -> Call:
    """A call whose end is not in the log: its arguments as far as they go."""
    body = UNFINISHED.sub("", text.body)
    scanner = Scanner(body)
    values = scanner.arguments()
    arguments = settle(text.name, tuple(values), None)
    return Call(text.task, text.name, arguments, outcome=outcome, source=text.source, started=text.started,
                lost=(*scanner.lost, why) if why else tuple(scanner.lost))  # fmt: skip


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(reversed(list(pattern.finditer(text))), None)


def _untangle(name: str, values: list[Value]) -> tuple[list[Value], bool]:
    """Cut off output behind the last argument (``4mp42`` is 4); and whether there was any."""
    count = len(params(name))
    if not count or len(values) < count or not isinstance(last := values[count - 1], Unknown):
        return values, False
    found = re.match(r"-?\d+", last.text)
    return ([*values[: count - 1], parse_number(found[0])], True) if found else (values, False)


def _finish(text: Text, values: list[Value], found: re.Match[str], rest: str, lost: tuple[str, ...]) -> Call:
    tail = rest[found.end() :]
    number = None if found[1] == "?" else parse_number(found[1])
    error, tail = _errno(number, tail)
    duration = _DURATION.search(tail)
    detail = _DETAIL.match(tail)
    words = detail[1] if detail else ""
    outcome: Outcome = "returned" if number is not None else "no result"
    if error and error.startswith("ERESTART"):
        outcome = "unfinished"
    return Call(
        text.task, text.name, settle(text.name, tuple(values), number, words), number, error, outcome,
        text.started, float(duration[1]) if duration else None, text.source, (), lost, words,
    )  # fmt: skip


def _errno(number: int | None, tail: str) -> tuple[str | None, str]:
    found = _ERRNO.match(tail) if number in (-1, None) else None
    if not found:
        return None, tail
    return (f"errno {found[2]}" if found[2] else found[1]), tail[found.end() :]
