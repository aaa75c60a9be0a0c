"""Watching the calls of a run: a dispatcher around the dispatcher.

A call is decoded when it enters, answered by the inner dispatcher, and reported when its result is known.
What the host got is seen in two places: calls made for the program (``hostcalls.watch``) and a native call
whose name, arguments or results the answer changes.
"""

from __future__ import annotations

import atexit
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from ptrace_net.failure import Failure
from ptrace_net.report.output import JsonLines, Text, opened
from ptrace_net.report.steps import HostSteps
from ptrace_net.syscalls.decode.call import (
    DecodedCall,
    Entry,
    Step,
    arguments,
    decode_entry,
    decode_exit,
    time_left,
)
from ptrace_net.syscalls.decode.view import TEXT_LIMIT
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail, Native, Replace, Return
from ptrace_net.syscalls.table import ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrace_net.syscalls.decode.values import Value
    from ptrace_net.syscalls.seam import Task

    Values = tuple[Value, ...]

PATIENCE = 0.5  # seconds after which a call that has not returned is shown unfinished
_ANY_FILE = {0x5421, 0x541B, 0x5452}  # FIONBIO, FIONREAD and FIOASYNC of descriptors that are no sockets


class Tasks(Protocol):
    """What the observer asks of an engine."""

    def tasks(self) -> Iterable[Task]: ...


class Sink(Protocol):
    """Where decoded calls go."""

    def entered(self, tid: int, name: str, entry: Entry) -> None: ...
    def pending(self) -> bool: ...
    def show_pending(self) -> None: ...
    def finished(self, call: DecodedCall) -> None: ...


def observed(
    dispatch: Callable[[Call], Answer], engine: Tasks, destination: str, json: bool
) -> Callable[[Call], Answer]:
    """``dispatch`` with every socket call reported to ``destination``. Raises ``run.Failure``."""
    return Observer(dispatch, trace_sink(engine, destination, json)).dispatch


def trace_sink(engine: Tasks, destination: str, json: bool) -> Sink:
    """Text or JSON lines to a file, or to standard error ("-"). Raises ``run.Failure``."""
    try:
        descriptor = opened(destination)
    except OSError as error:
        raise Failure(f"{destination}: {error.strerror}") from None
    if json:
        return JsonLines(descriptor)
    return Text(descriptor, named=destination != "-", several=Several(engine))


class Several:
    """Whether there is, or has been, more than one thread: strace then names them from there on."""

    def __init__(self, engine: Tasks) -> None:
        self._engine = engine
        self._seen = False

    def __call__(self) -> bool:
        self._seen = self._seen or len(list(self._engine.tasks())) > 1
        return self._seen


class _Open:
    """A call in progress."""

    __slots__ = ("call", "entry", "started", "steps", "waiting")

    def __init__(self, call: Call, limit: int) -> None:
        self.call = call
        self.waiting = False  # the program will issue it once more
        self.started = time.time()
        self.entry = decode_entry(call, limit)
        self.steps: list[Step] = []


