"""A page as text: byte maps drawn with box characters, tables in aligned columns, colour where wanted."""

from __future__ import annotations

from collections.abc import Iterator
from textwrap import wrap

from ptrace_net.explain.page import Block, ByteMap, Cell, Facts, Page, Table

_BOLD, _DIM, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"
_COLOURS = tuple(f"\x1b[{code}m" for code in (36, 32, 33, 35, 34, 31))
_BYTE = 8  # characters that a byte takes in a map
_ROW = 8  # bytes in a row of a map


def render(page: Page, *, colour: bool = False, width: int = 110) -> str:
    """The page as lines that end with a newline; ``width`` is where the last column of a table wraps."""
    style = _Style(colour)
    blocks = [style.bold(page.title) + (f"\n{page.summary}" if page.summary else "")]
    blocks += ["\n".join(_block(block, style, width)) for block in page.blocks]
    return "\n\n".join(blocks) + "\n"


class _Style:
    def __init__(self, colour: bool) -> None:
        self.colour = colour

    def bold(self, text: str) -> str:
        return f"{_BOLD}{text}{_RESET}" if self.colour else text

    def dim(self, text: str) -> str:
        return f"{_DIM}{text}{_RESET}" if self.colour else text

    def field(self, index: int, text: str) -> str:
        return f"{_COLOURS[index % len(_COLOURS)]}{text}{_RESET}" if self.colour else text


def _block(block: Block, style: _Style, width: int) -> Iterator[str]:
    if isinstance(block, ByteMap):
        return byte_map(block, style)
    return _table(block, style, width) if isinstance(block, Table) else _facts(block, style, width)


def _facts(block: Facts, style: _Style, width: int) -> Iterator[str]:
    indent = max((len(label) for label, _ in block.rows), default=0) + 2
    for label, text in block.rows:
        first, *rest = wrap(text, max(20, width - indent)) or [""]
        yield style.bold(f"{label:{indent}}") + first
        yield from (" " * indent + line for line in rest)


def _table(block: Table, style: _Style, width: int) -> Iterator[str]:
    if block.title:
        yield style.bold(block.title)
    columns = list(zip(block.headers, *block.rows, strict=True))
    widths = [max(map(len, column)) for column in columns]
    last = max(24, width - sum(widths[:-1]) - 2 * (len(widths) - 1))
    yield style.dim(_line(block, block.headers, widths))
    for row in block.rows:
        pieces = wrap(row[-1], last) or [""]
        yield _line(block, (*row[:-1], pieces[0]), widths)
        indent = " " * (sum(widths[:-1]) + 2 * (len(widths) - 1))
        yield from (indent + piece for piece in pieces[1:])


def _line(block: Table, row: tuple[str, ...], widths: list[int]) -> str:
    cells = (
        text.rjust(size) if header in block.numbers else text.ljust(size)
        for header, text, size in zip(block.headers, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def byte_map(block: ByteMap, style: _Style) -> Iterator[str]:
    """The map: a ruler, then eight bytes to a row, each field in its box; long fields are cut short."""
    if block.title:
        yield style.bold(block.title)
    yield " " * 6 + "".join(f"{n:<{_BYTE}}" for n in range(min(_ROW, block.size))).rstrip()
    left_out = set(_left_out(block))
    for start in range(0, block.size, _ROW):
        if start in left_out:
            if start - _ROW not in left_out:
                yield style.dim(f"     ┊ {_cells_in(block, start)[0].size} bytes in all")
            continue
        yield _border(block, start)
        yield _row(block, start, style)
    yield _border(block, (block.size + _ROW - 1) // _ROW * _ROW)


def _left_out(block: ByteMap) -> Iterator[int]:
    """The rows in the middle of a long field: all but its first two and its last two."""
    for start in range(0, block.size, _ROW):
        cells = _cells_in(block, start)
        if len(cells) == 1:
            first, last = start - cells[0].offset, cells[0].offset + cells[0].size - start
            if first >= 2 * _ROW and last > 2 * _ROW:
                yield start


def _cells_in(block: ByteMap, start: int) -> tuple[Cell, ...]:
    end = min(start + _ROW, block.size)
    return tuple(each for each in block.cells if each.offset < end and each.offset + each.size > start)


def _edges(block: ByteMap, start: int) -> set[int]:
    """Columns, in bytes, where a vertical line stands in the row that begins at ``start``."""
    if not 0 <= start < block.size:
        return set()
    end = min(start + _ROW, block.size)
    return {0, end - start} | {each.offset - start for each in _cells_in(block, start) if each.offset > start}


def _owner(block: ByteMap, offset: int, start: int) -> Cell | None:
    """The cell that has the byte at ``offset``, which must lie in the row that begins at ``start``."""
    if offset < 0 or start < 0:
        return None
    return next((each for each in block.cells if each.offset <= offset < each.offset + each.size), None)


def _border(block: ByteMap, start: int) -> str:
    """The line above the row at ``start``; left open where one field goes on from the row before."""
    above, below = _edges(block, start - _ROW), _edges(block, start)
    owners = [
        (_owner(block, start - _ROW + n, start - _ROW), _owner(block, start + n, start)) for n in range(_ROW)
    ]
    lines = [up is not down for up, down in owners]
    width = max(above | below)
    text = ""
    for column in range(width + 1):
        left, right = column > 0 and lines[column - 1], column < width and lines[column]
        text += _CORNERS[column in above, column in below, left, right]
        if column < width:
            text += ("─" if right else " ") * (_BYTE - 1)
    return ("     " + text).rstrip()


# (a line up, down, left, right) -> the character where they meet.
_CORNERS = {
    (up, down, left, right): " ╶╴─╷┌┐┬╵└┘┴│├┤┼"[8 * up + 4 * down + 2 * left + right]
    for up in (False, True) for down in (False, True) for left in (False, True) for right in (False, True)
}  # fmt: skip


def _row(block: ByteMap, start: int, style: _Style) -> str:
    end = min(start + _ROW, block.size)
    line = f"{start:4} │"
    for cell in _cells_in(block, start):
        first, last = max(cell.offset, start), min(cell.offset + cell.size, end)
        room = (last - first) * _BYTE - 1
        text = _label(cell, room) if cell.offset >= start else _continued(cell, last, start, room)
        padded = f" {text}".ljust(room)[:room]
        line += style.dim(padded) if cell.kind != "field" else style.field(block.cells.index(cell), padded)
        line += "│"
    return line


def _continued(cell: Cell, last: int, start: int, room: int) -> str:
    """The name again, where no byte of a field stands under another of its bytes."""
    beside = start - cell.offset < _ROW and last - start <= cell.offset - (start - _ROW)
    return f"… {cell.name}"[: room - 2] if beside and cell.kind == "field" else ""


def _label(cell: Cell, room: int) -> str:
    """Name and value, or what of them there is room for, and the byte order where that fits too."""
    if cell.kind == "padding":
        return "·" * (room - 2)
    both = f"{cell.name} = {cell.value}" if cell.value else cell.name
    text = next((each for each in (both, cell.value) if each and len(each) <= room - 2), cell.name)
    order = f" {cell.order}" if cell.order and len(text) + 2 <= room - 2 else ""
    return (text if len(text) <= room - 2 else text[: room - 3] + "…") + order
