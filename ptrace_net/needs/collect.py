"""The first run of `needs`: every feature a program uses, how often, who uses it and where in the code."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ptrace_net.needs.features import Feature, features_of
from ptrace_net.needs.where import Place, places, program_counter
from ptrace_net.policies.support import TABLES
from ptrace_net.policies.words import read
from ptrace_net.policing.calls import ask_option, program_of
from ptrace_net.policing.support import FILE_CALLS
from ptrace_net.tracer.filter import Rule
from ptrace_net.wanted import trace_rules

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Answer, Call

MOST_VALUES, MOST_PLACES = 6, 3
_SENDING = ("sendto", "send", "sendmsg")


class Use:
    """How one feature was used."""

    __slots__ = ("count", "counters", "places", "programs", "values")

    def __init__(self) -> None:
        self.count = 0
        self.programs: dict[str, int] = {}
        self.values: dict[str, int] = {}
        self.counters: set[int] = set()
        self.places: list[tuple[Place, ...]] = []


class Collector:
    """An observer of a run; ``write`` leaves what it saw in a file."""

    def __init__(self) -> None:
        self.uses: dict[Feature, Use] = {}

    def rules(self) -> tuple[Rule, ...]:
        files = tuple(Rule(call) for calls in FILE_CALLS.values() for call, _ in calls)
        return (*trace_rules(), *files)

    def observed(self, dispatch: Callable[[Call], Answer]) -> Callable[[Call], Answer]:
        """``dispatch`` with every call looked at before it is answered."""

        def look(call: Call) -> Answer:
            self._look(call, dispatch)
            return dispatch(call)

        return look

    def _look(self, call: Call, dispatch: Callable[[Call], Answer]) -> None:
        protocol = -1
        if call.name in _SENDING and ask_option(dispatch, call, call.args[0], 1, 39) == 16:
            protocol = ask_option(dispatch, call, call.args[0], 1, 38) or 0
        used = list(features_of(call, protocol))
        if not used:
            return
        program = program_of(call.task)
        counter, stack = program_counter(call.task.tid)
        for feature, value in used:
            use = self.uses.setdefault(feature, Use())
            use.count += 1
            use.programs[program] = use.programs.get(program, 0) + 1
            if value and (value in use.values or len(use.values) < MOST_VALUES):
                use.values[value] = use.values.get(value, 0) + 1
            if counter not in use.counters and len(use.places) < MOST_PLACES:
                use.counters.add(counter)
                use.places.append(places(call, counter, stack))

    def write(self, path: str) -> None:
        """Every row, to a file that is there at once."""
        rows = [row_of(feature, use) for feature, use in self.uses.items()]
        with open(f"{path}.part", "w", encoding="utf-8") as file:
            json.dump(rows, file)
        os.replace(f"{path}.part", path)


def row_of(feature: Feature, use: Use) -> dict[str, Any]:
    return {
        "table": feature.table, "key": list(feature.words), "count": use.count, "programs": use.programs,
        "values": use.values, "places": [[str(place) for place in each] for each in use.places],
    }  # fmt: skip


def feature_of(row: dict[str, Any]) -> Feature:
    """The feature of a row, read back."""
    spec = TABLES[row["table"]]
    words: list[Any] = []
    for kind, text in zip(spec.words, row["key"], strict=True):
        words.append(read(kind, text, tuple(words)))
    return Feature(row["table"], tuple(words))
