"""Which processes a test left behind, daemons included.

The test process makes itself a child subreaper (PR_SET_CHILD_SUBREAPER, prctl(2)): whatever is orphaned
below it, by a double fork or by the death of a supervisor, becomes its child instead of init's, and is
found by walking the tree, whatever session, process group or name it gave itself.
"""

import ctypes
import os
import signal

import psutil

from .deadline import wait_until

PR_SET_CHILD_SUBREAPER = 36

spared: set[int] = set()  # process ids that serve several tests and end with the test run


def adopt_orphans() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def descendants() -> set[psutil.Process]:
    """Every living process below this one but the spared."""
    below = psutil.Process().children(recursive=True)
    return {process for process in below if process.pid not in spared and alive(process)}


def alive(process: psutil.Process) -> bool:
    """False for zombies too; one that has become our own child is reaped."""
    try:
        if process.status() != psutil.STATUS_ZOMBIE:
            return True
        if process.ppid() == os.getpid():
            os.waitpid(process.pid, os.WNOHANG)
    except (psutil.NoSuchProcess, ChildProcessError):
        return False
    return False


def describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} ({' '.join(process.cmdline()) or process.name()}, {process.status()})"
    except psutil.NoSuchProcess:
        return f"{process.pid} (gone)"


def end(processes: set[psutil.Process]) -> None:
    """SIGKILL each, by process identity, and wait until it is gone."""
    for process in processes:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    wait_until(lambda: not any(alive(process) for process in processes), "killed processes gone")


def left_behind(before: set[psutil.Process], seconds: float = 3.0) -> list[str]:
    """Descriptions of the processes that are still there `seconds` after they should have ended.

    They are ended then, so that one failing test does not disturb the next.
    """
    try:
        wait_until(lambda: not descendants() - before, "processes gone", seconds)
    except TimeoutError:
        remaining = descendants() - before
        texts = sorted(map(describe, remaining))
        end(remaining)
        return texts
    return []
