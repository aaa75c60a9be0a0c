"""A plan as a Python script: the calls as data, and a small machine that makes them.

Descriptors are not known before the script runs, so numbers from `FD` on stand for them, in arguments and
in memory; the machine (`python_runtime`) puts the real ones in their place.
"""

import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ptrace_net.record.export.names import without_source_binds
from ptrace_net.record.export.python_runtime import HEAD, TAIL
from ptrace_net.record.headers import lengths
from ptrace_net.record.model import Array, Call, Change, Data, Struct, Unknown, Value, number_of
from ptrace_net.record.names import errno_number
from ptrace_net.record.render import call_text
from ptrace_net.record.replay.lower import lower
from ptrace_net.record.replay.lowering import CannotReplay, Lowered, user_word
from ptrace_net.record.replay.options import pack_value
from ptrace_net.record.replay.peers import LAST_PEER
from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.steps import MOTHER, PlanStep
from ptrace_net.record.replay.traffic import pieces
from ptrace_net.record.replay.verify import ADDRESSES, chosen_ports, endpoints
from ptrace_net.record.signatures import NEW_DESCRIPTOR, canonical
from ptrace_net.record.sockaddr import Endpoint, endpoint_of, pack, struct_of

FD = 0x6F000000
_UNSUPPORTED = frozenset(["select", "pselect6"])


def render(plan: Plan) -> str:
    """The script."""
    steps = without_source_binds(plan.steps)
    writer = _Writer(chosen_ports(steps))
    lines = [line for step in steps for line in writer.step(step)]
    count = len(plan.program)
    title = f'"""Made by ptrace-net from {plan.log.name}: {count} calls. Exit status 0: as recorded."""\n'
    return title.replace("\\", "/") + HEAD + "\n".join(lines) + TAIL


class _Writer:
    """Numbers the descriptors of all workers and writes the steps."""

    def __init__(self, ports: set[int]) -> None:
        self.ports = ports
        self._numbers: dict[tuple[int, int], int] = {}
        self._open: dict[int, set[int]] = {}

    def token(self, group: int, number: int) -> int:
        """The number that stands for a descriptor."""
        self._open.setdefault(group, set()).add(number)
        return self._numbers.setdefault((group, number), FD + len(self._numbers))

    def _known(self, group: int, number: int) -> int:
        if number not in self._open.get(group, set()):
            raise CannotReplay(f"descriptor {number} is not open")
        return self.token(group, number)

    def step(self, step: PlanStep) -> Iterator[str]:
        """The lines of one step."""
        if step.role == "fork" and step.parent != MOTHER:
            for number in sorted(self._open.get(step.parent, set())):
                yield f"inherit({self.token(step.group, number)}, {self.token(step.parent, number)})"
        elif step.role == "exit":
            tokens = [self.token(step.group, number) for number in sorted(self._open.pop(step.group, set()))]
            yield f"leave({tokens})"
        elif step.role not in ("skip", "fork"):
            yield from self._call(step)
        elif step.role == "skip":
            yield f"# not made, {step.why}: {call_text(step.call)!r}"

    def _call(self, step: PlanStep) -> Iterator[str]:
        call, peer = _without_peer(step.call)
        try:
            if canonical(call.name) in _UNSUPPORTED:
                raise CannotReplay(f"{call.name} is not exported")
            lowered = lower(call, lambda number: self._known(step.group, number))
        except CannotReplay as error:
            yield f"# not made, {error}: {call_text(step.call)!r}"
            return
        shown = call_text(step.call, result=False)
        made = self._made(step)
        checks = list(_checks(call, lowered)) if step.role == "program" and not call.errno else []
        given: dict[str, Any] = {"made": made, "checks": checks, "peer": peer, "ports": self._ports(call)}
        extra = "".join(f", {key}={value!r}" for key, value in given.items() if value)
        yield f"# {call_text(step.call)!r}" if step.role == "program" else f"# beside: {shown!r}"
        yield (
            f"step({str(step.call.source)!r}, {shown!r}, {lowered.number}, {lowered.arguments!r}, "
            f"{_wanted(step)!r}, {errno_number(call.errno or '') or 0}{extra})"
        )

    def _made(self, step: PlanStep) -> list[int]:
        call = step.call
        if call.errno is not None:
            return []
        pair = {"pipe": 0, "pipe2": 0, "socketpair": 3}.get(canonical(call.name))
        if pair is not None:
            value = call.arg(pair)
            items = value.items if isinstance(value, Array) else ()
            return [self.token(step.group, number_of(item) or 0) for item in items]
        if _makes(call) and call.result is not None:
            return [self.token(step.group, call.result)]
        if call.name == "close":
            self._open.get(step.group, set()).discard(number_of(call.arg(0)) or 0)
        return []

    def _ports(self, call: Call) -> int:
        """The recorded port in the call's address, where the kernel chose it."""
        return next((each.port for each in endpoints(call, ADDRESSES) if each.port in self.ports), 0)


