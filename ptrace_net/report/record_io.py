"""`--record-io`: what is moved through sockets with the calls of files: read(2), write(2), sendfile(2).

They are not traced otherwise, because the filter cannot tell a socket from a file: every read and write of
the program stops for this. A recording that has them can be replayed with both ends of a connection in it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ptrace_net.record.model import Call as Recorded
from ptrace_net.record.model import Symbol
from ptrace_net.record.model import Value as Shown
from ptrace_net.report.record_calls import result_of
from ptrace_net.report.record_descriptors import labelled, with_result
from ptrace_net.report.record_values import recorded
from ptrace_net.syscalls.decode.messages import pieces
from ptrace_net.syscalls.decode.values import Array, Pointer, Value
from ptrace_net.syscalls.decode.view import View
from ptrace_net.syscalls.seam import Answer, Call, Native
from ptrace_net.syscalls.table import signed32
from ptrace_net.tracer.filter import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

_READING, _WRITING, _SENDFILE = ("read", "readv"), ("write", "writev"), ("sendfile", "sendfile64")


def rules() -> tuple[Rule, ...]:
    """What the filter has to stop besides the socket calls."""
    return tuple(Rule(name) for name in (*_READING, *_WRITING, *_SENDFILE))


class FileCalls:
    """A dispatcher around ``inner`` that gives reads and writes of sockets to ``write``."""

    def __init__(
        self, inner: Callable[[Call], Answer], write: Callable[[Recorded], None], limit: int
    ) -> None:
        """``limit``: bytes kept of each buffer."""
        self._inner = inner
        self._write = write
        self._limit = limit
        self._decoders: dict[str, Callable[[View, Call, int | None], Iterable[Any]]] = {
            **dict.fromkeys(_READING + _WRITING, _moved), **dict.fromkeys(_SENDFILE, _copied),
        }  # fmt: skip

    def dispatch(self, call: Call) -> Answer:
        decode = self._decoders.get(call.name)
        answer = self._inner(call)
        if decode is None or not isinstance(answer, Native):
            return answer
        socket = labelled(call.task, signed32(call.args[0]))
        if not isinstance(socket, Symbol):
            return answer
        started, view = time.time(), View(call.task, call.arch, self._limit)
        given = None if call.name in _READING else tuple(decode(view, call, None))

        def tell(result: int) -> None:
            rest = tuple(decode(view, call, result)) if given is None else given
            number, errno, outcome = result_of(result)
            spent = round(max(0.0, time.time() - started), 6)
            self._write(Recorded(
                call.task.tid, call.name, (socket, *rest), number, errno, outcome, round(started, 6), spent,
            ))  # fmt: skip

        return with_result(answer, tell)


def _moved(view: View, call: Call, result: int | None) -> tuple[Shown, ...]:
    """The buffer or the vector, and its size; ``result`` bytes of it once they were read."""
    address, size = call.args[1], call.args[2]
    failed = result is not None and result < 0
    if call.name in ("read", "write"):
        total = size if result is None else result
        return (recorded(Pointer(address) if failed else view.buffer(address, total)), size)
    return (recorded(_pieces(view, address, signed32(size), 0 if failed else result)), signed32(size))


def _pieces(view: View, address: int, count: int, moved: int | None) -> Value:
    return pieces(view, address, count, moved) if count > 0 else Array(())


def _copied(view: View, call: Call, result: int | None) -> tuple[Shown, ...]:
    """The other descriptor, the offset and the count of sendfile(2)."""
    offset = recorded(Pointer(call.args[2]))
    return (labelled(call.task, signed32(call.args[1])), offset, call.args[3])
