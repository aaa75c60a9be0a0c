"""The fast form of a layout: ``struct`` calls derived from the same fields as its construct.

``struct`` knows one byte order per format, so a layout with big-endian fields (ports) is a few runs of one
order each. Values come as a flat tuple in field order; padding has none.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from ptrace_net.abi.errors import AbiError


def _runs(parts: tuple[tuple[str, str], ...]) -> list[str]:
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

    __slots__ = ("_count", "_error", "_lengths", "_packs", "_unpacks", "size")

    def __init__(self, parts: tuple[tuple[str, str], ...], error: Callable[[int], AbiError]) -> None:
        """``error`` makes the error of so many bytes."""
        structs = [struct.Struct(run) for run in _runs(parts)]
        zeros = [each.unpack(bytes(each.size)) for each in structs]
        starts = [0, *accumulate(each.size for each in structs)]
        firsts = [0, *accumulate(map(len, zeros))]
        self._unpacks = tuple((each.unpack_from, at) for each, at in zip(structs, starts, strict=False))
        self._packs = tuple((each.pack, *span) for each, span in zip(structs, pairwise(firsts), strict=True))
        values = [value for run in zeros for value in run]
        self._lengths = tuple((i, len(value)) for i, value in enumerate(values) if isinstance(value, bytes))
        self._count = len(values)
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
        if len(values) != self._count:
            raise self._misfit(f"{len(values)} values for {self._count} fields")
        for index, length in self._lengths:  # struct would pad or cut them without a word
            if len(values[index]) != length:
                raise self._misfit(f"{len(values[index])} bytes for a field of {length}")
        try:
            return b"".join([pack(*values[first:last]) for pack, first, last in self._packs])
        except struct.error as error:
            raise self._misfit(str(error)) from None

    def _misfit(self, problem: str) -> AbiError:
        return AbiError(self._error(self.size).layout, "", 0, problem)
