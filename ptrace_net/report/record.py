"""`--record FILE`: the calls of a run, its tasks and its descriptors, written as they happen.

A recorder is a sink of the observer, so that a trace and a recording share one decode; beside it stand the
events of the engine and the calls about descriptors. Every record is one write(2); nothing is kept but the
calls in progress.
"""

from __future__ import annotations

import atexit
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ptrace_net
from ptrace_net.failure import Failure, complain
from ptrace_net.record.errors import RecordError
from ptrace_net.record.format import RecordingWriter
from ptrace_net.record.model import Event, Record
from ptrace_net.report import record_descriptors, record_io
from ptrace_net.report.observe import Observer, Sink, trace_sink
from ptrace_net.report.record_calls import record_of
from ptrace_net.report.record_descriptors import DescriptorCalls
from ptrace_net.report.record_events import WatchedEngine, birth
from ptrace_net.report.record_io import FileCalls
from ptrace_net.report.record_values import cut
from ptrace_net.syscalls.decode.view import TEXT_LIMIT
from ptrace_net.syscalls.table import ARGUMENTS
from ptrace_net.tracer.task import thread_group
from ptrace_net.wanted import trace_rules

if TYPE_CHECKING:
    from ptrace_net.policies.policy import Policy
    from ptrace_net.syscalls.decode import DecodedCall, Entry
    from ptrace_net.syscalls.seam import Answer, Call
    from ptrace_net.tracer.engine import Engine
    from ptrace_net.tracer.filter import Rule
    from ptrace_net.tracer.registers import Machine

MOST_PAYLOAD = 1 << 24
"""Bytes of one buffer that ``--record-payload all`` keeps: a record has to fit a frame."""


class Order(NamedTuple):
    """What to record: the file, the bytes of each buffer to keep (None: all), reads and writes too or not."""

    path: str
    payload: int | None
    io: bool
    told: dict[str, Any]  # of the run

    @property
    def limit(self) -> int:
        return MOST_PAYLOAD if self.payload is None else min(self.payload, MOST_PAYLOAD)


def configuration(order: Order) -> dict[str, Any]:
    """What the recording says of the run; devices are none while the host's sockets serve it."""
    system = os.uname()
    return {
        "program": "ptrace-net", "version": ptrace_net.__version__, "engine": "ptrace",
        "started": round(time.time(), 6), "machine": system.machine,
        "kernel": f"{system.sysname} {system.release}", "payload": order.payload, "io": order.io,
        "devices": {}, **order.told,
    }  # fmt: skip


def policy_told(policy: Policy) -> dict[str, Any]:
    """A policy as its file would have it."""
    pairs = ((IPv6Address(each.six), each.six_length, IPv4Address(each.four), each.four_length)
             for each in policy.pairs)  # fmt: skip
    mapped = {f"{six}/{length6}": f"{four}/{length4}" for six, length6, four, length4 in pairs}
    return {"serve": policy.serve, "map": mapped}