def _without_peer(call: Call) -> tuple[Call, str]:
    """A call with an address that is known at run time only: with room for it, and which way it goes."""
    arguments, way = list(call.args), ""
    for place, value in enumerate(arguments):
        if isinstance(value, Unknown) and value.text == LAST_PEER:
            way = value.why
            arguments[place] = struct_of(Endpoint(10, "::"))
    return replace(call, args=tuple(arguments)), way


def _makes(call: Call) -> bool:
    return canonical(call.name) in NEW_DESCRIPTOR or (call.name == "fcntl" and "DUPFD" in str(call.arg(1)))


def _wanted(step: PlanStep) -> int | str | None:
    if step.role == "setup":
        return "setup"
    if step.role != "program":
        return "works"
    return None if _makes(step.call) or step.call.result is None else step.call.result


def _checks(call: Call, lowered: Lowered) -> Iterator[tuple[int, str, Any]]:
    """(number of the block that came back, how to compare, with what)."""
    known = [iter([data for data, _ in pieces(value)]) for value in call.args]
    for index, (place, tag) in enumerate(lowered.outs):
        value = call.args[place]
        if tag == "address" and (endpoint := endpoint_of(value)):
            yield index, "begins", pack(endpoint)[: 8 if endpoint.family == 2 else 24]
        elif tag == "length" and (after := _after(value)) is not None:
            yield index, "begins", struct.pack("=i", after)
        elif tag == "data" and isinstance(value, Data):
            yield index, "begins", value.data
        elif tag.endswith("piece") and (data := next(known[place], b"")):
            yield index, "begins", data
        elif tag == "headers":
            yield index, "lengths", lengths(call)
        elif tag == "option" and (raw := _option(call, place, value)):
            yield index, "begins", raw
        elif tag == "poll" and isinstance(value, Change):
            yield index, "poll", _revents(value)
        elif tag == "events" and isinstance(value, Array):
            yield index, "events", {user_word(item): number_of(item.get("events"))
                                    for item in value.items if isinstance(item, Struct)}  # fmt: skip


def _after(value: Value) -> int | None:
    item = value.items[0] if isinstance(value, Array) and value.items else value
    return number_of(item.after) if isinstance(item, Change) else None


def _option(call: Call, place: int, value: Value) -> bytes | None:
    size = number_of(call.arg(place + 1)) if call.name == "getsockopt" else 4
    return pack_value(value, size) if size in (1, 2, 4, 8) and number_of(value) is not None else None


def _revents(value: Change) -> list[int]:
    ready = value.after.items if isinstance(value.after, Array) else ()
    found = {
        number_of(item.get("fd")): number_of(item.get("revents"))
        for item in ready
        if isinstance(item, Struct)
    }
    array = value.before.items if isinstance(value.before, Array) else ()
    return [found.get(number_of(item.get("fd"))) or 0 for item in array if isinstance(item, Struct)]
