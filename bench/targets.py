"""What the figures ought to be: a table of bounds, each judged from what was measured in one run."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.measure import Cell


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one case under every engine of a provider.

    With `against`, the bound is on the ratio of rates (this one : the other); without, on the value itself.
    """

    case: str
    provider: str
    bound: float
    against: str | None = None
    at_most: bool = False

    def judge(self, cells: Sequence[Cell]) -> list[list[str]]:
        """The rows (target, measured, met), one per engine; none for cells that were not measured."""
        measured = measured_of(cells, self.case)
        mine = [cell for cell in measured if cell.configuration.name.startswith(self.provider)]
        if self.against is None:
            return [self.row(cell, cell.median(), " " + cell.case.unit) for cell in mine]
        others = [cell for cell in measured if cell.configuration.name == self.against]
        return [self.row(cell, ratio(cell, other), "×") for other in others for cell in mine]

    def row(self, cell: Cell, measured: float, unit: str) -> list[str]:
        met = measured <= self.bound if self.at_most else measured >= self.bound
        sign = "≤" if self.at_most else "≥"
        beside = f" of {self.against}" if self.against else ""
        words = f"{self.case}, {cell.configuration.name}: {sign} {self.bound:.3g}{unit}{beside}"
        return [words, f"{measured:.2f}{unit}", "yes" if met else "no"]


@dataclass(frozen=True, slots=True)
class Flat:
    """What a case with many is to reach of the case with few, in the same configuration."""

    many: str
    few: str
    provider: str
    bound: float

    def judge(self, cells: Sequence[Cell]) -> list[list[str]]:
        few = {cell.configuration.name: cell for cell in measured_of(cells, self.few)}
        return [
            self.row(cell, ratio(cell, few[cell.configuration.name]))
            for cell in measured_of(cells, self.many)
            if cell.configuration.name.startswith(self.provider) and cell.configuration.name in few
        ]

    def row(self, cell: Cell, measured: float) -> list[str]:
        words = f"{self.many}, {cell.configuration.name}: ≥ {self.bound:.3g}× of {self.few}"
        return [words, f"{measured:.2f}×", "yes" if measured >= self.bound else "no"]


@dataclass(frozen=True, slots=True)
class LinkTarget:
    """What one TCP connection over a link carries, at least, in Gbit/s."""

    link: str
    column: str
    bound: float

    def judge(self, found: Mapping[str, float]) -> list[str]:
        """The row (target, measured, met); empty where it was not measured."""
        if self.column not in found:
            return []
        value = found[self.column]
        words = f"{self.link}, {self.column}: ≥ {self.bound:.3g} Gbit/s"
        return [words, f"{value:.2f} Gbit/s", "yes" if value >= self.bound else "no"]


def measured_of(cells: Sequence[Cell], case: str) -> list[Cell]:
    return [cell for cell in cells if cell.case.name == case and cell.error is None]


def ratio(mine: Cell, other: Cell) -> float:
    """The median over the rounds of this cell's value to the other's."""
    return statistics.median(a / b for a, b in zip(mine.values, other.values, strict=False))


# A call that may cost 1.3× as much has a rate of at least 1/1.3.
TARGETS = (
    Target("getppid", "host", 1 / 1.3, "native"),
    Target("getsockname", "host", 1.0, "strace"),
    Target("iperf3 TCP", "host", 0.95, "native"),
    Target("start-up of /bin/true", "host", 200, at_most=True),
    Target("peak memory of /bin/true", "host", 45, at_most=True),
    Target("iperf3 TCP", "stack", 1.5, "native"),
    Target("redis GET", "stack", 1.0, "native"),
    Target("redis SET", "stack", 1.0, "native"),
    Target("redis GET -P 16", "stack", 1.2, "native"),
    Target("nginx keep-alive", "stack", 1.1, "native"),
    Target("nginx close", "stack", 0.3, "native"),
    Target("TCP ping-pong, 1 byte", "stack", 1.0, "native"),
    Target("connections", "stack", 0.8, "native"),
    Target("getsockname", "stack", 1 / 0.6, "strace"),
    Target("socket+setsockopt+close", "stack", 1 / 0.8, "strace"),
    Target("UDP ping-pong, 1 byte", "stack", 0.3, "native"),
    Target("UDP one way, 1 byte", "stack", 0.3, "native"),
    Target("UDP one way, sendmmsg", "stack", 0.3, "native"),
    Target("iperf3 UDP, 64 bytes", "stack", 0.3, "native"),
    Target("start-up of /bin/true", "stack", 120, at_most=True),
    Target("peak memory of /bin/true", "stack", 35, at_most=True),
    Flat("connections, 10,000 others open", "connections, 10 others open", "stack", 0.8),
    Flat("serviced calls, processes: 64", "serviced calls, processes: 1", "stack", 0.8),
)
LINK_TARGETS = (
    LinkTarget("TAP, offload", "out", 2),
    LinkTarget("TAP, offload", "in", 2),
    LinkTarget("hub", "out", 0.5),
    LinkTarget("hub", "in", 0.5),
)
