"""Recorded and actual descriptor numbers of every worker of a replay."""

from collections.abc import Callable
from dataclasses import replace

from ptrace_net.record.model import Array, Call, Value, number_of
from ptrace_net.record.numbers import passed
from ptrace_net.record.replay.pool import Answer
from ptrace_net.record.replay.steps import PlanStep
from ptrace_net.record.signatures import NEW_DESCRIPTOR, canonical

_PAIRS = {"pipe": 0, "pipe2": 0, "socketpair": 3}


class Descriptors:
    """Which actual descriptor a recorded number means, by worker."""

    def __init__(self) -> None:
        self._numbers: dict[int, dict[int, int]] = {}

    def of(self, group: int) -> dict[int, int]:
        """Recorded → actual."""
        return self._numbers.setdefault(group, {})

    def back(self, group: int) -> dict[int, int]:
        """Actual → recorded."""
        return {actual: recorded for recorded, actual in self.of(group).items()}

    def fork(self, parent: int, child: int) -> None:
        """The child begins with its parent's descriptors."""
        self._numbers[child] = dict(self.of(parent))

    def made(self, step: PlanStep, actual: Call, answer: Answer, close: Callable[[int, int], None]) -> Call:
        """Take note of what a call made or closed; `actual` with recorded numbers for what it made.

        A descriptor that the log does not have (the recorded call failed) is closed by `close(group,
        number)`.
        """
        recorded, numbers = step.call, self.of(step.group)
        name = canonical(recorded.name)
        if answer.result < 0:
            return actual
        if name in _PAIRS:
            return self._pair(step, actual, answer, close)
        if name in NEW_DESCRIPTOR or (name == "fcntl" and "DUPFD" in str(recorded.arg(1))):
            if recorded.errno is not None or recorded.result is None or recorded.result < 0:
                close(step.group, answer.result)
                return actual
            numbers[recorded.result] = answer.result
            return replace(actual, result=recorded.result)
        if name == "close" and (number := number_of(recorded.arg(0))) is not None:
            numbers.pop(number, None)
        elif name == "recvmsg":
            self._received(step, answer)
        return actual

    def _pair(self, step: PlanStep, actual: Call, answer: Answer, close: Callable[[int, int], None]) -> Call:
        place = _PAIRS[canonical(step.call.name)]
        raw = answer.out[-1]
        actuals = [int.from_bytes(raw[:4], "little"), int.from_bytes(raw[4:8], "little")]
        wanted = _numbers(step.call.arg(place))
        if step.call.errno is not None or len(wanted) != 2:
            for number in actuals:
                close(step.group, number)
            return actual
        self.of(step.group).update(zip(wanted, actuals, strict=True))
        arguments = list(actual.args)
        arguments[place] = step.call.args[place]
        return replace(actual, args=tuple(arguments))

    def _received(self, step: PlanStep, answer: Answer) -> None:
        """Descriptors that came in a control message."""
        wanted = passed(step.call)
        raw = next((raw for raw in answer.out if wanted and len(raw) == 256), b"")
        for place, number in enumerate(wanted):
            at = 16 + 4 * place
            if len(raw) >= at + 4:
                self.of(step.group)[number] = int.from_bytes(raw[at : at + 4], "little")


def _numbers(value: Value | None) -> list[int]:
    items = value.items if isinstance(value, Array) else ()
    return [number for item in items if (number := number_of(item)) is not None]
