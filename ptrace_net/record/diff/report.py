"""The whole comparison as a value: pairs in order, differences, the first one that matters, a summary.

Where a log begins later or ends earlier than the other, the steps beyond its ends are not missing calls;
they are counted as outside the overlap. A log that ends in a panic or in a call that did not return has
no such excuse.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ptrace_net.record.diff.align import align
from ptrace_net.record.diff.compare import (
    MATTERS,
    UNSUPPORTED,
    Difference,
    Kind,
    compare,
    unsupported_notes,
)
from ptrace_net.record.diff.steps import Step, similarity, steps_of
from ptrace_net.record.diff.tasks import TaskPair, pair_tasks
from ptrace_net.record.diff.unify import Unifier
from ptrace_net.record.model import Call, Log
from ptrace_net.record.names import syscall_number
from ptrace_net.record.render import call_text
from ptrace_net.record.signatures import words


@dataclass(frozen=True, slots=True)
class Pair:
    """One step on both sides, or on one; `outside` tells that the other log does not reach there."""

    left: Step | None
    right: Step | None
    differences: tuple[Difference, ...] = ()
    outside: bool = False

    @property
    def matters(self) -> bool:
        """Whether anything here makes the logs differ."""
        return any(each.kind in MATTERS for each in self.differences)


@dataclass(slots=True)
class DiffReport:
    """The comparison of two logs. `tasks` pairs task numbers; `pairs` are in the order of the left log."""

    left: Log
    right: Log
    tasks: list[tuple[int | None, int | None]] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)

    @property
    def divergences(self) -> list[Pair]:
        """The pairs with a difference that matters."""
        return [pair for pair in self.pairs if pair.matters]

    @property
    def first(self) -> int | None:
        """The position of the first divergence among `pairs`, or None."""
        return next((place for place, pair in enumerate(self.pairs) if pair.matters), None)

    def kinds(self) -> "Counter[str]":
        """How many differences of each kind."""
        return Counter(each.kind for pair in self.pairs for each in pair.differences)


def diff(left: Log, right: Log, everything: bool = False) -> DiffReport:
    """Compare two logs."""
    report, unifier = DiffReport(left, right), Unifier()
    for tasks in pair_tasks(steps_of(left, right, everything), steps_of(right, left, everything)):
        report.tasks.append((tasks.left, tasks.right))
        report.pairs.extend(_compare_tasks(tasks, unifier))
    return report


def _compare_tasks(tasks: TaskPair, unifier: Unifier) -> Iterator[Pair]:
    ours, theirs = tasks.left_steps, tasks.right_steps
    if not ours or not theirs:
        yield from _whole_task(tasks)
        return
    places = align([step.key for step in ours], [step.key for step in theirs], similarity)
    both = [place for place, (a, b) in enumerate(places) if a is not None and b is not None]
    begin, end = (both[0], both[-1]) if both else (len(places), -1)
    for place, (a, b) in enumerate(places):
        left, right = None if a is None else ours[a], None if b is None else theirs[b]
        if left and right:
            yield Pair(left, right, compare(left, right, unifier))
        else:
            yield _alone(left, right, outside=place < begin or place > end)


def _whole_task(tasks: TaskPair) -> Iterator[Pair]:
    """A task that only one log has: one divergence, not one for each of its calls."""
    for place, step in enumerate(tasks.left_steps or tasks.right_steps):
        left, right = (step, None) if tasks.left_steps else (None, step)
        pair = _alone(left, right, outside=True)
        if place == 0 and not pair.differences:
            text = f"task {step.call.task} with {len(tasks.left_steps or tasks.right_steps)} calls"
            found = _one_sided("missing" if left else "extra", "the other log has no such task", text, left)
            pair = Pair(left, right, found, outside=True)
        yield pair


def _alone(left: Step | None, right: Step | None, outside: bool) -> Pair:
    """A step that only one side has."""
    step = left or right
    assert step is not None
    call = step.call
    if call.outcome == "panicked":
        found = _one_sided(
            "panicked", f"the kernel panicked in {numbered(call)}", "; ".join(call.notes), left
        )
    elif call.outcome == "unfinished" and call.errno is None and call.name not in _MAY_WAIT:
        text = f"{numbered(call)} did not return; the log ends in it"
        found = _one_sided("unfinished", f"{numbered(call)} did not return", text, left)
    elif notes := unsupported_notes(call):
        found = _one_sided(
            "unsupported", "the kernel says that it does not support this", "; ".join(notes), left
        )
    elif not outside:
        kind: Kind = "missing" if left else "extra"
        found = _one_sided(kind, f"only one side calls {numbered(call)}", call_text(call), left)
    else:
        found = ()
    return Pair(left, right, found, outside)


def _one_sided(kind: Kind, what: str, text: str, left: Step | None) -> tuple[Difference, ...]:
    return (Difference(kind, what, text if left else "no such call", "no such call" if left else text),)


_MAY_WAIT = words("poll ppoll select pselect6 epoll_wait epoll_pwait accept accept4 recvfrom recvmsg read")


def numbered(call: Call) -> str:
    """``sendmmsg (307)``: the call and its number on x86_64, as kernel logs have it."""
    number = syscall_number(call.name)
    return call.name if number is None else f"{call.name} ({number})"


def complaints(log: Log) -> list[str]:
    """What the kernel of `log` says that it does not support, each once, with the call; and its panics."""
    found: dict[str, None] = {}
    for call in log.calls:
        notes = call.notes if call.outcome == "panicked" else unsupported_notes(call)
        for note in notes:
            if note.startswith("panicked") or UNSUPPORTED.search(note):
                found.setdefault(f"{call_text(call, result=False)}: {note}", None)
    return list(found)
