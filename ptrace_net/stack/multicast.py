"""Group membership of one interface: joins, leaves, and answers to IGMP and MLD queries.

Joins are counted, as several sockets may join one group.  Changes are announced twice (robustness 2), and a
query is answered after a random part of its maximum delay.  All-hosts groups are never reported.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from . import igmp, mld
from .addresses import ALL_HOSTS4, ALL_NODES6, IP, is_any

REPEAT_AFTER = 1.0
OLD_QUERIER_TIMEOUT = 400.0
_SILENT = (ALL_HOSTS4, ALL_NODES6)


class Report(NamedTuple):
    """A group to report on: ``change`` is a record type of IGMPv3 and MLDv2, which agree."""

    group: IP
    change: int
    version: int


@dataclass(slots=True)
class Memberships:
    """``random`` returns a float in [0, 1)."""

    random: Callable[[], float]
    joined: dict[IP, int] = field(default_factory=dict)
    _due: dict[tuple[IP, int], float] = field(default_factory=dict)
    _old_querier_until: dict[int, float] = field(default_factory=dict)

    def join(self, group: IP, now: float) -> list[Report]:
        """Join once more; the first join is reported now and again a second later."""
        self.joined[group] = self.joined.get(group, 0) + 1
        if self.joined[group] > 1 or group in _SILENT:
            return []
        self._due[group, igmp.CHANGE_TO_EXCLUDE] = now + REPEAT_AFTER
        return [self._report(group, igmp.CHANGE_TO_EXCLUDE, now)]

    def leave(self, group: IP, now: float) -> list[Report]:
        """Leave once; the last leave is reported.  KeyError where the group was not joined."""
        self.joined[group] -= 1
        if self.joined[group]:
            return []
        del self.joined[group]
        for change in (igmp.CHANGE_TO_EXCLUDE, igmp.IS_EXCLUDE):
            self._due.pop((group, change), None)
        return [] if group in _SILENT else [self._report(group, igmp.CHANGE_TO_INCLUDE, now)]

    def query(self, query: igmp.Query | mld.Query, now: float) -> None:
        """Schedule the answer to a general or group-specific query."""
        family = len(query.group)
        if query.version < (3 if family == 4 else 2):
            self._old_querier_until[family] = now + OLD_QUERIER_TIMEOUT
        groups = self.joined if is_any(query.group) else self.joined.keys() & {query.group}
        for group in groups:
            if len(group) == family and group not in _SILENT:
                at = now + self.random() * query.max_delay
                key = (group, igmp.IS_EXCLUDE)
                self._due[key] = min(at, self._due.get(key, at))

    def expire(self, now: float) -> list[Report]:
        late = [key for key, at in self._due.items() if at <= now]
        for key in late:
            del self._due[key]
        return [self._report(group, change, now) for group, change in late]

    def _report(self, group: IP, change: int, now: float) -> Report:
        family = len(group)
        newest = 3 if family == 4 else 2
        old = now < self._old_querier_until.get(family, 0.0)
        return Report(group, change, newest - 1 if old else newest)

    def deadline(self) -> float | None:
        return min(self._due.values()) if self._due else None
