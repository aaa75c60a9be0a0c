"""Where a trace goes: whole lines to a file or standard error, each in one write(2).

Text shows calls that overlap as strace -f does: whatever has not returned when another thread's call is
written is closed with ``<unfinished ...>`` first and later ``resumed``.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net.failure import complain
from ptrace_net.report import jsonlines
from ptrace_net.report.text import call_text, head_text, with_result

if TYPE_CHECKING:
    from ptrace_net.syscalls.decode import DecodedCall, Entry

UNFINISHED = " <unfinished ...>"


def opened(destination: str) -> int:
    """The descriptor to write to: "-" is standard error; raises OSError."""
    if destination == "-":
        return os.dup(2)
    return os.open(destination, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o666)


def write_whole(descriptor: int, text: str) -> None:
    data = text.encode("utf-8", "backslashreplace")
    while data:
        try:
            data = data[os.write(descriptor, data) :]
        except BlockingIOError:
            os.set_blocking(descriptor, True)
        except BrokenPipeError:
            return  # nobody reads any more; the program goes on
        except OSError as error:
            complain(f"the trace ends here, the program goes on: {error.strerror}")
            _lead_nowhere(descriptor)
            return


def _lead_nowhere(descriptor: int) -> None:
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, descriptor, inheritable=False)
    os.close(null)


class JsonLines:
    """One object per call, when it has returned."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def entered(self, tid: int, name: str, entry: Entry) -> None:
        """Nothing is told of a call before it has returned."""

    def pending(self) -> bool:
        return False

    def show_pending(self) -> None:
        """There is nothing to show."""

    def finished(self, call: DecodedCall) -> None:
        write_whole(self._descriptor, jsonlines.line(call) + "\n")


class Text:
    """strace's format. ``several`` says whether more than one thread has been seen."""

    def __init__(self, descriptor: int, *, named: bool, several: Callable[[], bool]) -> None:
        """``named``: every line begins with the thread's id, as in strace's files."""
        self._descriptor = descriptor
        self._named = named
        self._several = several
        self._open: dict[int, tuple[str, Entry]] = {}  # entered, not shown yet
        self._split: dict[int, int] = {}  # shown unfinished: how many arguments were

    def entered(self, tid: int, name: str, entry: Entry) -> None:
        self._open[tid] = (name, entry)

    def pending(self) -> bool:
        return bool(self._open)

    def show_pending(self) -> None:
        """Show the calls that have not returned."""
        write_whole(self._descriptor, "".join(self._unfinished(-1)))

    def finished(self, call: DecodedCall) -> None:
        self._open.pop(call.tid, None)
        lines = self._unfinished(call.tid) if self._open else []
        values = [value for _, value in call.arguments]
        shown = self._split.pop(call.tid, None)
        prefix = self._prefix(call.tid)
        if shown is None:
            text = call_text(call.name, values)
        else:
            text = f"<... {call.name} resumed>{call_text('', values[shown:])[1:]}"
        lines.append(with_result(prefix + text, call.result, call.left) + "\n")
        for step in call.steps:
            host = call_text(step.name, (value for _, value in step.arguments))
            lines.append(f"{prefix}    => host: {with_result(host, step.result)}\n")
        write_whole(self._descriptor, "".join(lines))

    def _prefix(self, tid: int) -> str:
        if self._named:
            return f"{tid:<5} "
        return f"[pid {tid:5}] " if self._several() else ""

    def _unfinished(self, but: int) -> list[str]:
        lines = []
        for tid, (name, entry) in list(self._open.items()):
            if tid == but:
                continue
            del self._open[tid]
            values = entry.values
            self._split[tid] = values.index(None) if None in values else len(values)
            lines.append(self._prefix(tid) + head_text(name, values) + UNFINISHED + "\n")
        return lines
