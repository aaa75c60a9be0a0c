"""Carries out a plan with worker processes and compares what happens with the log."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from ptrace_net.record.diff.compare import MATTERS, Difference
from ptrace_net.record.errors import RecordError
from ptrace_net.record.model import Array, Call, Struct, Unknown, Value
from ptrace_net.record.names import errno_name
from ptrace_net.record.replay.causes import explain
from ptrace_net.record.replay.descriptors import Descriptors
from ptrace_net.record.replay.lift import lift
from ptrace_net.record.replay.lower import lower
from ptrace_net.record.replay.lowering import WAIT_LIMIT_MS, CannotReplay, Lowered
from ptrace_net.record.replay.peers import LAST_PEER
from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.pool import Answer, Pool, WorkersEnded
from ptrace_net.record.replay.steps import MOTHER, WORLD, PlanStep
from ptrace_net.record.replay.verify import SHOWN, Ports, chosen_ports, endpoints, verify
from ptrace_net.record.signatures import params
from ptrace_net.record.sockaddr import Endpoint, endpoint_of, struct_of, unpack

CALL_LIMIT = 5.0
"""Seconds that one call may block before it counts as not returning."""

_ASTRAY_MS, _LEAST_MS = 200, 10
"""How long calls and waits may last once something diverged, and less each time that one of them did."""

_PANICKED = "the kernel of the policy panicked before"

_RACED = "two tasks waited on one set at the same time: which of them is told is chance"
_SOMEBODY = struct_of(Endpoint(2, "0.0.0.0"))
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one step: the call as it happened (None: not made), differences, a known cause."""

    step: PlanStep
    actual: Call | None
    differences: tuple[Difference, ...] = ()
    cause: str = ""
    why: str = ""

    @property
    def diverges(self) -> bool:
        """Whether a difference matters."""
        return any(each.kind in MATTERS for each in self.differences)


