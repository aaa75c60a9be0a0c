"""The figures as a picture: for each case the ratios to native of every configuration, on a logarithmic axis.

Drawn with matplotlib, a development extra, as SVG without dates, so that the same figures give the same file.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path

from bench.measure import Cell
from bench.table import by_case


def rates(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """The cases that are rates, each with the cells that have a ratio; native, which is 1, left out."""
    rows = {name: row for name, row in by_case(cells).items() if row[0].case.is_rate}
    return {name: [cell for cell in row[1:] if cell.ratios] for name, row in rows.items()}


def draw(cells: Sequence[Cell], file: Path) -> None:
    """Write the picture; ImportError without matplotlib."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "ptrace-net"
    from matplotlib import pyplot

    rows = rates(cells)
    names = list(dict.fromkeys(cell.configuration.name for row in rows.values() for cell in row))
    figure, axes = pyplot.subplots(figsize=(9, 0.22 * (len(names) + 1) * len(rows) + 1))
    for index, name in enumerate(names):
        found = [(at, cell) for at, row in enumerate(rows.values()) for cell in row
                 if cell.configuration.name == name]  # fmt: skip
        axes.barh(
            [at + (index - (len(names) - 1) / 2) * 0.8 / len(names) for at, _ in found],
            [statistics.median(cell.ratios) for _, cell in found],
            height=0.8 / len(names),
            label=name,
        )
    axes.set_xscale("log")
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("ratio to native (longer is faster)")
    axes.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    pyplot.close(figure)
