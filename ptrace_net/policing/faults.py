"""Faults injected into calls: strace(1)'s ``--inject``, and more (policies.faults).

A rule counts the calls that it is about, per call and thread. What takes time (a delay) is a wait in the
kernel: the thread sleeps there and issues its call again, which is recognised and not counted twice.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.policies.values import Fault
from ptrace_net.policing.calls import Go, ask_name, onward, runs_program
from ptrace_net.policing.names import endpoint, fits, readable
from ptrace_net.policing.outcome import send_signal
from ptrace_net.syscalls.seam import Answer, Call, Fail, Native, Park, Replace, Return, Wait

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Task

_MOST_THREADS = 4096
_DEEPEST = 4  # calls of a thread in progress: those of signal handlers inside another
_SIZE = 2  # the place of the size that ``short`` cuts
_NOTHING = Fault("", frozenset())


class _Open(NamedTuple):
    """A call that the thread will issue again; ``answer`` is what it gets then, or None: still to be made."""

    name: str
    args: tuple[int, ...]
    fault: Fault
    until: float
    answer: Answer | None


class _Thread:
    """What is known of a thread: its counts, its calls in progress, its place among those that came."""

    __slots__ = ("counts", "open", "ordinal", "started", "task")

    def __init__(self, task: Task, ordinal: int) -> None:
        self.task, self.ordinal = task, ordinal
        self.started = _start_time(task.tid)
        self.counts: dict[tuple[int, str], int] = {}
        self.open: list[_Open] = []


class Injector:
    """The faults of one run; the same ``seed`` gives the same ones."""

    def __init__(
        self, faults: tuple[Fault, ...], seed: int, ask: Go, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``ask`` puts questions about sockets to their provider."""
        self._rules: dict[str, list[tuple[int, Fault]]] = {}
        for place, fault in enumerate(faults):
            for name in fault.calls:
                self._rules.setdefault(name, []).append((place, fault))
        self._seed = seed
        self._ask = ask
        self._clock = clock
        self._threads: dict[int, _Thread] = {}
        self._seen = 0
        self.started = clock()

    def begin(self) -> None:
        """The time line starts now."""
        self.started = self._clock()

    def step(self, call: Call, go: Go) -> Answer:
        thread = self._thread(call.task)
        former = next((each for each in reversed(thread.open) if _same(each, call)), None)
        if former is not None:
            thread.open.remove(former)
            return self._again(thread, call, go, former)
        fault = self._chosen(thread, call)
        if fault is None:
            return self._followed(thread, call, _NOTHING, go(call))
        if fault.signal:
            send_signal(call.task.tid, call.task.tgid, fault.signal)
        if fault.delay_enter:
            return self._hold(thread, call, fault, fault.delay_enter, None)
        return self._made(thread, call, go, fault)

    def _again(self, thread: _Thread, call: Call, go: Go, former: _Open) -> Answer:
        """The thread is back from its wait; a signal may have cut it short."""
        left = former.until - self._clock()
        if left > 0:
            thread.open.append(former)
            return _sleep(left)
        return former.answer or self._made(thread, call, go, former.fault)

    def _made(self, thread: _Thread, call: Call, go: Go, fault: Fault) -> Answer:
        if fault.result is not None:
            answer: Answer = Fail(-fault.result) if fault.result < 0 else Return(fault.result)
        elif fault.short and call.args[_SIZE] > fault.short:
            answer = onward(go, call, (*call.args[:_SIZE], fault.short, *call.args[_SIZE + 1 :]))
        else:
            answer = go(call)
        return self._followed(thread, call, fault, answer)

    def _followed(self, thread: _Thread, call: Call, fault: Fault, answer: Answer) -> Answer:
        """See to it that a call that waits is known again, and that its return is delayed."""
        if isinstance(answer, Replace):
            rest = self._followed(thread, call, fault, answer.answer)
            return answer._replace(answer=rest) if isinstance(rest, Return | Fail | Wait | Park) else answer
        if isinstance(answer, Native):
            return self._performed(thread, call, fault, answer)
        if isinstance(answer, Wait | Park):
            self._push(thread, _Open(call.name, call.args, fault, 0.0, None))
            return answer
        return self._hold(thread, call, fault, fault.delay_exit, answer) if fault.delay_exit else answer

    def _performed(self, thread: _Thread, call: Call, fault: Fault, native: Native) -> Answer:
        """The kernel's turn, or the engine's in its place, which may wait and dispatch the call again."""
        if native.then is None and native.made is None and not fault.delay_exit:
            return native
        held = _Open(call.name, call.args, fault, 0.0, None)
        self._push(thread, held)

        def then(result: int) -> Answer | None:
            if held in thread.open:
                thread.open.remove(held)
            final = native.then(result) if native.then is not None else None
            if isinstance(final, Native | Wait | Park | Replace):
                return self._followed(thread, call, fault, final)
            interrupted = final is None and -517 < result < -511  # the kernel restarts it or not
            if interrupted or not fault.delay_exit:
                return final
            return self._hold(thread, call, fault, fault.delay_exit, final or Return(result))

        return native._replace(then=then)

    def _hold(self, thread: _Thread, call: Call, fault: Fault, delay: float, answer: Answer | None) -> Answer:
        self._push(thread, _Open(call.name, call.args, fault, self._clock() + delay, answer))
        return _sleep(delay)

    @staticmethod
    def _push(thread: _Thread, held: _Open) -> None:
        thread.open = [*thread.open[1 - _DEEPEST :], held]

    # Which fault

    def _chosen(self, thread: _Thread, call: Call) -> Fault | None:
        """The last rule that holds; each counts what it is about, whether it decides or not."""
        chosen = None
        now = self._clock() - self.started
        for place, fault in self._rules.get(call.name, ()):
            if now < fault.after or (fault.until is not None and now >= fault.until):
                continue
            if not _about(fault, call, self._ask):
                continue
            count = thread.counts[place, call.name] = thread.counts.get((place, call.name), 0) + 1
            if fault.when.holds(count) and self._drawn(fault, place, thread.ordinal, call.name, count):
                chosen = fault
        return chosen

    def _drawn(self, fault: Fault, place: int, ordinal: int, name: str, count: int) -> bool:
        if fault.probability >= 1:
            return True
        draw = random.Random(f"{self._seed} {place} {ordinal} {name} {count}").random()
        return draw < fault.probability

    def _thread(self, task: Task) -> _Thread:
        thread = self._threads.get(task.tid)
        if thread is not None:
            if thread.task is task:
                return thread
            if thread.started == _start_time(task.tid):  # the same one, after execve(2)
                thread.task = task
                return thread
        if len(self._threads) >= _MOST_THREADS:
            alive = {tid: each for tid, each in self._threads.items() if _start_time(tid) == each.started}
            self._threads = alive
        thread = self._threads[task.tid] = _Thread(task, self._seen)
        self._seen += 1
        return thread


def _same(held: _Open, call: Call) -> bool:
    return (held.name, held.args) == (call.name, call.args)


def _sleep(seconds: float) -> Wait:
    return Wait(-1, 0, seconds, None)


def _about(fault: Fault, call: Call, ask: Go) -> bool:
    where = fault.where
    if where.fd is not None and (not call.args or call.args[0] != where.fd):
        return False
    if where.program is not None and not runs_program(call.task, where.program):
        return False
    if not where.named:
        return True
    own = readable(call)
    names = [own] if own else [ask_name(ask, call, question, call.args[0])
                               for question in ("getpeername", "getsockname")]  # fmt: skip
    ends = [endpoint(name, call.arch) for name in names]
    return any(end is not None and fits(where, end) for end in ends)


def _start_time(tid: int) -> str:
    """proc(5), stat: when the thread began, in clock ticks; with the id, no other thread's."""
    try:
        with open(f"/proc/{tid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except OSError:
        return ""
