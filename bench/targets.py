"""What the figures ought to be: a table of bounds, each judged from what was measured in one run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure import Cell


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on one case under every configuration of ptrace-net whose name begins with `configuration`.

    With `against`, the bound is on the ratio of rates (this one : the other); without, on the value itself.
    """

    case: str
    configuration: str
    bound: float
    against: str | None = None
    at_most: bool = False

    def judge(self, cells: Sequence[Cell]) -> list[str] | None:
        """The row (target, measured, met); None when one of the cells was not measured."""
        mine = find(cells, self.case, self.configuration)
        if mine is None:
            return None
        measured, unit = mine.median(), " " + mine.case.unit
        if self.against is not None:
            other = find(cells, self.case, self.against)
            if other is None:
                return None
            measured, unit = ratio(mine, other), "×"
        met = measured <= self.bound if self.at_most else measured >= self.bound
        sign = "≤" if self.at_most else "≥"
        beside = f" of {self.against}" if self.against else ""
        words = f"{self.case}, {self.configuration}: {sign} {self.bound:g}{unit}{beside}"
        return [words, f"{measured:.2f}{unit}", "yes" if met else "no"]


def find(cells: Sequence[Cell], case: str, configuration: str) -> Cell | None:
    for cell in cells:
        if (cell.case.name, cell.configuration.name) == (case, configuration) and not cell.error:
            return cell
    return None


def ratio(mine: Cell, other: Cell) -> float:
    """The median over the rounds of this cell's value to the other's."""
    return statistics.median(a / b for a, b in zip(mine.values, other.values, strict=False))


# getppid may cost 1.3× as much, so its rate is at least 1/1.3 of native.
TARGETS = (
    Target("getppid", "net host", 0.77, "native"),
    Target("getsockname", "net host", 1.0, "strace"),
    Target("iperf3 TCP", "net host", 0.95, "native"),
    Target("start-up of /bin/true", "net host", 200, at_most=True),
    Target("peak memory of /bin/true", "net host", 45, at_most=True),
)