@dataclass(slots=True)
class ReplayReport:
    """The outcome of every program step, in order; `alone` is empty where the replay had its own network."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    world_failures: list[str] = field(default_factory=list)
    alone: str = ""

    @property
    def divergences(self) -> list[Outcome]:
        """The outcomes that differ in a way that matters."""
        return [each for each in self.outcomes if each.diverges]

    @property
    def made(self) -> int:
        """How many calls were made."""
        return sum(1 for each in self.outcomes if each.actual is not None)

    def not_made(self) -> "Counter[str]":
        """Why calls were not made, and how many for each reason."""
        return Counter(each.why for each in self.outcomes if each.actual is None)


def replay(
    plan: Plan, prefix: list[str] | None = None, isolated: bool = True, progress: Progress | None = None,
    patience: int = WAIT_LIMIT_MS, on_stack: bool = False,
) -> ReplayReport:  # fmt: skip
    """Carry out `plan`.

    `prefix` is a command that runs a command (empty: natively); `isolated` asks for a network namespace;
    `patience` is how many milliseconds a wait may last for what the log says came; `on_stack`: the calls are
    serviced by our own stack, whose known differences are told with their cause.
    """
    with Pool(prefix or [], isolated, MOTHER) as pool:
        pool.fork(MOTHER, WORLD)
        report = ReplayReport(plan, alone=pool.alone)
        machine = _Machine(pool, report, patience, on_stack)
        machine.ports.chosen = chosen_ports(plan.steps)
        for place, step in enumerate(plan.steps):
            if progress:
                progress(place, len(plan.steps))
            outcome = machine.step(step)
            if outcome is not None:
                report.outcomes.append(outcome)
    return report


class _Machine:
    """Makes the steps one after another."""

    def __init__(self, pool: Pool, report: ReplayReport, patience: int, on_stack: bool) -> None:
        self.pool = pool
        self.on_stack = on_stack
        self.patience = patience
        self.limit = CALL_LIMIT
        self.panicked = False
        self.report = report
        self.descriptors = Descriptors()
        self.ports = Ports()
        self.last_peer: dict[int, Value] = {}

    def step(self, step: PlanStep) -> Outcome | None:
        """Make one step; None for those that are not the program's."""
        if step.role == "skip":
            return Outcome(step, None, why=step.why)
        if self.panicked:
            return Outcome(step, None, why=_PANICKED) if step.role == "program" else None
        try:
            return self._step(step)
        except WorkersEnded as error:
            if not error.panicked:
                raise
            self.panicked = True
            actual = replace(step.call, result=None, errno=None, outcome="panicked", notes=(), duration=None)
            return Outcome(step, actual, verify(step.call, actual, self.ports))

    def _step(self, step: PlanStep) -> Outcome | None:
        if step.role == "fork":
            parent = step.parent if step.parent in self.pool else MOTHER
            self.pool.fork(parent, step.group)
            self.descriptors.fork(parent, step.group)
        elif step.role == "exit":
            self.pool.end(step.group)
        elif step.role == "program":
            return self._program(step)
        else:
            self._beside(step)
        return None

    def _program(self, step: PlanStep) -> Outcome:
        try:
            actual, _, answer = self._make(step)
        except CannotReplay as error:
            return Outcome(step, None, why=str(error))
        actual = self.descriptors.made(step, actual, answer, self._close)
        self._learn_ports(step, actual)
        differences = verify(step.call, actual, self.ports)
        chance = _RACED if step.raced else ""
        cause = (explain(step.call, actual, self.on_stack) or chance) if differences else ""
        outcome = Outcome(step, actual, differences, cause)
        if outcome.diverges and not cause:
            self._lose_patience(answer.blocked or not answer.result)
        return outcome

    def _lose_patience(self, again: bool) -> None:
        """What was to come may never come now: hundreds of waits for it would take hours."""
        least = max(_LEAST_MS, self.patience // 2) if again else self.patience
        self.patience = min(least, _ASTRAY_MS)
        self.limit = min(self.limit, 5 * self.patience / 1000)

    def _beside(self, step: PlanStep) -> None:
        """A step beside the program's: it only has to work, and a set-up need not even do that."""
        try:
            actual, lowered, answer = self._make(step)
        except CannotReplay as error:
            if step.role != "setup":
                self.report.world_failures.append(f"{step.call.name}: {error}")
            return
        actual = self.descriptors.made(step, actual, answer, self._close)
        self._remember_peer(step, lowered, answer)
        optional = step.role == "setup" or step.call.name == "setsockopt"
        if (answer.result < 0 or answer.blocked) and not optional:
            reason = "did not return" if answer.blocked else errno_name(answer.errno)
            self.report.world_failures.append(f"{step.call.name} of the outside world: {reason}")
            self._lose_patience(answer.blocked)

    def _make(self, step: PlanStep) -> tuple[Call, Lowered, Answer]:
        call = self._translated(step.call)
        numbers = self.descriptors.of(step.group)

        def actual_number(recorded: int) -> int:
            if recorded not in numbers:
                raise CannotReplay(f"descriptor {recorded} was never made in this replay")
            return numbers[recorded]

        lowered = lower(call, actual_number, self.patience)
        answer = self.pool.call(step.group, lowered.number, lowered.arguments, self.limit)
        return lift(step.call, lowered, answer, self.descriptors.back(step.group)), lowered, answer

    def _translated(self, call: Call) -> Call:
        """`call` with ports that the kernel chose as it chose them this time."""
        arguments = list(call.args)
        for place, (value, param) in enumerate(zip(call.args, params(call.name), strict=False)):
            if isinstance(value, Unknown) and value.text == LAST_PEER:
                arguments[place] = self._peer_argument(call, value)
            elif param.kind in ("addr", "msg", "mmsg"):
                arguments[place] = self._with_port(value)
        return replace(call, args=tuple(arguments))

    def _with_port(self, value: Value) -> Value:
        endpoint = endpoint_of(value)
        if endpoint is not None:
            port = self.ports.names.get(("port>", endpoint.port))
            return struct_of(endpoint._replace(port=port)) if isinstance(port, int) else value
        if isinstance(value, Array):
            return Array(tuple(map(self._with_port, value.items)), value.abbreviated)
        if not isinstance(value, Struct):
            return value
        fields = (
            (name, self._with_port(inner) if name in ("msg_name", "msg_hdr") else inner)
            for name, inner in value.fields
        )
        return Struct(tuple(fields), value.abbreviated)

    def _peer_argument(self, call: Call, value: Unknown) -> Value:
        number = call.args[0]
        known = self.last_peer.get(number) if isinstance(number, int) else None
        if value.why == "out":
            return _SOMEBODY
        if known is None:
            raise CannotReplay("the program has not written to this peer")
        return known

    def _remember_peer(self, step: PlanStep, lowered: Lowered, answer: Answer) -> None:
        value = step.call.arg(4)
        if isinstance(value, Unknown) and value.why == "out" and answer.result >= 0:
            raw = next(
                (raw for (place, _), raw in zip(lowered.outs, answer.out, strict=False) if place == 4), b""
            )
            endpoint, number = unpack(raw), step.call.args[0]
            if endpoint is not None and isinstance(number, int):
                self.last_peer[number] = struct_of(endpoint)

    def _learn_ports(self, step: PlanStep, actual: Call) -> None:
        """What the kernel chose this time for the ports that it chose in the log."""
        for before, now in zip(endpoints(step.call, SHOWN), endpoints(actual, SHOWN), strict=False):
            if before.port in self.ports.chosen and now.port:
                self.ports.name("port", before.port, now.port)

    def _close(self, group: int, number: int) -> None:
        close = lower(Call(0, "close", (number,)), lambda same: same)
        with suppress(RecordError):
            self.pool.call(group, close.number, close.arguments, self.limit)
