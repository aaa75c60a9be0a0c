"""Columns of text."""

from __future__ import annotations

from collections.abc import Iterable


def table(rows: Iterable[tuple[str, ...]], width: int = 0) -> str:
    """Lines with aligned columns, cut at ``width`` (0: not at all). Control characters are shown as ``?``."""
    clean = [["".join(c if c.isprintable() else "?" for c in cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in clean]
    return "\n".join(line[:width] if width else line for line in lines)
