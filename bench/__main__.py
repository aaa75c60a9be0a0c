"""The command: python -m bench [--quick] [--only CASE] [--peers] [--write]; links unless with --only."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from bench import links, measure, plot, table
from bench.cases import CASES, Case
from bench.configurations import CONFIGURATIONS, NATIVE, PACKAGES, ROOT, Configuration
from bench.facts import facts
from bench.measure import Cell

PAGE = ROOT / "docs" / "benchmarks.md"
PICTURE = ROOT / "docs" / "benchmarks.svg"
BUILD = ROOT / "build" / "bench"


def parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(prog="python -m bench", description="ptrace-net against native, in one run.")
    it.add_argument("--only", action="append", default=[], metavar="CASE", help="cases whose name has this")
    it.add_argument("--with", action="append", default=[], dest="columns", metavar="NAME",
                    help="configurations whose name has this (and native); repeatable")  # fmt: skip
    it.add_argument("--rounds", type=int, default=5, help="times that each cell is measured (default: 5)")
    it.add_argument("--seconds", type=float, default=0.5, help="length of one measurement (default: 0.5)")
    it.add_argument("--quick", action="store_true", help="one round of 0.2 s: does everything run?")
    packages = " ".join(PACKAGES)
    it.add_argument("--peers", action="store_true",
                    help=f"other tools too, as far as they are installed (Debian: {packages})")  # fmt: skip
    it.add_argument("--output", type=Path, default=BUILD / "results.json", help="where the JSON goes")
    it.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    return it


def say(message: str) -> None:
    """Progress and remarks: to standard error; on a terminal progress stays on one line."""
    print(f"bench: {message}", file=sys.stderr)


def progress(message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[Kbench: {message}", end="", file=sys.stderr, flush=True)


def chosen_cases(wanted: list[str]) -> list[Case]:
    """The cases asked for, less those whose programs are missing, which are named."""
    cases = [case for case in CASES if not wanted or any(word in case.name for word in wanted)]
    if not cases:
        raise SystemExit(f"bench: no such case; there are: {', '.join(case.name for case in CASES)}")
    for case in cases:
        if absent := measure.missing(case):
            say(f"left out: {case.name} (not installed: {', '.join(absent)})")
    return [case for case in cases if not measure.missing(case)]


def chosen_configurations(
    wanted: list[str], peers: bool
) -> tuple[list[Configuration], dict[Configuration, str]]:
    """Native and the configurations asked for; those of them that do not run here, with the reason."""
    chosen, left_out = [], {}
    for configuration in CONFIGURATIONS:
        named = any(word in configuration.name for word in wanted)
        if configuration is not NATIVE and not (named if wanted else peers or not configuration.peer):
            continue
        if obstacle := configuration.obstacle():
            say(f"left out: {configuration.name} ({obstacle})")
            left_out[configuration] = obstacle
        else:
            chosen.append(configuration)
    return chosen, left_out


def main() -> int:
    options = parser().parse_args()
    rounds, seconds = (1, 0.2) if options.quick else (options.rounds, options.seconds)
    if shutil.which("gcc") is None:
        raise SystemExit("bench: gcc is not installed (make check installs it)")
    measure.compile_programs(BUILD / "programs")
    configurations, left_out = chosen_configurations(options.columns, options.peers)
    cells = measure.run(
        chosen_cases(options.only),
        configurations,
        BUILD / "programs",
        rounds=rounds,
        seconds=seconds,
        progress=progress,
    )
    progress("done\n")
    about = {**facts(), "rounds": str(rounds), "seconds": str(seconds)}
    when = datetime.now(UTC).isoformat(timespec="seconds")
    options.output.parent.mkdir(parents=True, exist_ok=True)
    rows = [] if options.only or options.columns else links.run(1.0 if options.quick else links.SECONDS)
    result = {"when": when, "facts": about, "results": table.as_json(cells), "links": dict(rows)}
    result["left out"] = {configuration.name: reason for configuration, reason in left_out.items()}
    options.output.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    report(cells, left_out, facts_line(about, when), write=options.write)
    if rows:
        text = links.report(rows)
        print(f"\n{text}")
        if options.write:
            links.write(text)
    wrong = any(cell.error and not cell.configuration.peer for cell in cells)
    return 1 if wrong or links.failed(rows) else 0


def report(cells: list[Cell], left_out: Mapping[Configuration, str], head: str, *, write: bool) -> None:
    """Print the tables, and with `write` put them into the page; peers only when they were asked for."""
    text = f"{head}\n\n{table.ours(cells)}"
    print(text)
    if write:
        drawn = draw([cell for cell in cells if not cell.configuration.peer])
        table.rewrite(PAGE, f"{text}\n\n![Ratios to native]({PICTURE.name})" if drawn else text)
    peers = {each.name: measure.without_places(why) for each, why in left_out.items() if each.peer}
    if text := table.peers(cells, peers):
        text = f"{head}\n\n{text}"
        print(f"\n{text}")
        if write:
            table.rewrite(PAGE, text, table.PEERS)


def draw(cells: list[Cell]) -> bool:
    """Whether there is a picture of these figures now."""
    try:
        plot.draw(cells, PICTURE)
    except ImportError:
        say("no picture: matplotlib is not installed (the extra dev)")
        return False
    return True


def facts_line(about: dict[str, str], when: str) -> str:
    return f"{when[:10]}: " + ", ".join(f"{name} {value}" for name, value in about.items()) + "."


if __name__ == "__main__":
    sys.exit(main())
