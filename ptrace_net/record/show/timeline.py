"""A time line: one row for each task and each socket, time from left to right.

Where a log has no times, the order of its records takes their place, and the head says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from ptrace_net.record.flows import Flow, Tracker
from ptrace_net.record.model import Call, Log, Record

WIDTH = 72
_SHADES = " .:-=+*#%@"


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps records to columns."""

    begin: float
    end: float
    timed: bool

    def column(self, index: int, record: Record) -> int:
        at = record.started if self.timed and record.started is not None else float(index)
        span = max(self.end - self.begin, 1e-9)
        return min(WIDTH - 1, max(0, int((at - self.begin) / span * WIDTH)))


def render(log: Log) -> Iterator[str]:
    """The lines."""
    if not log.records:
        yield "the log has no records"
        return
    axis = _axis(log.records)
    yield (
        f"{axis.end - axis.begin:.3f} s"
        if axis.timed
        else f"{len(log.records)} records (the log has no times)"
    )
    for task in dict.fromkeys(record.task for record in log.records):
        columns = [
            axis.column(index, record) for index, record in enumerate(log.records) if record.task == task
        ]
        yield f"{f'task {task}':<34}|{_shade(columns)}| {len(columns)}"
    tracker = Tracker(log.records, threads=log.kind == "strace")
    list(tracker.run())
    for flow in tracker.flows:
        if flow.kind == "socket" and flow.uses:
            yield f"{_name(flow):<34}|{_life(flow, log.records, axis)}| {len(flow.uses)}"


def _axis(records: list[Record]) -> _Axis:
    times = [record.started for record in records if record.started is not None]
    if len(times) == len(records) and max(times) > min(times):
        return _Axis(min(times), max(times), True)
    return _Axis(0.0, float(max(len(records) - 1, 1)), False)


def _shade(columns: list[int]) -> str:
    """Density by characters, from blank to ``@``."""
    counts = [0] * WIDTH
    for column in columns:
        counts[column] += 1
    most = max(counts)
    return "".join(_SHADES[-(-count * (len(_SHADES) - 1) // most)] for count in counts)


def _life(flow: Flow, records: list[Record], axis: _Axis) -> str:
    """``<``opened, ``-`` alive, ``*`` used, ``>`` last use; ``!`` where a call failed."""
    row = [" "] * WIDTH
    columns = [axis.column(index, records[index]) for index in flow.uses]
    row[columns[0] : columns[-1] + 1] = "-" * (columns[-1] + 1 - columns[0])
    for index, column in zip(flow.uses, columns, strict=True):
        record = records[index]
        failed = isinstance(record, Call) and record.errno not in (None, "EAGAIN", "EINPROGRESS")
        row[column] = "!" if failed or row[column] == "!" else "*"
    return "".join(row)


def _name(flow: Flow) -> str:
    ends = " ".join(filter(None, [str(flow.local or ""), f"> {flow.remote}" if flow.remote else ""]))
    kind = {1: "stream", 2: "dgram", 3: "raw"}.get((flow.type or 0) & 0xF, "socket")
    return f"{kind} {ends}".strip()[:34]
