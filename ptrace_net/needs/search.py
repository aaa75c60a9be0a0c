"""Which features are essential, in few runs: adaptive group testing (Dorfman 1943, Hwang's splitting).

A group of features is taken away together. Where the check still passes all of them are tolerated; where it
fails the group is split and its parts are tried, side by side; one feature that fails alone is essential.
Groups are as large as pays for how often features of a table are essential: families and calls mostly are,
and go alone; options and flags mostly are not. What goes with a tolerated feature (the types of a family, the
flags of a call) needs no run of its own. Features that can each be missed, but not together, come out when
all that passed is taken away at once: they are alternatives, and of these few are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeAlias

from ptrace_net.needs.features import Feature

Group: TypeAlias = tuple[Feature, ...]
Tester: TypeAlias = Callable[[Sequence[Group]], list[bool]]

# The tables in the order in which they are tried, and the size of the groups: ln 2 by the chance.
_ROUNDS = (
    (("families", "calls"), 1), (("types",), 1), (("protocols",), 1),
    (("flags", "options", "control", "ioctls", "netlink", "files"), 4),
)  # fmt: skip
_AF_NETLINK = 16
_OPTION_CALLS = {"set": "setsockopt", "get": "getsockopt"}


class Found(NamedTuple):
    """``alternatives`` can each be missed, but not beside all that is tolerated; ``instead`` is what the
    program falls back on where all that is gone.
    """

    essential: Group
    tolerated: Group
    alternatives: Group
    instead: Group = ()


def search(features: Group, test: Tester) -> Found:
    """``test(groups)`` says of each group whether the check passes without it."""
    essential: list[Feature] = []
    passed: list[Feature] = []
    for tables, size in _ROUNDS:
        waiting = [each for each in features if each.table in tables and not _goes_with(each, passed)]
        passed += [each for each in features if each.table in tables and each not in waiting]
        _round(pieces(tuple(waiting), -(-len(waiting) // size)), test, essential, passed)
    together = _ordered(passed, features)
    if not together or test([together])[0]:
        return Found(_ordered(essential, features), together, ())
    tolerated = _removable(together, (), test)
    rest = tuple(feature for feature in together if feature not in tolerated)
    return Found(_ordered(essential, features), _ordered(tolerated, features), rest)


def _round(groups: list[Group], test: Tester, essential: list[Feature], passed: list[Feature]) -> None:
    """Try groups, and what is left of those that fail, until every feature is decided."""
    while groups:
        failed: list[Group] = []
        for group, passes in zip(groups, test(groups), strict=True):
            if passes:
                passed += group
            elif len(group) == 1:
                essential += group
            else:
                failed.append(group)
        groups = [half for group in failed for half in pieces(group, 2)]


def _goes_with(feature: Feature, gone: Iterable[Feature]) -> bool:
    """Whether nothing is left of ``feature`` where all of ``gone`` is."""
    parents: tuple[tuple[str, object], ...] = ()
    if feature.table in ("types", "protocols"):
        parents = (("families", feature.key[:1]), ("types", feature.key[:2]))
    elif feature.table == "flags":
        parents = (("calls", feature.key[:1]),)
    elif feature.table == "options":
        parents = (("calls", (_OPTION_CALLS[str(feature.key[2])],)),)
    elif feature.table == "netlink":
        parents = (("families", (_AF_NETLINK,)),)
    return any((each.table, each.key) in parents and each != feature for each in gone)


def pieces(group: Group, count: int) -> list[Group]:
    """``group`` in ``count`` parts of nearly one size, in order; none is empty."""
    if not group:
        return []
    size, more = divmod(len(group), count)
    parts, at = [], 0
    for place in range(count):
        end = at + size + (place < more)
        parts.append(group[at:end])
        at = end
    return [part for part in parts if part]


def _removable(group: Group, gone: Group, test: Tester, *, known: bool = True) -> Group:
    """As much of ``group`` as can go beside ``gone``; ``known``: all of it cannot."""
    if not known and test([(*gone, *group)])[0]:
        return group
    if len(group) == 1:
        return ()
    first, second = pieces(group, 2)
    one = _removable(first, gone, test, known=False)
    two = _removable(second, (*gone, *one), test, known=False)
    return (*one, *two)


def _ordered(chosen: Iterable[Feature], features: Group) -> Group:
    among = set(chosen)
    return tuple(feature for feature in features if feature in among)
