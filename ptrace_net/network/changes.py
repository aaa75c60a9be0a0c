"""What has changed since the last look: the source of netlink's notifications.

The stack changes by itself too (duplicate address detection ends, an advertisement brings a route, a
neighbour answers), so changes are found by comparing, not told by whoever made them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from ptrace_net.network.network import Network
from ptrace_net.network.values import Address, Link, Neighbour, RouteValue

Value: TypeAlias = Link | Address | RouteValue | Neighbour
_Known: TypeAlias = dict[Any, Value]


class Change(NamedTuple):
    """``gone`` says whether the value was removed; otherwise it is new, or another than ``before``."""

    value: Value
    gone: bool
    before: Value | None = None


class Watch:
    """Remembers a network. Counters and the times of neighbours are no changes."""

    def __init__(self, network: Network, now: float) -> None:
        self._network = network
        self._known = _snapshot(network, now)

    def changes(self, now: float) -> list[Change]:
        """Links, addresses, routes, neighbours; of each what is gone and what is new, since the last call."""
        before, self._known = self._known, _snapshot(self._network, now)
        return [change for old, new in zip(before, self._known, strict=True) for change in _compare(old, new)]


def _snapshot(network: Network, now: float) -> tuple[_Known, ...]:
    routes = [*network.routes4(), *network.routes6()]
    return (
        {link.index: link for link in network.links()},
        {(each.index, each.local): each for each in network.addresses()},
        {replace(route, protocol=0, flags=0, metrics=(), expires=0.0): route for route in routes},
        {(each.index, each.address): _timeless(each) for each in network.neighbours(now)},
    )


def _timeless(neighbour: Neighbour) -> Neighbour:
    return replace(neighbour, updated=0.0, probes=0)


def _compare(old: Mapping[Any, Value], new: Mapping[Any, Value]) -> Iterable[Change]:
    yield from (Change(value, True) for key, value in old.items() if key not in new)
    yield from (Change(value, False, old.get(key)) for key, value in new.items() if old.get(key) != value)
