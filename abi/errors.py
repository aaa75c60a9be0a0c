"""The one error that a decoder or builder of this package raises."""

from __future__ import annotations


class AbiError(ValueError):
    """Bytes that do not fit a layout, or values that do not fit its fields.

    ``layout`` and ``field`` are C names (``field`` is empty where the layout as a whole is meant) and
    ``offset`` is where in the bytes the trouble begins.
    """

    def __init__(self, layout: str, field: str, offset: int, problem: str) -> None:
        self.layout = layout
        self.field = field
        self.offset = offset
        self.problem = problem
        where = f"{layout}.{field}" if field else layout
        super().__init__(f"{where} at offset {offset}: {problem}")
