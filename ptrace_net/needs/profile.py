"""Policies out of features: one that takes some away, and the smallest that still has others."""

from __future__ import annotations

from collections.abc import Iterable

from ptrace_net.needs.features import Feature, absent
from ptrace_net.policies.behaviour import OK
from ptrace_net.policies.support import TABLES
from ptrace_net.policies.text import tables_text
from ptrace_net.policies.values import Entry, Key
from ptrace_net.syscalls.table import ARGUMENTS

# Tables in which whatever is not named can be refused by one `*`.
_WITH_ANY = ("families", "types", "protocols", "options", "control", "ioctls", "netlink")


def without(features: Iterable[Feature]) -> str:
    """A policy without these features."""
    tables: dict[str, dict[Key, Entry]] = {}
    for feature in features:
        tables.setdefault(feature.table, {})[feature.key] = absent(feature)
    return tables_text(tables)


def only(kept: Iterable[Feature], files_gone: Iterable[Feature], title: str) -> str:
    """A policy with nothing but ``kept``: every other family, call, flag, option… is refused."""
    tables: dict[str, dict[Key, Entry]] = {name: {} for name in TABLES}
    for feature in kept:
        if feature.table not in ("calls", "files"):
            tables[feature.table][feature.key] = Entry(OK, "needs")
    calls = {feature.key[0] for feature in kept if feature.table == "calls"}
    for name in _WITH_ANY:
        key: Key = (None,) * len(TABLES[name].words)
        tables[name][key] = absent(Feature(name, key))
    for call in sorted(ARGUMENTS.keys() - calls - {"ioctl"}):
        tables["calls"][call,] = absent(Feature("calls", (call,)))
    for call in _flagged(calls):
        tables["flags"][call, None] = absent(Feature("flags", (call, None)))
    for feature in files_gone:
        if feature.table == "files":
            tables["files"][feature.key] = absent(feature)
    return f'title = "{title}"\n' + tables_text(tables)


def _flagged(calls: Iterable[object]) -> list[str]:
    from ptrace_net.policies.words import FLAGGED

    return sorted(FLAGGED.keys() & set(map(str, calls)))