class Recorder:
    """Writes records until the file fails; the run goes on without it.

    First ``engine`` makes the engine of the run, then ``observed`` its dispatcher.
    """

    def __init__(self, order: Order) -> None:
        """Raises ``Failure`` where the file cannot be made, or has something in it."""
        try:
            self._writer = RecordingWriter(Path(order.path), configuration(order))
        except RecordError as error:
            raise Failure(f"recording {error}") from None
        self._limit = order.limit
        self._cut: int | None = None  # the same, where the trace has more read than that
        self._io = order.io
        self._failed = False
        self._calls: dict[int, Call] = {}  # the latest of each thread: whose memory to read
        self._groups: dict[int, int] = {}  # the thread group of each task that lives
        self._ending: dict[int, float] = {}  # when a process called exit_group
        self._gone: Callable[[int], None] = lambda tid: None
        atexit.register(self.close)  # before the observer's, so it comes after that

    def engine(
        self, dispatch: Callable[[Call], Answer], machine: Machine, *, every_call: bool = False
    ) -> Engine:
        """An engine that tells of its tasks."""
        return WatchedEngine(dispatch, machine, every_call=every_call, watch=self.event)

    def observed(
        self, dispatch: Callable[[Call], Answer], engine: Engine, trace: str | None, json: bool
    ) -> Callable[[Call], Answer]:
        """``dispatch`` with every call recorded and, where asked, traced. Raises ``Failure``."""
        sink: Sink = self
        limit = self._limit
        if trace is not None:
            sink = Several((Shortened(trace_sink(engine, trace, json)), self))
            limit = max(limit, TEXT_LIMIT)
        self._cut = self._limit if limit > self._limit else None
        observer = Observer(dispatch, sink, limit)
        self._gone = observer.gone
        around = DescriptorCalls(observer.dispatch, self.write).dispatch
        if self._io:
            around = FileCalls(around, self.write, self._limit).dispatch

        def noted(call: Call) -> Answer:
            self._calls[call.task.tid] = call
            if call.name == "exit_group":
                self._ending[call.task.tgid] = round(time.time(), 6)
            return around(call)

        return noted

    def rules(self) -> tuple[Rule, ...]:
        """What the filter has to stop: all socket calls, and those about descriptors."""
        return (*trace_rules(), *record_descriptors.rules(), *(record_io.rules() if self._io else ()))

    def write(self, record: Record) -> None:
        if self._failed:
            return
        try:
            self._writer.write(record)
        except RecordError as error:
            self._failed = True
            complain(f"{error}; the program goes on unrecorded")

    def close(self) -> None:
        try:
            if not self._failed:
                self._writer.close()
        except RecordError as error:
            complain(str(error))

    def event(self, event: Event) -> None:
        """Write an event; the call in which a thread ended comes before its end."""
        if event.kind == "fork" and event.value is not None:
            self._groups[event.value] = thread_group(event.value)
        self.write(self._end(event) if event.kind in ("exit", "killed") else event)

    def _end(self, event: Event) -> Event:
        """An end begins when its process calls exit_group: sockets are closed before the end is reported."""
        tid = event.task
        self._gone(tid)
        self._calls.pop(tid, None)
        tgid = self._groups.pop(tid, tid)
        begun = self._ending.pop(tid, None) if tgid == tid else self._ending.get(tgid)
        return event if begun is None else replace(event, started=begun)

    def found(self, pid: int, tids: Iterable[int]) -> None:
        """Threads that process ``pid`` had already when it was attached to."""
        for tid in sorted(tids):
            if tid != pid:
                self.event(birth(pid, tid, "attached"))

    # A sink of the observer

    def entered(self, tid: int, name: str, entry: Entry) -> None:
        """A call is written when it has returned."""

    def pending(self) -> bool:
        return False

    def show_pending(self) -> None:
        """There is nothing to show."""

    def finished(self, call: DecodedCall) -> None:
        self.write(record_of(call, self._calls.get(call.tid), self._cut))


class Shortened:
    """A trace that is given more of each buffer than it shows."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.pending = sink.pending
        self.show_pending = sink.show_pending

    def entered(self, tid: int, name: str, entry: Entry) -> None:
        names = (argument.name for argument in ARGUMENTS[name])
        values = tuple(value if value is None else cut(key, value, TEXT_LIMIT)
                       for key, value in zip(names, entry.values, strict=False))  # fmt: skip
        self._sink.entered(tid, name, entry._replace(values=values))

    def finished(self, call: DecodedCall) -> None:
        arguments = tuple((name, cut(name, value, TEXT_LIMIT)) for name, value in call.arguments)
        self._sink.finished(call._replace(arguments=arguments))


class Several:
    """Several sinks as one."""

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)

    def entered(self, tid: int, name: str, entry: Entry) -> None:
        for sink in self._sinks:
            sink.entered(tid, name, entry)

    def pending(self) -> bool:
        return any(sink.pending() for sink in self._sinks)

    def show_pending(self) -> None:
        for sink in self._sinks:
            sink.show_pending()

    def finished(self, call: DecodedCall) -> None:
        for sink in self._sinks:
            sink.finished(call)
