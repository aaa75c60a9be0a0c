"""The benchmark's peers, other tools: shown apart, their gaps with reasons, and none of them holds it up."""

import json
import os
import shutil
import sys
from pathlib import Path

import psutil
import pytest

from bench import __main__ as command
from bench import configurations, measure, plot, table
from bench.cases import CASES, Case, read_iperf3
from bench.configurations import NATIVE, PACKAGES, PEERS, STRACE, Configuration
from bench.measure import Cell
from bench.process import Failed, nothing_left, output

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
RATE = Case("rate", "calls/s", lambda place: [])
OTHER = Case("rate, other", "calls/s", lambda place: [])
PEER = Configuration("peer", ("peer",), packages=("peer-package",))

# Prints, and leaves a process in a session of its own that keeps standard output open.
LEAVES_ONE = "echo $$; setsid sh -c 'echo $$; exec sleep 300' & sleep 0.5"


def cells() -> list[Cell]:
    """Two cases under native, strace and a peer, which can run only one of them."""
    return [
        Cell(RATE, NATIVE, [100.0], [1.0]),
        Cell(RATE, STRACE, [50.0], [0.5]),
        Cell(RATE, PEER, [25.0], [0.25]),
        Cell(OTHER, NATIVE, [10.0], [1.0]),
        Cell(OTHER, STRACE, [5.0], [0.5]),
        Cell(OTHER, PEER, error="exit status 1: bind: no"),
    ]


