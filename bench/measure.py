"""Running the cases: alternately, bounded, and with a failure as a value."""

import os
import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.cases import Case, Place, free_port
from bench.configurations import ROOT, Configuration
from bench.process import Failed, nothing_left, output

SOURCES = ROOT / "bench" / "c"
RUN_SECONDS = 30
LONGEST = 160  # of the words about a failure


@dataclass(slots=True)
class Cell:
    """What was measured for one case under one configuration: a value per round, in the case's unit."""

    case: Case
    configuration: Configuration
    values: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    error: str | None = None

    def median(self) -> float:
        return statistics.median(self.values)


def compile_programs(target: Path) -> None:
    """Every program of bench/c that is older than its source, with gcc -O2."""
    target.mkdir(parents=True, exist_ok=True)
    headers = max(path.stat().st_mtime for path in SOURCES.glob("*.h"))
    for source in sorted(SOURCES.glob("*.c")):
        program = target / source.stem
        if program.exists() and program.stat().st_mtime > max(headers, source.stat().st_mtime):
            continue
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(program), str(source)], check=True, timeout=60)


def without_places(message: str) -> str:
    """What a command said, fit for a table's foot: one line, and no folders of this machine."""
    places = "|".join(re.escape(place) for place in (str(ROOT), tempfile.gettempdir(), str(Path.home())))
    line = " ".join(re.sub(rf"(?<![\w.])(?:{places})/(?:[^\s'\":]*/)?", "", message).split())
    return line if len(line) <= LONGEST else line[:LONGEST] + "…"


def missing(case: Case) -> list[str]:
    return [program for program in case.needs if shutil.which(program) is None]


def once(case: Case, configuration: Configuration, programs: Path, seconds: float) -> float:
    """One run, in a scratch folder; raises Failed."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        os.chmod(scratch, 0o755)  # servers that drop their privileges look into it
        place = Place(programs, Path(scratch), seconds, free_port())
        command = [*case.outside(place), *configuration.prefix, *case.inside(place)]
        with nothing_left():
            printed = output(command, configuration.environment(), place.folder, RUN_SECONDS)
        try:
            return case.read(printed)
        except (ValueError, LookupError, StopIteration) as problem:
            raise Failed(f"no figure: {str(problem) or printed[-80:]!r}") from problem


def run(
    cases: Iterable[Case],
    configurations: Sequence[Configuration],
    programs: Path,
    *,
    rounds: int,
    seconds: float,
    progress: Callable[[str], None],
) -> list[Cell]:
    """Every case under every configuration, A B C A B C; ratios are taken to the first configuration."""
    cells: list[Cell] = []
    for case in cases:
        row = [Cell(case, configuration) for configuration in configurations]
        for number in range(rounds):
            for cell in row:
                if cell.error is None:
                    progress(f"{case.name} · {cell.configuration.name} · {number + 1}/{rounds}")
                    measure(cell, row[0], programs, seconds)
        cells += row
    return cells


def measure(cell: Cell, reference: Cell, programs: Path, seconds: float) -> None:
    """Add one round's value, and its ratio to the reference's value of the same round."""
    try:
        cell.values.append(once(cell.case, cell.configuration, programs, seconds))
    except (Failed, OSError) as problem:
        cell.error = without_places(str(problem))
        return
    if reference.error is None and reference.values[-1]:
        cell.ratios.append(cell.values[-1] / reference.values[-1])
