"""What `needs` tells: the features a program uses, what a kernel lacks of them, and the lists of a search."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ptrace_net.needs.collect import feature_of
from ptrace_net.needs.features import Feature, lacks
from ptrace_net.needs.search import Found
from ptrace_net.policies.support import TABLES
from ptrace_net.policies.values import Policy
from ptrace_net.syscalls.table import ARGUMENTS

Rows = Sequence[dict[str, Any]]
_PARTS = ("types", "protocols")  # made in the same calls as their families


def ordered(rows: Rows) -> list[dict[str, Any]]:
    """By table, then by the feature's name."""
    place = {name: index for index, name in enumerate(TABLES)}
    return sorted(rows, key=lambda row: (place[row["table"]], row["key"]))


def text(rows: Rows, against: Mapping[str, Policy], found: Found | None = None) -> str:
    """Everything, for people."""
    lines = [*_used(ordered(rows))]
    for name, policy in against.items():
        lines += ["", *_lacking(name, policy, rows)]
    if found is not None:
        lines += ["", *_lists(found)]
    return "\n".join([*lines, "", *_unused(rows)]) + "\n"


def as_json(rows: Rows, against: Mapping[str, Policy], found: Found | None = None) -> str:
    """Everything, for programs."""
    whole: dict[str, Any] = {"features": ordered(rows), "unused": _unused_calls(rows)}
    whole["lacks"] = {
        name: [{**_named(feature), "answer": str(entry.behaviour), "where": entry.where}
               for row in ordered(rows) if (entry := lacks(policy, feature := feature_of(row)))]
        for name, policy in against.items()
    }  # fmt: skip
    if found is not None:
        for name, group in found._asdict().items():
            whole[name] = [_named(feature) for feature in group]
    return json.dumps(whole, indent=1) + "\n"


def _named(feature: Feature) -> dict[str, Any]:
    return {"table": feature.table, "key": list(feature.words)}


def _used(rows: Rows) -> Iterator[str]:
    table = ""
    for row in rows:
        if row["table"] != table:
            table = row["table"]
            yield f"{table}: {TABLES[table].doc}"
        values = ", ".join(f"{value} ({count})" for value, count in row["values"].items())
        told = [f"{row['count']}×", *row["programs"], *([f"values {values}"] if values else [])]
        yield f"  {feature_of(row)!s:36} {'  '.join(told)}"
        for frames in row["places"] if table not in _PARTS else ():
            if frames:
                yield f"      {' < '.join(frames)}"


def _lacking(name: str, policy: Policy, rows: Rows) -> Iterator[str]:
    missing = [
        (feature, entry) for row in ordered(rows) if (entry := lacks(policy, feature := feature_of(row)))
    ]
    if not missing:
        yield f"{name} has all of it"
        return
    yield f"{name} lacks:"
    for feature, entry in missing:
        yield f"  {feature.table:10} {feature!s:36} {entry.behaviour}  ({entry.where})"


_HEADINGS = {
    "essential": "essential: without it alone the check fails",
    "tolerated": "tolerated: without all of these the check passes",
    "alternatives": "alternatives: each can be missed, but not beside all that is tolerated",
    "instead": "instead: used where all that is tolerated is gone, and not otherwise",
}


def _lists(found: Found) -> Iterator[str]:
    for name, group in found._asdict().items():
        if group or name in ("essential", "tolerated"):
            yield _HEADINGS[name] + ("" if group else ": nothing")
            yield from (f"  {feature.table:10} {feature}" for feature in group)


def _unused_calls(rows: Rows) -> list[str]:
    used = {row["key"][0] for row in rows if row["table"] == "calls"}
    return [
        name
        for name in ARGUMENTS
        if name not in used and name not in ("ioctl", "recvmmsg_time64", "send", "recv")
    ]


def _unused(rows: Rows) -> Iterator[str]:
    yield f"unused: {', '.join(_unused_calls(rows))}"
