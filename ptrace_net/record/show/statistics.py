"""Counts, errors and latencies per call: a table and a histogram, as ``strace -c`` has it and more."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ptrace_net.record.model import Call

_BAR = 40


@dataclass(slots=True)
class CallStatistics:
    """One call's numbers; `times` are the known durations in seconds."""

    name: str
    count: int = 0
    errors: "Counter[str]" = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)

    def quantile(self, part: float) -> float | None:
        """The duration that `part` of the calls do not exceed; None where no duration is known."""
        if not self.times:
            return None
        ordered = sorted(self.times)
        return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def collect(calls: Iterable[Call]) -> list[CallStatistics]:
    """Statistics by call, the most frequent first."""
    found: dict[str, CallStatistics] = {}
    for call in calls:
        row = found.setdefault(call.name, CallStatistics(call.name))
        row.count += 1
        if call.errno:
            row.errors[call.errno] += 1
        if call.duration is not None:
            row.times.append(call.duration)
    return sorted(found.values(), key=lambda row: (-row.count, row.name))


def render(rows: list[CallStatistics]) -> Iterator[str]:
    """The table, then the histogram of all latencies."""
    yield f"{'call':<18}{'calls':>8}{'errors':>8}{'total':>11}{'median':>11}{'p99':>11}{'max':>11}  errors"
    for row in rows:
        times = (
            sum(row.times) if row.times else None,
            row.quantile(0.5),
            row.quantile(0.99),
            row.quantile(1.0),
        )
        shown = "".join(f"{_time(each):>11}" for each in times)
        errors = ", ".join(f"{name} {count}" for name, count in row.errors.most_common())
        yield f"{row.name:<18}{row.count:>8}{sum(row.errors.values()) or '':>8}{shown}  {errors}".rstrip()
    yield from histogram([each for row in rows for each in row.times])


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            return f"{seconds * factor:.1f} {unit}"
    return f"{seconds:.3f} s"


def histogram(times: list[float]) -> Iterator[str]:
    """Latencies in powers of two of a microsecond; nothing where none is known."""
    if not times:
        yield "latencies: the log has no durations"
        return
    buckets = Counter(max(0, int(each * 1e6)).bit_length() for each in times)
    most = max(buckets.values())
    yield "latencies:"
    for bucket in range(min(buckets), max(buckets) + 1):
        count = buckets[bucket]
        bar = "#" * -(-count * _BAR // most)
        yield f"  < {_time((1 << bucket) / 1e6):>9} {count:>8} {bar}"
