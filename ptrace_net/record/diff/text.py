"""A comparison as text: the first divergence with its surroundings, then the rest as a summary."""

from collections.abc import Iterator
from itertools import groupby

from ptrace_net.record.diff.report import DiffReport, Pair, complaints
from ptrace_net.record.model import Log
from ptrace_net.record.render import call_text

CONTEXT = 3
LISTED = 40


def render(report: DiffReport, context: int = CONTEXT, listed: int = LISTED) -> Iterator[str]:
    """The lines of the report."""
    yield f"left:  {report.left.name} ({report.left.kind})"
    yield f"right: {report.right.name} ({report.right.kind})"
    paired = sum(1 for pair in report.pairs if pair.left and pair.right)
    yield f"{paired} calls on both sides, {_outside(report)}"
    yield from _tasks(report)
    if report.first is None:
        yield "no divergence that matters"
    else:
        yield ""
        yield from _first(report, report.first, context)
        yield from _rest(report, listed)
        yield from _complaints("left", report.left)
        yield from _complaints("right", report.right)
    counts = report.kinds()
    if counts["count"]:
        yield f"{counts['count']} reads or writes of another length (how a stream is cut is not a divergence)"


def _outside(report: DiffReport) -> str:
    left = sum(1 for pair in report.pairs if pair.outside and pair.left)
    right = sum(1 for pair in report.pairs if pair.outside and pair.right)
    return f"{left} only on the left and {right} only on the right, before or after what both logs cover"


def _tasks(report: DiffReport) -> Iterator[str]:
    pairs = [pair for pair in report.tasks if pair != (None, None)]
    if len(pairs) > 1:
        yield "tasks: " + ", ".join(f"{'-' if a is None else a}={'-' if b is None else b}" for a, b in pairs)


def _first(report: DiffReport, place: int, context: int) -> Iterator[str]:
    yield "first divergence that matters:"
    for pair in report.pairs[max(0, place - context) : place]:
        yield from _both(pair, "  ")
    yield from _both(report.pairs[place], "> ")
    yield from _why(report.pairs[place], "    ")
    for pair in report.pairs[place + 1 : place + 1 + context]:
        yield from _both(pair, "  ")


def _both(pair: Pair, mark: str) -> Iterator[str]:
    yield f"{mark}left   {call_text(pair.left.call) if pair.left else '(no such call)'}"
    yield f"{mark}right  {call_text(pair.right.call) if pair.right else '(no such call)'}"


def _why(pair: Pair, indent: str) -> Iterator[str]:
    for each in pair.differences:
        yield f"{indent}{each.kind}: {each.what}"
        yield f"{indent}  left:  {each.left}"
        yield f"{indent}  right: {each.right}"


def _rest(report: DiffReport, listed: int) -> Iterator[str]:
    rest = [pair for place, pair in enumerate(report.pairs) if pair.matters and place != report.first]
    if not rest:
        return
    yield ""
    yield f"{len(rest)} further divergences:"
    lines = _repeated(rest)
    yield from (f"  {line}" for line in lines[:listed])
    if len(lines) > listed:
        yield f"  … and {len(lines) - listed} more (--all lists them)"


def _complaints(side: str, log: Log) -> Iterator[str]:
    found = complaints(log)
    if found:
        yield ""
        yield f"the {side} kernel says itself that it lacks:"
        yield from (f"  {line}" for line in found)


def _repeated(pairs: list[Pair]) -> list[str]:
    """One line for each run of the same divergence of the same call."""
    lines: list[str] = []
    for _, run in groupby(pairs, _signature):
        same = list(run)
        lines.append(one_line(same[0]) + (f" (and {len(same) - 1} more like it)" if len(same) > 1 else ""))
    return lines


def _signature(pair: Pair) -> tuple[object, ...]:
    step = pair.left or pair.right
    assert step is not None
    told = [
        (each.kind, "" if each.kind in ("missing", "extra") else (each.left, each.right))
        for each in pair.differences
    ]
    return (step.key, tuple(told))


def one_line(pair: Pair) -> str:
    """A divergence in one line: the call, and what each side says."""
    step = pair.left or pair.right
    assert step is not None
    where = step.call.source
    told = "; ".join(f"{each.kind}: left {each.left} | right {each.right}" for each in pair.differences)
    return (
        f"{call_text(step.call, result=False)} [{where}] {told}"
        if where.line
        else f"{call_text(step.call, result=False)} {told}"
    )
