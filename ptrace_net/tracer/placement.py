"""Where the supervisor runs: on the processor of the program it serves, where a switch is cheapest.

Between two processors every stop wakes one that may sleep; on one it is a plain switch. The scheduler stays
free to move either: the supervisor is only put beside the program, and looks again after some calls.
"""

from __future__ import annotations

import ctypes
import os

_EVERY = 64  # calls between two looks
_PROCESSOR = 36  # of the fields of /proc/PID/stat after the command's name (proc(5): the 39th of all)

_sched_getcpu = ctypes.CDLL(None).sched_getcpu


class Placement:
    """Call ``served(tid)`` for every call; ``allowed`` is the supervisor's own set of processors."""

    __slots__ = ("_allowed", "_left")

    def __init__(self) -> None:
        self._allowed = os.sched_getaffinity(0)
        self._left = _EVERY if len(self._allowed) > 1 else -1

    def served(self, tid: int) -> None:
        self._left -= 1
        if self._left == 0:
            self._left = _EVERY
            self._move_to(processor_of(tid))

    def _move_to(self, processor: int) -> None:
        if processor == _sched_getcpu() or processor not in self._allowed:
            return
        os.sched_setaffinity(0, {processor})
        os.sched_setaffinity(0, self._allowed)


def processor_of(tid: int) -> int:
    """The processor a thread ran on last; -1 when it is gone."""
    try:
        with open(f"/proc/{tid}/stat", "rb") as stat:
            return int(stat.read().rpartition(b")")[2].split()[_PROCESSOR])
    except (OSError, IndexError):
        return -1
