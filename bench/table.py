"""What was measured, as JSON and as a table; both are made from the same cells."""

import re
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.measure import Cell
from bench.targets import TARGETS

BEGIN, END = "<!-- figures: written by `make bench ARGS=--write` -->", "<!-- end of figures -->"


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
        return "failed"
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


def rewrite(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page."""
    pattern = re.compile(f"({re.escape(BEGIN)}\n).*?(\n{re.escape(END)})", re.DOTALL)
    new, count = pattern.subn(lambda match: match[1] + text + match[2], page.read_text())
    if count != 1:
        raise SystemExit(f"bench: {page.name} has no place for the figures ({BEGIN})")
    page.write_text(new)
