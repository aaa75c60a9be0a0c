"""The page of a layout: byte map, fields, the values in given bytes, and architectures side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from ptrace_net.abi.arch import Arch
from ptrace_net.abi.kinds import Array, Pad
from ptrace_net.abi.layout import Layout, Place
from ptrace_net.explain.meaning import meaning, value_text
from ptrace_net.explain.notes import NOTES
from ptrace_net.explain.page import Block, ByteMap, Cell, Facts, Page, Table, facts

_ORDERS = {"<": "little", ">": "big", "": ""}


class Leaf(NamedTuple):
    """A field as deep as structs go, ``msg_hdr.msg_iov``, at its offset in the whole."""

    name: str
    offset: int
    place: Place
    path: tuple[str | int, ...]


def leaves(
    layout: Layout, arch: Arch, at: int = 0, name: str = "", path: tuple[str | int, ...] = ()
) -> Iterator[Leaf]:
    """The fields of a layout, those of nested structs and of arrays of structs included."""
    for place in layout.fields(arch):
        kind, whole, steps = place.field.type, f"{name}{place.name}", (*path, place.name)
        if isinstance(kind, Layout):
            yield from leaves(kind, arch, at + place.offset, f"{whole}.", steps)
        elif isinstance(kind, Array) and isinstance(kind.item, Layout):
            for index in range(kind.length(arch)):
                start = at + place.offset + index * kind.item.size(arch)
                yield from leaves(kind.item, arch, start, f"{whole}[{index}].", (*steps, index))
        else:
            yield Leaf(whole, at + place.offset, place, steps)


def value_at(values: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        values = values[step] if isinstance(step, int) else getattr(values, step)
    return values


def byte_map(layout: Layout, arch: Arch, values: Any = None, title: str = "") -> ByteMap:
    """The map of a layout: its fields, and the padding between and after them."""
    cells: list[Cell] = []
    end = 0
    for leaf in leaves(layout, arch):
        if leaf.offset > end:
            cells.append(Cell("padding", end, leaf.offset - end, "padding"))
        pad = isinstance(leaf.place.field.type, Pad)
        shown = "" if pad or values is None else _shown(leaf, values, arch)
        order = leaf.place.order
        cells.append(
            Cell(leaf.name, leaf.offset, leaf.place.size, "reserved" if pad else "field", order, shown)
        )
        end = leaf.offset + leaf.place.size
    if layout.size(arch) > end:
        cells.append(Cell("padding", end, layout.size(arch) - end, "padding"))
    return ByteMap(title, layout.size(arch), tuple(cells))


def _shown(leaf: Leaf, values: Any, arch: Arch) -> str:
    value = value_at(values, leaf.path)
    return meaning(leaf.place.field, value, arch) or value_text(leaf.place.field.type, value)


def fields_table(layout: Layout, arch: Arch) -> Table:
    rows = tuple(
        (
            str(leaf.offset),
            str(leaf.place.size),
            leaf.name,
            leaf.place.type,
            _ORDERS[leaf.place.order],
            leaf.place.doc,
        )
        for leaf in leaves(layout, arch)
    )
    return Table("", ("offset", "size", "field", "type", "order", "meaning"), rows)


def values_table(layout: Layout, data: bytes, arch: Arch, values: Any = None, at: int = 0) -> Table:
    """Every field with its bytes, value and meaning. Raises AbiError where ``data`` is no whole layout."""
    values = layout.parse(data, arch) if values is None else values
    rows = []
    for leaf in leaves(layout, arch):
        raw = data[leaf.offset : leaf.offset + leaf.place.size]
        bytes_ = raw.hex(" ") if len(raw) <= 16 else raw[:14].hex(" ") + " …"
        row = [str(at + leaf.offset), leaf.name, bytes_]
        if isinstance(leaf.place.field.type, Pad):
            rows.append((*row, "", "reserved"))
        else:
            field, value = leaf.place.field, value_at(values, leaf.path)
            rows.append((*row, value_text(field.type, value), meaning(field, value, arch) or field.doc))
    return Table("", ("offset", "field", "bytes", "value", "meaning"), tuple(rows))


def about(layout: Layout, arch: Arch) -> Facts:
    return facts(
        ("header", f"<{layout.header}>"),
        ("size", f"{layout.size(arch)} bytes, aligned to {layout.align(arch)}, on {arch}"),
        ("lengths", layout.lengths),
        ("used by", ", ".join(f"{name}(2)" for name in layout.calls)),
    )


def page(layout: Layout, arch: Arch) -> Page:
    """The page of a layout without bytes."""
    told = Facts(tuple(("note", note) for note in NOTES.get(layout.name, ())))
    blocks: tuple[Block, ...] = (about(layout, arch), byte_map(layout, arch), fields_table(layout, arch))
    return Page(titled(layout), layout.doc, (*blocks, told) if told.rows else blocks)


def titled(layout: Layout) -> str:
    """The C type, and the name of the layout where that says something else (one use of a union)."""
    return layout.c if layout.name in layout.c else f"{layout.c} ({layout.name})"


def value_page(layout: Layout, data: bytes, arch: Arch) -> Page:
    """The page of a layout with the values of ``data``. Raises AbiError for a wrong length."""
    values = layout.parse(data, arch)
    blocks = (byte_map(layout, arch, values), values_table(layout, data, arch, values))
    return Page(f"{titled(layout)}, {len(data)} bytes on {arch}", layout.doc, blocks)


def compared(layout: Layout, arches: tuple[Arch, ...]) -> Page:
    """The page of a layout on several architectures side by side; a row that differs is marked."""
    each = [{leaf.name: leaf for leaf in leaves(layout, arch)} for arch in arches]
    rows = [_compared(name, [found.get(name) for found in each]) for name in each[0]]
    sizes = [str(layout.size(arch)) for arch in arches]
    rows.append(("(size)", *sizes, _marked(sizes)))
    table = Table("", ("field", *(arch.name for arch in arches), ""), tuple(rows))
    maps = (byte_map(layout, arch, title=f"{arch}") for arch in arches)
    about_them = Facts((("header", f"<{layout.header}>"), ("cells", "offset, size, type and byte order")))
    title = f"{titled(layout)} on {' and '.join(map(str, arches))}"
    return Page(title, layout.doc, (about_them, table, *maps))


def _compared(name: str, found: list[Leaf | None]) -> tuple[str, ...]:
    cells = [_cell(leaf) if leaf else "-" for leaf in found]
    return (name, *cells, _marked(cells))


def _cell(leaf: Leaf) -> str:
    order = f" {_ORDERS[leaf.place.order]}" if leaf.place.order else ""
    return f"{leaf.offset:>3} {leaf.place.size:>3} {leaf.place.type}{order}"


def _marked(cells: list[str]) -> str:
    return "" if len(set(cells)) == 1 else "differs"
