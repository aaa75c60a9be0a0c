"""Variables of an exported program: one for every descriptor, one for every port that the kernel chose."""

from collections.abc import Sequence
from itertools import zip_longest

from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.steps import WORLD, PlanStep
from ptrace_net.record.replay.verify import chosen_ports


class Names:
    """The variable of a descriptor: ``fd24``, ``peer1001``; with the worker where there are several."""

    def __init__(self, plan: Plan) -> None:
        groups = {step.group for step in plan.steps if step.role == "program"}
        self._several = len(groups) > 1
        self._used: dict[str, None] = {}
        self._open: dict[int, dict[int, str]] = {}
        self.ports = chosen_ports(without_source_binds(plan.steps))

    def descriptor(self, group: int, number: int) -> str:
        """The variable for `number` in the worker `group`."""
        if group == WORLD:
            name = f"peer{number}"
        else:
            name = f"fd{number}_of_{group}" if self._several else f"fd{number}"
        self._used.setdefault(name)
        self._open.setdefault(group, {})[number] = name
        return name

    def closed(self, group: int, number: int) -> None:
        """The descriptor is gone; a fork will not inherit it."""
        self._open.get(group, {}).pop(number, None)

    def inherited(self, parent: int, child: int) -> list[tuple[str, str]]:
        """(the child's variable, the parent's) for everything that is open at a fork."""
        before = dict(self._open.get(parent, {}))
        return [(self.descriptor(child, number), name) for number, name in before.items()]

    def still_open(self, group: int) -> list[str]:
        """The variables of what a worker has open when it ends."""
        return list(self._open.pop(group, {}).values())

    @property
    def all(self) -> list[str]:
        """Every descriptor variable, in the order of first use."""
        return list(self._used)


def without_source_binds(steps: Sequence[PlanStep]) -> list[PlanStep]:
    """The steps but those that give the world's clients their recorded ports.

    An exported program runs where these may be taken.
    """
    pairs = zip_longest(steps, steps[1:])
    return [step for step, following in pairs if not _gives_source(step, following)]


def _gives_source(step: PlanStep, following: PlanStep | None) -> bool:
    connects = following is not None and following.role == "world" and following.call.name == "connect"
    return step.role == "world" and step.call.name == "bind" and connects
