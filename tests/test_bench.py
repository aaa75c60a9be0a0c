"""The benchmark: that it runs, and that its figures are computed as it says."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import links, plot, table, targets
from bench.cases import CASES, Case, read_datagrams, read_iperf3, read_redis, read_wrk
from bench.configurations import NATIVE, STRACE, Configuration
from bench.measure import Cell

ROOT = Path(__file__).resolve().parent.parent

RATE = Case("rate", "calls/s", lambda place: [])
TIME = Case("time", "ms", lambda place: [])


def cell(case: Case, configuration: Configuration, *values: float, native: tuple[float, ...] = ()) -> Cell:
    ratios = [value / other for value, other in zip(values, native, strict=False)]
    return Cell(case, configuration, list(values), ratios)


def test_a_rate_is_shown_as_the_median_ratio_and_its_spread() -> None:
    native = cell(RATE, NATIVE, 100, 200, 400)
    other = cell(RATE, STRACE, 50, 50, 300, native=(100, 200, 400))
    assert table.shown(native, native) == "200"
    assert table.shown(other, native) == "0.50× (0.25–0.75)"


def test_a_time_is_shown_as_it_is() -> None:
    native = cell(TIME, NATIVE, 0.5)
    assert table.shown(cell(TIME, STRACE, 3.25, native=(0.5,)), native) == "3.25"


@pytest.mark.parametrize(
    ("value", "text"), [(1234567, "1,230,000"), (99.96, "100"), (20.24, "20.2"), (0.12345, "0.123"), (0, "0")]
)
def test_quantities_have_three_digits(value: float, text: str) -> None:
    assert table.quantity(value) == text


def test_a_failed_cell_is_shown_and_explained() -> None:
    failed = Cell(RATE, STRACE, error="exit status 1: no")
    cells = [cell(RATE, NATIVE, 1), failed]
    assert "failed" in table.figures(cells)
    assert table.problems(cells) == "rate under strace failed: exit status 1: no"


@pytest.mark.parametrize(
    ("target", "measured", "met"),
    [
        (targets.Target("rate", "strace", 0.5, "native"), "0.50×", "yes"),
        (targets.Target("rate", "strace", 0.51, "native"), "0.50×", "no"),
        (targets.Target("time", "strace", 3, at_most=True), "3.25 ms", "no"),
        (targets.Target("time", "strace", 4, at_most=True), "3.25 ms", "yes"),
    ],
)
def test_targets_are_judged(target: targets.Target, measured: str, met: str) -> None:
    cells = [cell(RATE, NATIVE, 100, 100, 10), cell(RATE, STRACE, 50, 10, 90), cell(TIME, STRACE, 3.25)]
    (row,) = target.judge(cells)
    assert row[1:] == [measured, met]


def test_a_target_without_its_cells_is_not_judged() -> None:
    target = targets.Target("rate", "strace", 0.5, "native")
    assert target.judge([cell(RATE, NATIVE, 1)]) == []
    assert target.judge([cell(RATE, NATIVE, 1), Cell(RATE, STRACE, error="no")]) == []


def test_targets_name_cases_that_there_are() -> None:
    rates = [target for target in targets.TARGETS if isinstance(target, targets.Target)]
    flat = [target for target in targets.TARGETS if isinstance(target, targets.Flat)]
    named = {target.case for target in rates} | {each for it in flat for each in (it.many, it.few)}
    assert named <= {case.name for case in CASES}


def test_the_programs_outputs_are_read() -> None:
    assert read_iperf3('{"end": {"sum_received": {"bits_per_second": 2.5e9}}}') == 2.5
    arrived = '{"end": {"sum_received": {"packets": 500, "lost_packets": 300, "seconds": 0.5}}}'
    assert read_datagrams(arrived) == 400
    assert read_redis('"test","rps"\n"GET","61728.39","0.4"\n') == 61728.39
    assert read_wrk("  8 connections\nRequests/sec:  54321.10\nTransfer/sec: 8MB\n") == 54321.10


def test_the_page_is_rewritten_between_its_marks_only(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    begin, end = table.FIGURES
    page.write_text(f"before\n{begin}\nold \\1\n{end}\nafter\n")
    table.rewrite(page, r"new \2")
    assert page.read_text() == f"before\n{begin}\nnew \\2\n{end}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(SystemExit, match=r"page\.md has no place"):
        table.rewrite(page, "new")


def test_the_page_has_a_place_for_the_links_and_there_is_a_link_everywhere() -> None:
    page = links.PAGE.read_text()
    assert page.index(links.BEGIN) < page.index(links.END)
    assert [link.name for link in links.links(())] == ["hub"]
    assert [link.name for link in links.links(("nsenter",))] == ["TAP, offload", "TAP, plain frames", "hub"]
    assert all(link.near != link.far for link in links.links(("nsenter",)))


def test_a_link_that_failed_is_shown_and_targets_are_judged_by_what_was_measured() -> None:
    whole = {"out": 2.0, "CPU per GB out": 1.25, "in": 1.994, "CPU per GB in": 1, "connections": 1234.5}
    whole |= {"round trip": 209.4, "requests of 1,000 clients": 9666}
    partly = {name: value for name, value in whole.items() if name != "in"}
    rows = [("TAP, offload", whole), ("TAP, plain frames", whole), ("hub", partly)]
    head, table_of_links, table_of_targets = links.report(rows).split("\n\n")
    assert "processor" in head
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table_of_links.splitlines()]
    assert cells[0] == ["link", *links.COLUMNS]
    shown = ["2.00 Gbit/s", "1.2 s", "1.99 Gbit/s", "1.0 s", "1,230 /s", "209 µs", "9,670 /s"]
    assert cells[2] == ["TAP, offload", *shown]
    assert cells[4] == ["hub", *shown[:2], "failed", *shown[3:]]
    assert [line.split("|")[1:-1] for line in table_of_targets.splitlines()[2:]] == [
        [" TAP, offload, out: ≥ 2 Gbit/s ", " 2.00 Gbit/s ", " yes "],
        [" TAP, offload, in: ≥ 2 Gbit/s  ", " 1.99 Gbit/s ", " no  "],
        [" hub, out: ≥ 0.5 Gbit/s        ", " 2.00 Gbit/s ", " yes "],
    ]
    assert links.failed(rows)
    assert not links.failed(rows[:2])
    assert "target" not in links.report(rows[1:2])


def test_targets_name_links_and_columns_that_there_are() -> None:
    names = {link.name for link in links.links(("nsenter",))}
    assert {target.link for target in targets.LINK_TARGETS} <= names
    assert {target.column for target in targets.LINK_TARGETS} <= links.COLUMNS.keys()


def test_without_the_right_to_a_tap_the_hub_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> None:
        raise links.Failed("no namespace with a TAP: not permitted")

    monkeypatch.setattr(links, "taps", refuse)
    monkeypatch.setattr(links, "measured", lambda link, seconds: (link.name, {"out": seconds}))
    assert links.run(1.5) == [("hub", {"out": 1.5})]
    assert "bench: left out: the TAPs (no namespace with a TAP: not permitted)" in capsys.readouterr().err


@pytest.mark.parametrize(("options", "ran"), [([], [2.0]), (["--quick"], [1.0]), (["--only", "getppid"], [])])
def test_links_are_measured_after_the_cases_unless_some_are_chosen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: list[str], ran: list[float]
) -> None:
    ran_for: list[float] = []
    cells = [cell(RATE, NATIVE, 1)]

    def run(seconds: float) -> list[links.Row]:
        ran_for.append(seconds)
        return [("hub", dict.fromkeys(links.COLUMNS, 1.0))]

    pages = {module: tmp_path / name for module, name in ((command, "page.md"), (links, "links.md"))}
    pages[command].write_text("\nold\n".join(table.FIGURES) + "\n")
    pages[links].write_text(f"{links.BEGIN}\nold\n{links.END}\n")
    for module, page in pages.items():
        monkeypatch.setattr(module, "PAGE", page)
    monkeypatch.setattr(command, "draw", lambda cells: False)
    monkeypatch.setattr(command.links, "run", run)
    monkeypatch.setattr(command.measure, "compile_programs", lambda folder: None)
    monkeypatch.setattr(command.measure, "run", lambda *arguments, **named: cells)
    output = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", ["bench", "--output", str(output), "--write", *options])
    assert command.main() == 0
    assert ran_for == ran
    assert set(json.loads(output.read_text())["links"]) == ({"hub"} if ran else set())
    assert ("old" in pages[links].read_text()) == (not ran)
    assert "old" not in pages[command].read_text()


def test_a_real_run_measures_alternately_and_leaves_json(tmp_path: Path) -> None:
    assert shutil.which("strace"), "make check installs strace"
    output = tmp_path / "results.json"
    options = ["--only", "getsockname", "--with", "strace", "--seconds", "0.05", "--rounds", "2"]
    subprocess.run(
        [sys.executable, "-m", "bench", *options, "--output", output], cwd=ROOT, check=True, timeout=60
    )
    result = json.loads(output.read_text())
    assert [row["configuration"] for row in result["results"]] == ["native", "strace"]
    native, strace = result["results"]
    assert strace["ratios"] == [a / b for a, b in zip(strace["values"], native["values"], strict=True)]
    assert len(strace["ratios"]) == 2
    assert max(strace["ratios"]) < 0.5


# Stands for a supervisor: a megabyte for each connection that the program says it has.
SUPERVISOR = """
import subprocess, sys
held = []
with subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True) as program:
    for line in program.stdout:
        held.append(b"x" * (int(line) << 20))
        print(line, end="", flush=True)
