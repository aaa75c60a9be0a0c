"""What a replay does, step by step: the program's calls as the log has them, and the world's between them.

A plan is made before anything runs, so that the same plan is executed by workers, written as a C program,
or cut down by the minimizer.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from ptrace_net.record.flows import Traced, Tracker
from ptrace_net.record.model import Call, Event, Log, Pointer, Record, Unknown
from ptrace_net.record.replay.order import ordered, raced
from ptrace_net.record.replay.steps import MOTHER, PlanStep, Role
from ptrace_net.record.replay.world import World
from ptrace_net.record.signatures import NEW_TASK, NO_RETURN, SOCKET_FAMILY, params, words

_INTERRUPTED = words("EINTR ERESTARTSYS ERESTARTNOINTR ERESTARTNOHAND ERESTART_RESTARTBLOCK")
_REPLAYED = frozenset(("socket", "pipe", "epoll", "eventfd"))


@dataclass(slots=True)
class Plan:
    """All steps, and how many calls of the log were left out because they are not about sockets.

    `assumed_threads`: the log does not show how its tasks were made, and they were taken for threads.
    """

    log: Log
    steps: list[PlanStep] = field(default_factory=list)
    irrelevant: int = 0
    assumed_threads: bool = False

    @property
    def program(self) -> list[PlanStep]:
        """The calls that are made and compared."""
        return [step for step in self.steps if step.role == "program"]

    @property
    def skipped(self) -> list[PlanStep]:
        """The calls that cannot be made, with the reason."""
        return [step for step in self.steps if step.role == "skip"]


Chooses = Callable[[int], bool]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which part of a log to replay, by tests of record numbers (0-based) and by task; None stands for all.

    What `keep` refuses is left out; what `compared` refuses, or what belongs to other tasks, is made
    because the rest may need it, but not compared.
    """

    keep: Chooses | None = None
    compared: Chooses | None = None
    tasks: frozenset[int] = frozenset()

    def holds(self, index: int, record: Record) -> bool:
        """Whether the record is part of the replay; events always are."""
        return isinstance(record, Event) or record.name in NEW_TASK or self.keep is None or self.keep(index)

    def compares(self, index: int, task: int) -> bool:
        """Whether the call is compared."""
        return (self.compared is None or self.compared(index)) and (not self.tasks or task in self.tasks)


def make_plan(log: Log, selection: Selection | None = None) -> Plan:
    """The plan for `log`, or for the selected part of it."""
    chosen = selection or Selection()
    places = [place for place in ordered(log.records) if chosen.holds(place, log.records[place])]
    tracker = Tracker((log.records[index] for index in places), threads=log.kind == "strace")
    traced = [each._replace(place=places[each.place]) for each in tracker.run()]
    plan = Plan(log, assumed_threads=tracker.assumed)
    groups, chance = _Groups(tracker, traced), raced(log.records)
    world = World(traced, groups.of)
    for each in traced:
        plan.steps.extend(groups.before(each))
        if isinstance(each.record, Event):
            plan.steps.extend(groups.ended(each.record))
        elif not is_relevant(each):
            plan.irrelevant += 1
        else:
            role: Role = "program" if chosen.compares(each.place, each.record.task) else "setup"
            plan.steps.extend(
                _call(each, each.record, groups.of(each.record.task), world, role, each.place in chance)
            )
    return plan


def _call(each: Traced, call: Call, group: int, world: World, role: Role, raced: bool) -> Iterator[PlanStep]:
    why = _obstacle(each, call) or world.obstacle(each, call)
    if why:
        if role == "program":
            yield PlanStep("skip", group, call, each.place, why)
        return
    yield from world.before(each, call)
    yield PlanStep(role, group, call, each.place, raced=raced)
    yield from world.after(each, call)


def is_relevant(each: Traced) -> bool:
    """Whether a call has to do with sockets or with what waits for them."""
    call = each.record
    if not isinstance(call, Call) or call.name in NEW_TASK or call.name in NO_RETURN:
        return False
    flows = [*each.used.values(), *(flow for _, flow in each.made)]
    return call.name in SOCKET_FAMILY or any(flow.kind in _REPLAYED for flow in flows)


def _obstacle(each: Traced, call: Call) -> str:
    """Why the call cannot be made; empty where it can."""
    if call.outcome in ("unfinished", "no result"):
        return "it did not return in the log"
    if call.errno in _INTERRUPTED and call.name != "connect":
        return "a signal interrupted it, and signals are not replayed"
    for number, flow in each.used.items():
        if flow.kind not in _REPLAYED or (flow.made_by < 0 and call.errno != "EBADF"):
            return f"descriptor {number} was opened before the log begins" if flow.kind != "file" else (
                f"descriptor {number} is a file")  # fmt: skip
    for value, param in zip(call.args, params(call.name), strict=False):
        if isinstance(value, Unknown) or (
            isinstance(value, Pointer) and value.address and param.kind in _NEEDED
        ):
            return f"{param.name} is not in the log"
    return ""


_NEEDED = words("addr optval msg mmsg iov pollfds fdset")


class _Groups:
    """Which workers exist: one for every descriptor table, made when its task is."""

    def __init__(self, tracker: Tracker, traced: Iterable[Traced]) -> None:
        self._tracker = tracker
        self._running: set[int] = set()
        self._alive: dict[int, set[int]] = {}
        self._wanted: set[int] = set()
        for each in traced:
            group = tracker.group(each.record.task)
            self._alive.setdefault(group, set()).add(each.record.task)
            if is_relevant(each):
                self._wanted.add(group)

    def of(self, task: int) -> int:
        """The worker of `task`."""
        return self._tracker.group(task)

    def before(self, each: Traced) -> Iterator[PlanStep]:
        """Forks that must happen before the record (a first call) or with it (the call that made a task)."""
        record = each.record
        tasks = [record.task]
        if isinstance(record, Call) and record.name in NEW_TASK and record.result and record.result > 0:
            tasks.append(record.result)
        for task in tasks:
            group = self.of(task)
            if group in self._wanted and group not in self._running:
                yield self._fork(group, task)

    def _fork(self, group: int, task: int) -> PlanStep:
        parent = self._tracker.parent_group(task)
        self._running.add(group)
        return PlanStep(
            "fork", group, Call(task, "fork"), parent=parent if parent in self._running else MOTHER
        )

    def ended(self, event: Event) -> Iterator[PlanStep]:
        """The worker ends with its last task."""
        group = self.of(event.task)
        if event.kind in ("exit", "killed"):
            self._alive.get(group, set()).discard(event.task)
            if not self._alive.get(group) and group in self._running:
                self._running.discard(group)
                yield PlanStep("exit", group, Call(event.task, "exit"))
