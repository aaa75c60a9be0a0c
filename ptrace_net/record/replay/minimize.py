"""Shrinks a sequence that diverges to the fewest calls that still diverge in the same way.

Delta debugging (Zeller and Hildebrandt 2002) over the calls that are about sockets: first whole flows are
left out, then ever smaller runs of calls. A subset fails if its replay still shows the divergence: the
same call, the same kinds of difference, the same error.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ptrace_net.record.errors import RecordError
from ptrace_net.record.flows import Tracker
from ptrace_net.record.model import Event, Log
from ptrace_net.record.replay.plan import Selection, is_relevant, make_plan
from ptrace_net.record.replay.run import Outcome, ReplayReport, replay

MAX_REPLAYS = 300
_PATIENCE_MS = 200
Signature = tuple[object, ...]
Test = Callable[[frozenset[int]], bool]


@dataclass(frozen=True, slots=True)
class Minimal:
    """What is left: the record numbers, the report of their replay, and how many replays it took."""

    kept: tuple[int, ...]
    report: ReplayReport
    replays: int


def signature(outcome: Outcome) -> Signature:
    """What makes two divergences the same, whatever the calls around them."""
    actual = outcome.actual.errno if outcome.actual else None
    return (outcome.step.index, tuple(sorted({each.kind for each in outcome.differences})), actual)


def minimize(
    log: Log,
    prefix: list[str] | None = None,
    isolated: bool = True,
    tell: Callable[[int, int], None] | None = None,
) -> Minimal:
    """The smallest part of `log` found whose replay still diverges as the first divergence of the whole does.

    `tell(replays, calls)` is called after every replay. Raises `RecordError` where nothing diverges.
    """
    run = _Runner(log, prefix, isolated, tell)
    whole = run.replay(None)
    first = next((each for each in whole.divergences if not each.cause), next(iter(whole.divergences), None))
    if first is None:
        raise RecordError("the replay does not diverge; there is nothing to minimize")
    run.wanted = signature(first)
    kept = _by_flow(log, first.step.index, run)
    left = _ddmin(sorted(kept), run.fails, first.step.index)
    return Minimal(tuple(left), run.replay(frozenset(left)), run.count)


class _Runner:
    """Replays subsets and remembers the answers."""

    def __init__(
        self, log: Log, prefix: list[str] | None, isolated: bool, tell: Callable[[int, int], None] | None
    ) -> None:
        self.log, self.prefix, self.isolated, self.tell = log, prefix, isolated, tell
        self.wanted: Signature = ()
        self.count = 0
        self._known: dict[frozenset[int], bool] = {}

    def replay(self, keep: frozenset[int] | None) -> ReplayReport:
        """Replay the kept records, or all."""
        selection = Selection() if keep is None else Selection(keep=keep.__contains__)
        self.count += 1
        return replay(make_plan(self.log, selection), self.prefix, self.isolated, patience=_PATIENCE_MS)

    def fails(self, keep: frozenset[int]) -> bool:
        """Whether the divergence is still there; False once too many replays have been made."""
        if keep not in self._known:
            if self.count >= MAX_REPLAYS:
                return False
            report = self.replay(keep)
            self._known[keep] = any(signature(each) == self.wanted for each in report.divergences)
            if self.tell:
                self.tell(self.count, len(keep))
        return self._known[keep]


def _by_flow(log: Log, target: int, run: _Runner) -> frozenset[int]:
    """Leave out flows that the divergence does not need, and everything after it."""
    relevant = [
        each
        for each in Tracker(log.records, threads=log.kind == "strace").run()
        if not isinstance(each.record, Event) and is_relevant(each)
    ]
    kept = frozenset(each.place for each in relevant if each.place <= target)
    if not run.fails(kept):
        kept = frozenset(each.place for each in relevant)
    flows = {
        flow.id: flow for each in relevant for flow in [*each.used.values(), *(made for _, made in each.made)]
    }
    for flow in flows.values():
        fewer = kept - frozenset(flow.uses)
        if target in fewer and fewer != kept and run.fails(fewer):
            kept = fewer
    return kept


def _ddmin(items: Sequence[int], fails: Test, target: int) -> list[int]:
    """Remove ever smaller runs; `target` always stays."""
    kept, size = list(items), max(1, len(items) // 2)
    while size:
        place, removed = 0, False
        while place < len(kept):
            fewer = kept[:place] + kept[place + size :]
            if target in fewer and fails(frozenset(fewer)):
                kept, removed = fewer, True
            else:
                place += size
        size = size if removed and size == 1 and len(kept) > 1 else size // 2
    return kept
