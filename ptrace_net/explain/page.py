"""What explain has to say, as values: a page of blocks, for the renderers."""

from __future__ import annotations

from typing import NamedTuple


class Cell(NamedTuple):
    """A run of bytes in a byte map. ``kind`` is field, reserved (named but not read) or padding."""

    name: str
    offset: int
    size: int
    kind: str = "field"
    order: str = ""  # "<", ">" or ""
    value: str = ""


class ByteMap(NamedTuple):
    """A struct drawn byte by byte, eight in a row."""

    title: str
    size: int
    cells: tuple[Cell, ...]


class Table(NamedTuple):
    """Rows of text under headers; a column of numbers is one whose name is in ``numbers``."""

    title: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset({"offset", "size", "number", "bit"})


class Facts(NamedTuple):
    """Short statements with a label each."""

    rows: tuple[tuple[str, str], ...]


Block = ByteMap | Table | Facts


class Page(NamedTuple):
    """Everything about one subject."""

    title: str
    summary: str
    blocks: tuple[Block, ...]

    @property
    def maps(self) -> tuple[ByteMap, ...]:
        return tuple(block for block in self.blocks if isinstance(block, ByteMap))


def facts(*rows: tuple[str, str]) -> Facts:
    """The statements that have something to say."""
    return Facts(tuple((label, text) for label, text in rows if text))
