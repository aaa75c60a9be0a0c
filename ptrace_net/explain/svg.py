"""Byte maps as SVG: one file each, on a ground of their own, with every field's place as a tooltip."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from ptrace_net.explain.page import ByteMap, Cell

_BYTE, _LINE, _LEFT, _TOP = 84, 34, 44, 26
_ROW = 8
_COLOURS = ("#cfe8ff", "#d6f5d6", "#fff2c2", "#e8dcff", "#ffdcd6", "#d4f4f4")
_GREY = "#e4e4e4"
_MARKS = {"<": "LE", ">": "BE"}
_ORDERS = {"<": "little-endian", ">": "big-endian", "": ""}


def render(block: ByteMap, title: str = "") -> str:
    """The map as an SVG document; rows in the middle of a long field are left out."""
    rows = list(_rows(block))
    width = _LEFT + _ROW * _BYTE + 2
    height = _TOP + len(rows) * _LINE + 2
    name = title or block.title
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12">',
        f"<title>{escape(name)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff" rx="4"/>',
        *(_text(_LEFT + n * _BYTE + 4, _TOP - 9, str(n), "#666") for n in range(min(_ROW, block.size))),
    ]
    for index, start in enumerate(rows):
        parts += _row(block, start, _TOP + index * _LINE)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _rows(block: ByteMap) -> Iterator[int | None]:
    """The offset of each row drawn; None once for rows that are left out."""
    skipping = False
    for start in range(0, block.size, _ROW):
        inside = any(
            c.offset <= start - 2 * _ROW and c.offset + c.size >= start + 3 * _ROW for c in block.cells
        )
        if inside and not skipping:
            yield None
        if not inside:
            yield start
        skipping = inside


def _row(block: ByteMap, start: int | None, top: int) -> Iterator[str]:
    if start is None:
        yield _text(_LEFT + 4 * _BYTE - 6, top + 21, "⋮", "#666")
        return
    yield _text(6, top + 21, str(start), "#666")
    for index, cell in enumerate(block.cells):
        first, last = max(cell.offset, start), min(cell.offset + cell.size, start + _ROW)
        if first < last:
            yield from _cell(cell, index, first - start, last - first, top, first == cell.offset)


def _cell(cell: Cell, index: int, column: int, size: int, top: int, begins: bool) -> Iterator[str]:
    left, width = _LEFT + column * _BYTE, size * _BYTE
    fill = _COLOURS[index % len(_COLOURS)] if cell.kind == "field" else _GREY
    order = f", {_ORDERS[cell.order]}" if cell.order else ""
    value = f" = {cell.value}" if cell.value else ""
    tip = f"{cell.name}{value}: {cell.size} bytes at {cell.offset}{order}"
    place = f'x="{left}" y="{top}" width="{width}" height="{_LINE}"'
    yield f'<g><title>{escape(tip)}</title><rect {place} fill="{fill}" stroke="#555"/>'
    if begins:
        yield _text(left + 6, top + 21, _fitted(cell, width), "#111" if cell.kind == "field" else "#777")
        if cell.order and len(_fitted(cell, width)) * 7 + 30 < width:
            yield _text(left + width - 20, top + 13, _MARKS[cell.order], "#777", 9)
    yield "</g>"


def _fitted(cell: Cell, width: int) -> str:
    room = (width - 10) // 7
    both = f"{cell.name} = {cell.value}" if cell.value else cell.name
    text = next((each for each in (both, cell.value) if each and len(each) <= room), cell.name)
    return text if len(text) <= room else text[: max(1, room - 1)] + "…"


def _text(x: int, y: int, text: str, fill: str, size: int = 12) -> str:
    small = f' font-size="{size}"' if size != 12 else ""
    return f'<text x="{x}" y="{y}" fill="{fill}"{small}>{escape(text)}</text>'
