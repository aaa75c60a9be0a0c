"""Variables of an exported program: one for every descriptor, one for every port that the kernel chose."""

from collections.abc import Iterable

from ptrace_net.record.model import Call, number_of
from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.steps import WORLD, PlanStep
from ptrace_net.record.replay.verify import chosen_port
from ptrace_net.record.sockaddr import endpoint_of


class Names:
    """The variable of a descriptor in a worker: ``fd24``, ``peer1001``; with the worker where there are
    several.
    """

    def __init__(self, plan: Plan) -> None:
        groups = {step.group for step in plan.steps if step.role == "program"}
        self._several = len(groups) > 1
        self._used: dict[str, None] = {}
        self._open: dict[int, dict[int, str]] = {}
        self.ports = chosen_ports(plan.steps)

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


def chosen_ports(steps: Iterable[PlanStep]) -> set[int]:
    """The ports that the log shows the kernel to have chosen: of sockets that were not bound to one."""
    bound: set[tuple[int, int]] = set()
    found: set[int] = set()
    for step in steps:
        number = number_of(step.call.arg(0)) if step.call.args else None
        if step.role != "program" or number is None:
            continue
        if _binds(step.call):
            bound.add((step.group, number))
        elif step.call.name in ("close", "socket"):
            bound.discard((step.group, number))
        elif (port := chosen_port(step.call)) and (step.group, number) not in bound:
            found.add(port)
    return found


def _binds(call: Call) -> bool:
    endpoint = endpoint_of(call.arg(1)) if call.name == "bind" and call.errno is None else None
    return bool(endpoint and endpoint.port)
