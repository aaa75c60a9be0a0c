"""Which open file a descriptor number means: the lineage of descriptors through a log.

A number is reused, duplicated, inherited, shared between threads and passed over AF_UNIX; a `Flow` is
what it stands for. `trace` walks a log once, keeps one descriptor table per process (threads share one,
fork copies it, exec drops what is close-on-exec) and tells for every call which flows it used and made.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from ptrace_net.record.model import Array, Call, Change, Event, Log, Record, Struct, Symbol, Value, number_of
from ptrace_net.record.numbers import descriptors, passed
from ptrace_net.record.signatures import NEW_TASK, SOCKET_FAMILY, canonical
from ptrace_net.record.sockaddr import Endpoint, endpoint_of

_CLONE_FILES = 0x400
_KINDS = {
    "socket": "socket", "socketpair": "socket", "accept": "socket", "accept4": "socket", "pipe": "pipe",
    "pipe2": "pipe", "epoll_create": "epoll", "epoll_create1": "epoll", "eventfd2": "eventfd", "open": "file",
    "openat": "file", "openat2": "file", "creat": "file",
}  # fmt: skip


@dataclass(slots=True, eq=False)
class Flow:
    """One open file description: a socket, a pipe end, an epoll set, or ``unknown`` (opened before the log).

    `domain`, `type` and `protocol` are those of socket(2), inherited by accept; `peer` is the other flow of a
    pair, `listener` the flow that accepted it.
    """

    id: int
    kind: str
    made_by: int
    domain: int | None = None
    type: int | None = None
    protocol: int | None = None
    peer: "Flow | None" = None
    listener: "Flow | None" = None
    local: Endpoint | None = None
    remote: Endpoint | None = None
    uses: list[int] = field(default_factory=list)

    @property
    def stream(self) -> bool:
        """Whether it is a SOCK_STREAM socket."""
        return self.type is not None and self.type & 0xF == 1


class Traced(NamedTuple):
    """One record with its flows: by descriptor number as the call used it, and those that it made."""

    place: int
    record: Record
    used: dict[int, Flow]
    made: tuple[tuple[int, Flow], ...]


@dataclass(slots=True)
class _Table:
    """The descriptors of one process."""

    flows: dict[int, Flow] = field(default_factory=dict)
    cloexec: set[int] = field(default_factory=set)
    id: int = 0

    def copy(self, identity: int) -> "_Table":
        return _Table(dict(self.flows), set(self.cloexec), identity)


class Tracker:
    """Walks records and tells which tasks share a table (`group`).

    strace may be told to leave out the calls that make tasks; with `threads`, a log that shows none of them
    is taken for one process with threads.
    """

    def __init__(self, records: Iterable[Record], threads: bool = False) -> None:
        self.records = list(records)
        self.flows: list[Flow] = []
        self._tables: dict[int, _Table] = {}
        self._parents = _parents(self.records)
        self.assumed = threads and not self._parents and len({record.task for record in self.records}) > 1
        if self.assumed:
            first = self.records[0].task
            self._parents = {record.task: (first, True) for record in self.records}
        self._passed: list[Flow] = []

    def parent_group(self, task: int) -> int | None:
        """The table that the table of `task` was copied from, or None where the log does not tell."""
        parent, _ = self._parents.get(self._table(task).id, (None, False))
        return None if parent is None else self._table(parent).id

    def group(self, task: int) -> int:
        """The number of the descriptor table that `task` uses; tasks that share a table share a number."""
        return self._table(task).id

    def run(self) -> Iterator[Traced]:
        """Every record with its flows, in order."""
        for index, record in enumerate(self.records):
            if isinstance(record, Event):
                self._event(record)
                yield Traced(index, record, {}, ())
            else:
                yield self._call(index, record)

    def _table(self, task: int) -> _Table:
        if task not in self._tables:
            parent, shared = self._parents.get(task, (None, False))
            if parent is None or parent == task:
                self._tables[task] = _Table(id=task)
            elif shared:
                self._tables[task] = self._table(parent)
            else:
                self._tables[task] = self._table(parent).copy(task)
        return self._tables[task]

    def _event(self, event: Event) -> None:
        table = self._table(event.task)
        if event.kind == "exec":
            for number in table.cloexec:
                table.flows.pop(number, None)
            table.cloexec.clear()

    def _call(self, index: int, call: Call) -> Traced:
        table = self._table(call.task)
        used = {number: self._flow(table, number, call) for number in descriptors(call) if number >= 0}
        for flow in used.values():
            flow.uses.append(index)
        made = (
            tuple(self._made(index, call, table, used))
            if call.errno is None and call.outcome == "returned"
            else ()
        )
        for number, flow in made:
            table.flows[number] = flow
            flow.uses.append(index)
        self._remember(call, table, used)
        if call.name in NEW_TASK and call.result and call.result > 0:
            self._table(call.result)  # the child's table is what the parent's is now
        return Traced(index, call, used, made)

    def _flow(self, table: _Table, number: int, call: Call) -> Flow:
        if number not in table.flows:
            table.flows[number] = self._new("unknown", -1)
        flow = table.flows[number]
        if flow.kind == "unknown" and call.name in SOCKET_FAMILY and call.errno not in ("EBADF", "ENOTSOCK"):
            flow.kind = "socket"
        return flow

    def _new(self, kind: str, made_by: int) -> Flow:
        self.flows.append(Flow(len(self.flows), kind, made_by))
        return self.flows[-1]

    def _made(
        self, index: int, call: Call, table: _Table, used: dict[int, Flow]
    ) -> Iterator[tuple[int, Flow]]:
        name, result = canonical(call.name), call.result
        if result is None:
            return
        if name in ("dup", "dup2", "dup3") or (name == "fcntl" and "DUPFD" in _symbol(call.arg(1))):
            source = used.get(number_of(call.arg(0)) or 0)
            if source is not None:
                yield result, source
        elif name in ("pipe", "pipe2", "socketpair"):
            yield from self._pair(index, call)
        elif name == "recvmsg":
            for number in passed(call):
                yield number, self._passed.pop(0) if self._passed else self._new("unknown", index)
        elif name in _KINDS and result >= 0:
            yield result, self._opened(index, call, used)
        if name == "sendmsg":
            self._passed.extend(table.flows[number] for number in passed(call) if number in table.flows)

    def _opened(self, index: int, call: Call, used: dict[int, Flow]) -> Flow:
        flow = self._new(_KINDS[canonical(call.name)], index)
        if call.name == "socket":
            flow.domain, flow.type, flow.protocol = (number_of(call.arg(place)) for place in range(3))
        elif call.name in ("accept", "accept4"):
            listener = used.get(number_of(call.arg(0)) or 0)
            if listener is not None:
                flow.listener, flow.domain, flow.type = listener, listener.domain, listener.type
                flow.protocol, flow.local = listener.protocol, listener.local
            flow.remote = endpoint_of(call.arg(1))
        return flow

    def _pair(self, index: int, call: Call) -> Iterator[tuple[int, Flow]]:
        pair = call.arg(3 if call.name == "socketpair" else 0)
        numbers = [number_of(item) for item in pair.items] if isinstance(pair, Array) else []
        if len(numbers) != 2 or None in numbers:
            return
        first, second = (
            self._new(_KINDS[canonical(call.name)], index),
            self._new(_KINDS[canonical(call.name)], index),
        )
        first.peer, second.peer = second, first
        for number, flow in zip(numbers, (first, second), strict=True):
            if call.name == "socketpair":
                flow.domain, flow.type = number_of(call.arg(0)), number_of(call.arg(1))
            yield number or 0, flow

    def _remember(self, call: Call, table: _Table, used: dict[int, Flow]) -> None:
        """Effects on the table and on addresses, after the call."""
        first = number_of(call.arg(0))
        if call.errno and call.errno != "EINPROGRESS":
            return
        if call.name == "close" and first is not None:
            table.flows.pop(first, None)
            table.cloexec.discard(first)
        elif call.name in ("bind", "getsockname") and first in used:
            used[first].local = endpoint_of(call.arg(1)) or used[first].local
        elif call.name in ("connect", "getpeername") and first in used:
            used[first].remote = endpoint_of(call.arg(1)) or used[first].remote
        _mark_cloexec(call, table, first)


def _mark_cloexec(call: Call, table: _Table, first: int | None) -> None:
    if call.name == "fcntl" and first is not None and _symbol(call.arg(1)) == "F_SETFD":
        (table.cloexec.add if number_of(call.arg(2)) else table.cloexec.discard)(first)
        return
    asked = any("CLOEXEC" in _symbol(value) for value in call.args)
    if asked and call.result in table.flows and canonical(call.name) in {*_KINDS, "fcntl", "dup3"}:
        table.cloexec.add(call.result)


def _symbol(value: Value | None) -> str:
    return value.text if isinstance(value, Symbol) else ""


def _parents(records: Iterable[Record]) -> dict[int, tuple[int, bool]]:
    """Child → (parent, whether they share descriptors), for every task whose creation is in the log."""
    found: dict[int, tuple[int, bool]] = {}
    for record in records:
        if isinstance(record, Call) and record.name in NEW_TASK and record.result and record.result > 0:
            found[record.result] = (record.task, any(_shares_files(value) for value in record.args))
        elif isinstance(record, Event) and record.kind == "fork" and record.value is not None:
            found.setdefault(record.value, (record.task, "CLONE_FILES" in record.text))
    return found


def _shares_files(value: Value) -> bool:
    if isinstance(value, Change):
        return _shares_files(value.before)
    if isinstance(value, Struct):
        number = number_of(value.get("flags")) or 0
        return bool(number & _CLONE_FILES) or any(_shares_files(inner) for _, inner in value.fields)
    return "CLONE_FILES" in _symbol(value)


def trace(log: Log) -> list[Traced]:
    """Every record of `log` with its flows."""
    return list(Tracker(log.records, threads=log.kind == "strace").run())
