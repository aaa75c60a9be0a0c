"""The processes below another one, from /proc/PID/task/TID/children (proc(5))."""

from __future__ import annotations

import os
import signal


def of(pid: int) -> list[int]:
    """Every descendant of ``pid`` that is alive, parents before their children."""
    found: list[int] = []
    queue = [pid]
    while queue:
        children = _children(queue.pop())
        found += children
        queue += children
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/children") as file:
                children += map(int, file.read().split())
    except OSError:
        pass  # ended while we looked
    return children


def kill(pid: int) -> None:
    """Kill every descendant of ``pid``, again until none is left: they may fork meanwhile."""
    for _ in range(100):
        alive = of(pid)
        if not alive:
            return
        for each in alive:
            try:
                os.kill(each, signal.SIGKILL)
            except ProcessLookupError:
                continue
        reap()


def reap() -> None:
    """Collect ended children without waiting."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