class Observer:
    """Reports each call of ``inner`` to ``sink``, with ``limit`` bytes of every buffer."""

    def __init__(self, inner: Callable[[Call], Answer], sink: Sink, limit: int = TEXT_LIMIT) -> None:
        self._inner = inner
        self._limit = limit
        self._sink = sink
        self._host = HostSteps()
        self._open: dict[int, _Open] = {}
        self._busy = self._ticking = False
        atexit.register(self.close)

    def dispatch(self, call: Call) -> Answer:
        if call.name not in ARGUMENTS or not _of_socket(call):
            return self._inner(call)
        self._busy = True
        current = self._opened(call)
        with self._host.watching(current.call, current.steps):
            answer = self._inner(call)
        answer = self._follow(current, answer)
        self._busy = False
        return answer

    def _opened(self, call: Call) -> _Open:
        """The call that was waiting and comes again, or a new one; what never returned is reported first."""
        tid = call.task.tid
        former = self._open.get(tid)
        if former is not None and former.waiting and _same(former.call, call):
            former.waiting = False
            return former
        if former is not None:
            self._report(former, None)
        current = self._open[tid] = _Open(call, self._limit)
        return current

    def gone(self, tid: int) -> None:
        """Report the call in which a thread ended."""
        current = self._open.get(tid)
        if current is not None:
            self._report(current, None)

    def close(self) -> None:
        """Report what never returned."""
        self._stop_ticking()
        for current in list(self._open.values()):
            self._report(current, None)

    def _follow(self, current: _Open, answer: Answer) -> Answer:
        """Report an answer that is final, and see to it that any other is reported later."""
        value = _final(answer)
        if value is not None:
            self._report(current, value)
        else:
            self._sink.entered(current.call.task.tid, current.call.name, current.entry)
            self._tick()
            if isinstance(answer, Native):
                return answer._replace(then=lambda result: self._returned(current, answer, result))
            current.waiting = True
        return answer

    def _returned(self, current: _Open, native: Native, result: int) -> Answer | None:
        self._busy = True
        answer, before = None, None
        if native.then is not None:
            before = decode_exit(current.call, current.entry, result)
            # Memory that went away meanwhile leaves the kernel's result as it is, for the engine too.
            with self._host.watching(current.call, current.steps), suppress(Errno):
                answer = native.then(result)
        value = result if answer is None else _final(answer)
        if value is None:
            current.waiting = True
            self._busy = False
            return answer
        values = decode_exit(current.call, current.entry, value)
        self._host_view(current, native, before, values, result)
        self._report(current, value, values)
        self._busy = False
        return answer

    def _host_view(
        self, current: _Open, native: Native, before: Values | None, after: Values, result: int
    ) -> None:
        """The call as the kernel performed it, where that is not what the program sees."""
        call = current.call
        if native.name is not None and native.args is not None:
            made = Call(call.task, call.arch, native.name, native.args)
            if native.name in ARGUMENTS and not _same(made, call):
                values = decode_exit(made, decode_entry(made), result)
                current.steps.append(Step(native.name, arguments(native.name, values), result))
        elif before is not None and before != after:
            current.steps.append(Step(call.name, arguments(call.name, before), result))

    def _report(self, current: _Open, result: int | None, values: Values | None = None) -> None:
        call = current.call
        if self._open.get(call.task.tid) is current:
            del self._open[call.task.tid]
        seen = -1 if result is None else result
        if values is None:
            values = decode_exit(call, current.entry, seen)
        tid, steps = call.task.tid, tuple(current.steps)
        left = time_left(call, current.entry, seen)
        decoded = DecodedCall(
            current.started, call.task.tgid, tid, call.name, call.arch.name, arguments(call.name, values),
            call.args, result, steps, left,
        )  # fmt: skip
        self._sink.finished(decoded)

    # A call that blocks is shown although nothing else happens.

    def _tick(self) -> None:
        if self._ticking or not self._sink.pending():
            return
        self._ticking = True
        signal.signal(signal.SIGALRM, self._alarm)
        signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)

    def _alarm(self, number: int, frame: object) -> None:
        if self._busy:
            return
        if self._sink.pending():
            self._sink.show_pending()
        else:
            self._stop_ticking()

    def _stop_ticking(self) -> None:
        self._ticking = False
        signal.setitimer(signal.ITIMER_REAL, 0)


def _final(answer: Answer) -> int | None:
    """The result that the program gets with ``answer``; None where it is not known yet."""
    if isinstance(answer, Replace):
        answer = answer.answer
    if isinstance(answer, Return):
        return answer.value
    return -answer.errno if isinstance(answer, Fail) else None


def _same(one: Call, other: Call) -> bool:
    return (one.name, one.args) == (other.name, other.args)


def _of_socket(call: Call) -> bool:
    """Whether an ioctl is one that only sockets have, or is made on a socket."""
    if call.name != "ioctl":
        return True
    request = call.args[1]
    if request & 0xFF00 == 0x8900:
        return True
    return request in _ANY_FILE and call.task.socket_inode(call.args[0]) != 0
