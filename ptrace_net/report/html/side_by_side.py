"""A comparison of two logs side by side: equal stretches folded, divergences marked, linked and explained."""

from collections.abc import Iterator
from html import escape
from itertools import groupby

from ptrace_net.record.diff.report import DiffReport, Pair, complaints
from ptrace_net.record.diff.steps import Step
from ptrace_net.record.diff.text import one_line
from ptrace_net.record.render import call_text
from ptrace_net.report.html.page import page

_FOLD = 8
"""Equal stretches longer than this are folded."""


def render(report: DiffReport) -> str:
    """The page."""
    title = f"{report.left.name} and {report.right.name}"
    return page(title, "\n".join([*_summary(report), *_index(report), *_complaints(report), *_calls(report)]))


def _summary(report: DiffReport) -> Iterator[str]:
    paired = sum(1 for pair in report.pairs if pair.left and pair.right)
    verdict = "no divergence that matters"
    if report.first is not None:
        verdict = f'{len(report.divergences)} divergences; <a href="#d{report.first}">the first</a>'
    yield f"<p>{escape(report.left.kind)} on the left, {escape(report.right.kind)} on the right; "
    yield f"{paired} calls on both sides; {verdict}.</p>"


def _index(report: DiffReport) -> Iterator[str]:
    places = [place for place, pair in enumerate(report.pairs) if pair.matters]
    if places:
        yield "<h2>Divergences</h2><ol>"
        yield from (
            f'<li><a href="#d{place}">{escape(one_line(report.pairs[place]))}</a></li>' for place in places
        )
        yield "</ol>"


def _complaints(report: DiffReport) -> Iterator[str]:
    for side, log in (("left", report.left), ("right", report.right)):
        if found := complaints(log):
            lines = "".join(f"<li><code>{escape(line)}</code></li>" for line in found)
            yield f"<h2>What the {side} kernel says that it lacks</h2><ul>{lines}</ul>"


def _calls(report: DiffReport) -> Iterator[str]:
    yield "<h2>Calls</h2>"
    numbered = list(enumerate(report.pairs))
    for equal, group in groupby(numbered, lambda item: not item[1].differences and not item[1].outside):
        rows = list(group)
        table = _table(report, rows)
        if equal and len(rows) > _FOLD:
            yield f"<details><summary>{len(rows)} calls that agree</summary>{table}</details>"
        else:
            yield table


def _table(report: DiffReport, rows: list[tuple[int, Pair]]) -> str:
    head = f"<tr><th>{escape(report.left.name)}</th><th>{escape(report.right.name)}</th></tr>"
    return f"<table>{head}{''.join(_row(place, pair) for place, pair in rows)}</table>"


def _row(place: int, pair: Pair) -> str:
    kind = (
        "outside"
        if pair.outside
        else "alone"
        if not (pair.left and pair.right)
        else "differs"
        if pair.matters
        else ""
    )
    why = "".join(
        f'<span class="why">{escape(f"{each.kind}: {each.what}")}</span>' for each in pair.differences
    )
    return (
        f'<tr id="d{place}" class="{kind}"><td>{_cell(pair.left)}{why}</td><td>{_cell(pair.right)}</td></tr>'
    )


def _cell(step: Step | None) -> str:
    if step is None:
        return ""
    notes = "".join(f'<span class="why">{escape(note)}</span>' for note in step.call.notes)
    where = f'<span class="where">{escape(str(step.call.source))} {step.call.task}</span>'
    return f"{where}{escape(call_text(step.call, 120))}{notes}"
