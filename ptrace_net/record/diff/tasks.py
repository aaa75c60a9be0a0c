"""Which task of one log is which task of the other.

Process numbers say nothing; what a task does says most. Tasks are paired by how many steps they have in
common, best first, and by the order in which they appear where that is equal. A log without task numbers
(an excerpt) is one sequence, and so is then the other log.
"""

from collections import Counter
from typing import NamedTuple

from ptrace_net.record.diff.steps import Step, by_task


class TaskPair(NamedTuple):
    """A task of each log with its steps; a task without a partner has None and no steps on the other side."""

    left: int | None
    right: int | None
    left_steps: list[Step]
    right_steps: list[Step]


def pair_tasks(left: list[Step], right: list[Step]) -> list[TaskPair]:
    """Pairs in the order of the left log; the right log's own tasks come last."""
    ours, theirs = by_task(left), by_task(right)
    if set(ours) == {0} or set(theirs) == {0}:
        return [TaskPair(_only(ours), _only(theirs), left, right)]
    partners = _partners(ours, theirs)
    pairs = [TaskPair(task, partners.get(task), steps, theirs.get(partners.get(task, -1), []))
             for task, steps in ours.items()]  # fmt: skip
    taken = set(partners.values())
    return pairs + [TaskPair(None, task, [], steps) for task, steps in theirs.items() if task not in taken]


def _only(tasks: dict[int, list[Step]]) -> int | None:
    return next(iter(tasks), None)


def _partners(ours: dict[int, list[Step]], theirs: dict[int, list[Step]]) -> dict[int, int]:
    counts_left = {task: Counter(step.key for step in steps) for task, steps in ours.items()}
    counts_right = {task: Counter(step.key for step in steps) for task, steps in theirs.items()}
    order = {task: place for place, task in enumerate(theirs)}
    scored = []
    for place, (task, count) in enumerate(counts_left.items()):
        for other, other_count in counts_right.items():
            common = _common(count, other_count)
            scored.append((-common, abs(place - order[other]), place, task, other))
    chosen: dict[int, int] = {}
    for common, _, _, task, other in sorted(scored):
        if common and task not in chosen and other not in chosen.values():
            chosen[task] = other
    return chosen


def _common(
    left: "Counter[tuple[str | int | None, ...]]", right: "Counter[tuple[str | int | None, ...]]"
) -> int:
    """Steps in common; a frequent step counts by its logarithm, so that a polling loop does not decide."""
    return sum(min(count, right[key]).bit_length() for key, count in left.items() if key in right)
