"""The options of emulated sockets: stored as they are set. To become a table of every option."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.syscalls.options import OptionValue
    from ptrace_net.syscalls.seam import Task

_INT = struct.Struct("=i")
_DEFAULTS = {(0, 2): 64, (0, 33): 1, (41, 16): -1, (41, 18): 1, (41, 67): -1}


class Options:
    """The options of one socket."""

    __slots__ = ("_values",)

    def __init__(self, family: int, kind: int, protocol: int) -> None:
        self._values: dict[tuple[int, int], bytes] = {}

    def copy(self) -> Options:
        """What an accepted socket inherits."""
        other = Options(0, 0, 0)
        other._values = dict(self._values)
        return other

    def set(
        self, target: EmulatedSocket, task: Task, handle: int, level: int, option: int, value: OptionValue
    ) -> None:
        self._values[level, option] = value.data
        if (level, option) == (41, 26):
            target.v6only = bool(value.integer())

    def get(self, target: EmulatedSocket, handle: int, level: int, option: int, size: int) -> bytes:
        live = {(1, 3): target.kind, (1, 39): target.family, (1, 38): target.protocol}
        live[41, 26] = target.v6only
        number = live.get((level, option), _DEFAULTS.get((level, option), 0))
        return self._values.get((level, option), _INT.pack(number))[:size]

    def value(self, level: int, option: int) -> int:
        """The current value of an integer option."""
        data = self._values.get((level, option))
        if data is None:
            return _DEFAULTS.get((level, option), 0)
        number: int = _INT.unpack(data[:4].ljust(4, b"\0"))[0]
        return number