"""


@pytest.mark.parametrize(("before", "megabytes"), [((), 0), ((sys.executable, "-c", SUPERVISOR), 1)])
def test_memory_beside_the_program_is_measured(
    tmp_path: Path, before: tuple[str, ...], megabytes: int
) -> None:
    program = tmp_path / "idle"
    subprocess.run(["gcc", "-o", program, ROOT / "bench" / "c" / "idle.c"], check=True, timeout=60)
    words = [sys.executable, ROOT / "bench" / "beside.py", *before, program, "1", "5", "10"]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    # 5 and 10 MB more, from 1 to 10 connections
    assert float(said) / (1 << 20) == pytest.approx(megabytes * 15 / 9, rel=0.1)


def test_the_picture_shows_every_rate_and_is_the_same_for_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the picture is drawn with the extra dev")
    cells = [cell(RATE, NATIVE, 10, native=(10,)), cell(RATE, STRACE, 5, native=(10,)), cell(TIME, NATIVE, 1)]
    assert {name: [each.configuration for each in row] for name, row in plot.rates(cells).items()} == {
        "rate": [STRACE]
    }
    for name in ("one.svg", "other.svg"):
        plot.draw(cells, tmp_path / name)
    assert (tmp_path / "one.svg").read_text() == (tmp_path / "other.svg").read_text()
    assert "<svg" in (tmp_path / "one.svg").read_text()
