"""What ptrace-net says when it cannot do something, and the exit status that goes with it."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from types import TracebackType

    from ptrace_net.tracer.spawn import SpawnError

OWN_FAILURE, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127
_KEPT = 32


class Said(NamedTuple):
    """A line of ours, and when it was (seconds since 1970)."""

    at: float
    text: str


said: deque[Said] = deque(maxlen=_KEPT)  # the latest, for `ptrace-net ps`: in the background nobody hears


class Failure(Exception):
    """ptrace-net cannot do it: the line to print, which names the remedy, and the exit status."""

    def __init__(self, text: str, status: int = OWN_FAILURE) -> None:
        super().__init__(text)
        self.status = status


def spawn_failure(error: SpawnError, program: str) -> Failure:
    """The line and the exit status for a program that did not start."""
    from ptrace_net import diagnose

    status = OWN_FAILURE
    if error.step == "exec":
        status = NOT_FOUND if error.number == errno.ENOENT else NOT_EXECUTABLE
    return Failure(diagnose.spawn_failed(error, program), status)


def complain(text: str) -> None:
    """One line on standard error; where that is closed nobody hears it, and the exit status stands."""
    said.append(Said(time.time(), text))
    if sys.stderr is not None:
        with suppress(OSError):
            os.write(2, f"ptrace-net: {text}\n".encode(errors="backslashreplace"))


def internal_error(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """For sys.excepthook: what nobody foresaw is ours, not the program's, and has a status of its own."""
    sys.__excepthook__(kind, error, traceback)
    complain("this is an error of ptrace-net itself; its programs are ended")
    os._exit(OWN_FAILURE)
