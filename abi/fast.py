"""The fast form of a layout: ``struct`` calls derived from the same fields as its construct.

``struct`` knows one byte order per format. A layout with big-endian fields (ports) on a little-endian machine
is therefore read in a few runs of one order each, and written in one go with those fields as bytes. Values
come as a flat tuple in field order; padding has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import accumulate
from typing import Any, Literal

from ptrace_net.abi.errors import AbiError

Parts = tuple[tuple[str, str], ...]  # (byte order or "", struct code)


def _runs(parts: Parts) -> list[str]:
    """Formats of one byte order each; parts without an order join the run they stand in."""
    runs: list[list[str]] = [["", ""]]
    for order, code in parts:
        if order and runs[-1][0] and order != runs[-1][0]:
            runs.append([order, code])
        else:
            runs[-1] = [runs[-1][0] or order, runs[-1][1] + code]
    return [(order or "=") + codes for order, codes in runs]


class Fast:
    """``unpack`` and ``pack`` of one layout for one architecture."""

    __slots__ = ("_error", "_foreign", "_lengths", "_order", "_pack", "_unpacks", "size")

    def __init__(self, parts: Parts, endian: str, error: Callable[[int], AbiError]) -> None:
        """``endian`` is the machine's own byte order; ``error`` makes the error of so many bytes."""
        runs = [struct.Struct(run) for run in _runs(parts)]
        starts = [0, *accumulate(each.size for each in runs)]
        self._unpacks = tuple((each.unpack_from, at) for each, at in zip(runs, starts, strict=False))
        valued = [(order, code) for order, code in parts if not code.endswith("x")]
        foreign = [bool(order) and order != endian for order, _ in valued]
        sizes = [struct.calcsize("=" + code) for _, code in valued]
        self._foreign = tuple((i, sizes[i]) for i, each in enumerate(foreign) if each)
        self._order: Literal["little", "big"] = "big" if endian == "<" else "little"
        whole = "".join(
            f"{struct.calcsize('=' + code)}s" if order and order != endian else code for order, code in parts
        )
        self._pack = struct.Struct(endian + whole).pack
        self._lengths = tuple((i, sizes[i]) for i, (_, code) in enumerate(valued) if code.endswith("s"))
        self._error = error
        self.size = starts[-1]

    def unpack(self, data: bytes | bytearray | memoryview, offset: int = 0) -> tuple[Any, ...]:
        """The values at ``offset``; what follows the layout is not looked at.

        Raises:
            AbiError: fewer than ``size`` bytes from ``offset``.
        """
        values: tuple[Any, ...] = ()
        try:
            for unpack, start in self._unpacks:
                values += unpack(data, offset + start)
        except struct.error:
            raise self._error(max(0, len(data) - offset)) from None
        return values

    def exact(self, data: bytes | bytearray | memoryview) -> tuple[Any, ...]:
        """The values of ``data``, which must be exactly as long as the layout."""
        if len(data) != self.size:
            raise self._error(len(data))
        return self.unpack(data)

    def pack(self, *values: Any) -> bytes:
        """The bytes of the values, given in field order.

        Raises:
            AbiError: a value that its field cannot hold, or too many or too few values.
        """
        fields: Any = values
        try:
            if self._foreign:
                fields = list(values)
                for index, size in self._foreign:
                    fields[index] = fields[index].to_bytes(size, self._order)
            data = self._pack(*fields)
            for index, length in self._lengths:  # struct would have padded or cut them without a word
                if len(values[index]) != length:
                    raise self._misfit(f"{len(values[index])} bytes for a field of {length}")
        except (struct.error, OverflowError, AttributeError, IndexError) as error:
            raise self._misfit(str(error)) from None
        return data

    def _misfit(self, problem: str) -> AbiError:
        return AbiError(self._error(self.size).layout, "", 0, problem)
