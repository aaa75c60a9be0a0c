"""What was measured, as JSON and as a table; both are made from the same cells."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from bench.measure import Cell
from bench.targets import TARGETS

FIGURES = "<!-- figures: written by `make bench ARGS=--write` -->", "<!-- end of figures -->"
PEERS = "<!-- peers: written by `make bench ARGS='--peers --write'` -->", "<!-- end of peers -->"


def as_json(cells: Iterable[Cell]) -> list[dict[str, object]]:
    """One object per cell: the values of all rounds, in the case's unit, and their ratios to native."""
    return [
        {
            "case": cell.case.name,
            "unit": cell.case.unit,
            "configuration": cell.configuration.name,
            "values": cell.values,
            "ratios": cell.ratios,
            "error": cell.error,
        }
        for cell in cells
    ]


def quantity(value: float) -> str:
    """Three significant digits, thousands grouped: 1234567 → 1,230,000, 0.123 → 0.123."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def times(ratio: float) -> str:
    """Two digits that say something: 1.37, 0.37, 0.0028."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def shown(cell: Cell, reference: Cell) -> str:
    """Native: the value. Others: the ratio to native and its spread; times and sizes as they are."""
    if cell.error is not None:
        return "–" if cell.configuration.peer else "failed"
    if cell is reference or not cell.case.is_rate or not cell.ratios:
        return quantity(cell.median())
    spread = f"{times(min(cell.ratios))}–{times(max(cell.ratios))}"
    return f"{times(statistics.median(cell.ratios))}× ({spread})"


def grid(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, aligned so that it reads as plain text too; the first row is its head."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(word.ljust(width) for word, width in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def by_case(cells: Iterable[Cell]) -> dict[str, list[Cell]]:
    rows: dict[str, list[Cell]] = {}
    for cell in cells:
        rows.setdefault(cell.case.name, []).append(cell)
    return rows


def figures(cells: Sequence[Cell]) -> str:
    """The main table: a row per case, a column per configuration; the first one is native."""
    rows = by_case(cells)
    names = [cell.configuration.name for cell in next(iter(rows.values()))]
    body = [[name, row[0].case.unit, *(shown(cell, row[0]) for cell in row)] for name, row in rows.items()]
    return grid([["case", "unit", *names], *body])


def targets(cells: Sequence[Cell]) -> str:
    """The targets whose cells were measured, met or not; empty when there are none."""
    rows = [row for target in TARGETS for row in target.judge(cells)]
    return grid([["target", "measured", "met"], *rows]) if rows else ""


def problems(cells: Iterable[Cell]) -> str:
    """One line per cell that failed."""
    return "\n".join(
        f"{cell.case.name} under {cell.configuration.name} failed: {cell.error}"
        for cell in cells
        if cell.error
    )


def gaps(cells: Iterable[Cell], left_out: Mapping[str, str]) -> str:
    """Why a peer has no figure: one line for all cases with the same reason, and for each peer left out."""
    cases: dict[tuple[str, str], list[str]] = {}
    for cell in cells:
        if cell.error is not None and cell.configuration.peer:
            cases.setdefault((cell.configuration.name, cell.error), []).append(cell.case.name)
    rows = [f"- {name} ({' · '.join(those)}): {error}" for (name, error), those in cases.items()]
    return "\n".join([*rows, *(f"- {name} is left out: {reason}" for name, reason in left_out.items())])


def ours(cells: Sequence[Cell]) -> str:
    """The page's first part: native, ptrace-net and strace, the targets, what failed."""
    mine = [cell for cell in cells if not cell.configuration.peer]
    return "\n\n".join(filter(None, [figures(mine), targets(mine), problems(mine)]))


def peers(cells: Sequence[Cell], left_out: Mapping[str, str]) -> str:
    """The page's part on the peers, beside native, with the reasons for gaps; empty without peers."""
    rows = by_case(cells).values()
    beside = [cell for row in rows for cell in row if cell is row[0] or cell.configuration.peer]
    measured = any(cell.configuration.peer for cell in cells)
    return "\n\n".join(filter(None, [figures(beside) if measured else "", gaps(beside, left_out)]))


def rewrite(page: Path, text: str, marks: tuple[str, str] = FIGURES) -> None:
    """Replace what stands between two marks of a page."""
    begin, end = marks
    pattern = re.compile(f"({re.escape(begin)}\n).*?(\n{re.escape(end)})", re.DOTALL)
    new, count = pattern.subn(lambda match: match[1] + text + match[2], page.read_text())
    if count != 1:
        raise SystemExit(f"bench: {page.name} has no place for {begin}")
    page.write_text(new)