def rows(text: str) -> list[list[str]]:
    """The words of a table's rows, the line below its head left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[word.strip() for word in line.split("|")[1:-1]] for line in lines]


def test_peers_have_a_table_of_their_own_with_the_reasons_for_gaps() -> None:
    text = table.ours(cells())
    assert [row[2:] for row in rows(text)] == [
        ["native", "strace"],
        ["100", "0.50× (0.50–0.50)"],
        ["10", "0.50× (0.50–0.50)"],
    ]
    assert "peer" not in text
    text = table.peers(cells(), {"absent": "not installed; Debian: absent"})
    assert [row[2:] for row in rows(text)] == [
        ["native", "peer"],
        ["100", "0.25× (0.25–0.25)"],
        ["10", "–"],
    ]
    assert text.splitlines()[-2:] == [
        "- peer (rate, other): exit status 1: bind: no",
        "- absent is left out: not installed; Debian: absent",
    ]


def test_where_no_peer_runs_there_are_reasons_only() -> None:
    mine = [cell for cell in cells() if not cell.configuration.peer]
    assert table.peers(mine, {"peer": "no"}) == "- peer is left out: no"
    assert table.peers(mine, {}) == ""


def test_the_picture_is_without_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[list[Cell]] = []
    monkeypatch.setattr(plot, "draw", lambda cells, file: drawn.append(cells))
    monkeypatch.setattr(table, "rewrite", lambda *arguments: None)
    command.report(cells(), {}, "head", write=True)
    assert [[cell.configuration for cell in those] for those in drawn] == [[NATIVE, STRACE] * 2]


@pytest.mark.parametrize("peers", [False, True])
def test_a_peers_failure_is_none_of_the_benchmark(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, peers: bool
) -> None:
    page, written = tmp_path / "page.md", tmp_path / "results.json"
    page.write_text("\nold\n".join(table.FIGURES) + "\n" + "\nold\n".join(table.PEERS) + "\n")
    monkeypatch.setattr(command, "PAGE", page)
    monkeypatch.setattr(command, "draw", lambda cells: False)
    monkeypatch.setattr(
        command, "CONFIGURATIONS", (NATIVE, Configuration("gone", ("no-such",), packages=("p",)))
    )
    monkeypatch.setattr(command.measure, "compile_programs", lambda folder: None)
    measured = [cell for cell in cells() if peers or not cell.configuration.peer]
    monkeypatch.setattr(command.measure, "run", lambda *arguments, **named: measured)
    options = ["--only", "getppid", "--write", "--output", str(written)]
    monkeypatch.setattr(sys, "argv", ["bench", *options, *(["--peers"] if peers else [])])
    assert command.main() == 0
    text = page.read_text()
    left_out = {"gone": "not installed; Debian: p"} if peers else {}
    assert json.loads(written.read_text())["left out"] == left_out
    assert ("- gone is left out: not installed; Debian: p" in text) == peers
    assert text.count("\nold\n") == (0 if peers else 1)  # a run without peers leaves their table as it was
    assert text.index(table.FIGURES[1]) < text.index(table.PEERS[0])


def test_the_page_says_what_each_peer_is_and_has_a_place_for_its_figures() -> None:
    text = PAGE.read_text()
    described = {row[0] for row in rows(text)}
    assert {peer.name for peer in (STRACE, *PEERS)} <= described
    assert f"apt-get install {' '.join(PACKAGES)}\n" in text
    assert text.index(table.PEERS[0]) < text.index(table.PEERS[1])
    assert " ".join(PACKAGES) in " ".join(command.parser().format_help().split())


@pytest.mark.parametrize(
    ("prefix", "obstacle"),
    [
        (("no-such-program",), "not installed; Debian: it"),
        (("env", "LD_PRELOAD=libno-such.so"), "not installed; Debian: it"),
        (("sh", "-c", "echo first >&2; echo last >&2; exit 3"), "exit status 3: last"),
        (("sh", "-c", "exit 3"), "exit status 3"),
        (("true",), "a shell's output is lost"),
        (("sh", "-c", "exec sleep 300"), "no end within 0.5 s"),
        (("env",), None),
    ],
)
def test_a_peer_that_does_not_run_is_left_out_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, prefix: tuple[str, ...], obstacle: str | None
) -> None:
    monkeypatch.setattr(configurations, "PROBE_SECONDS", 0.5 if "sleep" in prefix[-1] else 20)
    assert Configuration("it", prefix, packages=("it",)).obstacle() == obstacle


def test_nothing_that_a_command_leaves_behind_stays_or_is_waited_for(tmp_path: Path) -> None:
    with nothing_left():
        printed = output(["sh", "-c", LEAVES_ONE], dict(os.environ), tmp_path, 20)
        shell, left = map(int, printed.split())
        assert psutil.pid_exists(left)
    assert not psutil.pid_exists(shell)
    assert not psutil.pid_exists(left)


def test_a_command_that_does_not_end_is_ended_with_all_its_processes(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"no end within 1\.5 s"), nothing_left():
        output(["sh", "-c", f"({LEAVES_ONE}) >pids; sleep 300"], dict(os.environ), tmp_path, 1.5)
    ended = (tmp_path / "pids").read_text().split()
    assert len(ended) == 2
    assert not [pid for pid in ended if psutil.pid_exists(int(pid))]


def test_reasons_name_no_place_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    said = (
        f"{ROOT}/bench/uml.sh: 3: cannot open '/tmp/bench-x/a/out': no\n /home/somebody/.uml/x, /dev/net/tun"
    )
    assert measure.without_places(said) == "uml.sh: 3: cannot open 'out': no x, /dev/net/tun"
    assert len(measure.without_places("x" * 1000)) < 200


def test_the_reason_that_iperf3_gives_is_told() -> None:
    with pytest.raises(ValueError, match="control socket has closed"):
        read_iperf3('{"end": {}, "error": "control socket has closed"}')


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_every_peer_runs_or_says_why_not(tmp_path: Path, peer: Configuration) -> None:
    installed = shutil.which(peer.program or peer.prefix[0]) is not None
    obstacle = peer.obstacle()
    if obstacle:
        assert not (installed and "not installed" in obstacle) or peer.name == "socket_wrapper"
        assert installed or obstacle == f"not installed; Debian: {' '.join(peer.packages)}"
        return
    measure.compile_programs(tmp_path)
    case = next(case for case in CASES if case.name == "getsockname")
    assert measure.once(case, peer, tmp_path, 0.05) > 0
