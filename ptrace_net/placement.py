"""On which CPU a thread is woken while we work for it (sched_setaffinity(2)).

ADDFD wakes the thread and sleeps until it has taken the descriptor. The kernel likes to wake it on a CPU that
idles, and us on another one after that: two interrupts across CPUs, which cost more than the call. So the
thread is kept on our CPU for that moment; and so is one that sleeps in epoll_wait(2) or the like, while a
connection or a datagram is put into what it sleeps for (``Prompt``). Nobody sees it but who looks at another
thread in the middle of a call; if somebody moves that thread meanwhile, it stays where he wants it.
"""

from __future__ import annotations

import ctypes
import time
from typing import Final

_libc = ctypes.PyDLL(None)  # none of these calls sleeps
_get: Final = _libc.sched_getaffinity
_set: Final = _libc.sched_setaffinity
_cpu: Final = _libc.sched_getcpu
# The kernel wants room for all CPUs that it could have.
_SIZES = (8, 16, 128, 1024)  # bytes: 8192 CPUs at most
_SIZE: Final = next((size for size in _SIZES if _get(0, size, ctypes.create_string_buffer(size)) >= 0), 0)
_its: Final = bytearray(_SIZE)
_now: Final = bytearray(_SIZE)
_its_address: Final = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(_its)) if _SIZE else 0)
_now_address: Final = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(_now)) if _SIZE else 0)


_masks: Final[dict[int, bytes]] = {}  # by CPU: that one alone


def bring(tid: int) -> bytes | None:
    """Keep the thread on our CPU; what ``release`` wants. None where it is here anyway, or may not be moved.
    """
    if not _SIZE or _get(tid, _SIZE, _its_address) < 0:
        return None
    cpu: int = _cpu()
    ours = _masks.get(cpu) or _masks.setdefault(cpu, (1 << cpu).to_bytes(_SIZE, "little"))
    if _its == ours or _set(tid, _SIZE, ours) < 0:
        return None
    return ours


def release(tid: int, ours: bytes) -> None:
    """Give the thread its CPUs back, unless somebody has given it others meanwhile."""
    if _get(tid, _SIZE, _now_address) >= 0 and _now == ours:
        _set(tid, _SIZE, _its_address)


_AT_ONCE: Final = 0.0002  # seconds from what wakes a thread that sleeps to the call by which it takes that
_USUALLY: Final = 4  # times in a row
_monotonic: Final = time.monotonic


class Prompt:
    """The thread that takes what comes at once, as far as it usually does: then it sleeps until something
    comes.
    """

    __slots__ = ("_latest", "_tid", "_times")

    def __init__(self) -> None:
        self._tid, self._times, self._latest = 0, 0, 0.0

    def bring(self) -> bytes | None:
        """Something is about to wake it: keep it on our CPU, where it usually sleeps."""
        return bring(self._tid) if self._times >= _USUALLY else None

    def came(self, brought: bytes | None) -> None:
        """It has been woken, after ``bring``."""
        if brought is not None:
            release(self._tid, brought)
        self._latest = _monotonic()

    def sleeps_in_sight(self) -> None:
        """Whoever takes it sleeps in a call of ours, and is woken by its answer."""
        self._times = 0

    def took(self, tid: int) -> None:
        """Thread ``tid`` takes what came."""
        self._times = self._times + 1 if _monotonic() - self._latest < _AT_ONCE else 0
        self._tid = tid
