"""Answers that a signal kept from their call: it has happened, but the program does not know.

The kernel withdraws a call when a signal reaches its thread, and mostly the program makes it again: then it
is told what came of it the first time, instead of having it happen twice.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.seam import Give, Replace

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Answer, Call

_LIFE = 10.0  # seconds until nobody is expected to ask any more
_WITHOUT_DESCRIPTOR = ("socket", "socketpair")
Told = tuple[str, tuple[int, ...], int]


class _Kept(NamedTuple):
    call: Told
    answer: Answer
    when: float


class Unsent:
    """At most one answer per thread."""

    def __init__(self) -> None:
        self.by_thread: dict[int, _Kept] = {}

    def __len__(self) -> int:
        return len(self.by_thread)

    def keep(self, call: Call, answer: Answer) -> None:
        tid = call.task.tid
        self._drop(tid)
        self.by_thread[tid] = _Kept(_told(call), answer, time.monotonic())

    def take(self, call: Call) -> Answer | None:
        """What came of ``call``, when this is the same call once more."""
        kept = self.by_thread.get(call.task.tid)
        if kept is None:
            return None
        if kept.call != _told(call):
            self._drop(call.task.tid)
            return None
        del self.by_thread[call.task.tid]
        return kept.answer

    def sweep(self) -> None:
        oldest = time.monotonic() - _LIFE
        for tid, kept in list(self.by_thread.items()):
            if kept.when < oldest or not os.path.exists(f"/proc/{tid}"):
                self._drop(tid)

    def _drop(self, tid: int) -> None:
        kept = self.by_thread.pop(tid, None)
        if kept is not None and isinstance(kept.answer, Give | Replace):
            os.close(kept.answer.handle)


def _told(call: Call) -> Told:
    """What makes it the same call: its descriptor may mean another socket by now."""
    inode = 0 if call.name in _WITHOUT_DESCRIPTOR else call.task.socket_inode(call.args[0])
    return call.name, call.args, inode
