"""Mutated logs and recordings: an error that names the file, or a partial import, never a traceback."""

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from record_support import DATA

from ptrace_net.record.commands import diff as diff_command
from ptrace_net.record.commands import show as show_command
from ptrace_net.record.diff.report import diff
from ptrace_net.record.diff.text import render
from ptrace_net.record.errors import RecordError
from ptrace_net.record.export import FORMATS, export
from ptrace_net.record.format import RecordingWriter
from ptrace_net.record.load import load
from ptrace_net.record.model import Log
from ptrace_net.record.render import record_text
from ptrace_net.record.replay.lower import lower
from ptrace_net.record.replay.lowering import CannotReplay
from ptrace_net.record.replay.plan import make_plan
from ptrace_net.record.show import pcapng, statistics, timeline
from ptrace_net.record.show.jsonl import record_json
from ptrace_net.report.html.side_by_side import render as side_by_side

TEXTS = [
    *(path for path in sorted((DATA / "seeds").iterdir()) if path.stat().st_size < 12_000),
    *sorted((DATA / "forms").glob("f*.strace")),
]
Mutation = Callable[[random.Random, bytearray], None]


def flip(chance: random.Random, raw: bytearray) -> None:
    for _ in range(chance.randint(1, 12)):
        raw[chance.randrange(len(raw))] = chance.randrange(256)


def cut(chance: random.Random, raw: bytearray) -> None:
    begin = chance.randrange(len(raw))
    del raw[begin : begin + chance.randint(1, 200)]


def repeat(chance: random.Random, raw: bytearray) -> None:
    begin = chance.randrange(len(raw))
    part = raw[begin : begin + chance.randint(1, 80)]
    raw[begin:begin] = part * chance.randint(1, 40)


def punctuate(chance: random.Random, raw: bytearray) -> None:
    """Brackets, quotes, numbers and keywords where they hurt a parser."""
    words = [b"[", b"]", b"{", b"}", b"(", b")", b'"', b"\\", b" = ", b"...", b"=>", b"\n", b"0x", b"-", b"|",
             b"<unfinished ...>", b"<... resumed>", b"99999999999999999999999", b"/*", b"*/",
             b"panicked at "]  # fmt: skip
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(raw) + 1)
        raw[at:at] = chance.choice(words)


def shuffle(chance: random.Random, raw: bytearray) -> None:
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    raw[:] = b"\n".join(lines)


MUTATIONS: list[Mutation] = [flip, cut, repeat, punctuate, shuffle]


def recording(folder: Path) -> bytes:
    path = folder / "whole.rec"
    with RecordingWriter(path, {"command": "x"}) as out:
        for record in load(str(DATA / "forms" / "f.strace")).records:
            out.write(record)
    return path.read_bytes()


def use(log: Log) -> None:
    """Everything that is done with a log without making its calls."""
    for record in log.records:
        record_text(record)
        record_json(record)
    plan = make_plan(log)
    for step in plan.steps:
        with suppress(CannotReplay, RecordError):
            lower(step.call, lambda number: number)
    for form in FORMATS:
        export(plan, form)
    assert list(timeline.render(log))
    assert list(statistics.render(statistics.collect(log.calls)))
    assert pcapng.render(log)


def compare(log: Log) -> None:
    """The log beside a good one."""
    report = diff(log, load(str(DATA / "sequences" / "udp.strace")))
    assert list(render(report))
    assert side_by_side(report)


def mutate_and_load(count: int, folder: Path) -> tuple[int, int]:
    """How many mutants were imported and how many refused."""
    chance = random.Random(count)
    originals = [path.read_bytes() for path in TEXTS] + [recording(folder)] * 8
    imported = refused = 0
    path = folder / "mutant"
    for _ in range(count):
        raw = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 3)):
            chance.choice(MUTATIONS)(chance, raw)
            raw = raw or bytearray(b"\n")
        path.write_bytes(raw)
        try:
            log = load(str(path))
            use(log)
            if imported % 8 == 0:
                compare(log)
            imported += 1
        except RecordError as error:
            refused += str(path.name) in str(error)
    return imported, refused


def test_mutants_are_imported_or_refused(tmp_path: Path) -> None:
    imported, refused = mutate_and_load(400, tmp_path)
    assert imported + refused == 400
    assert imported > 200


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_mutants(tmp_path: Path) -> None:
    imported, refused = mutate_and_load(10_000, tmp_path)
    assert imported + refused == 10_000
    assert refused > 100


def test_the_commands_fail_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    empty, binary = tmp_path / "empty", tmp_path / "binary"
    empty.write_bytes(b"")
    binary.write_bytes(bytes(range(256)) * 20)
    for path in (empty, binary, tmp_path, tmp_path / "missing"):
        assert show_command.main([str(path)]) == 125
        assert diff_command.main([str(path), str(path)]) == 125
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 8
    assert all(line.startswith("ptrace-net: ") for line in lines)
