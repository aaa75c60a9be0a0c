"""From a file of any known format to a `Log`: look at the beginning, choose, read.

A new format is one module with ``looks_like(line)`` and ``read(name, lines)``, named in `FORMATS`; a
format that is not worth a module is a mapping file (`kernel.mapping`).
"""

import importlib
import re
from collections.abc import Sequence
from pathlib import Path

from ptrace_net.record.errors import RecordError
from ptrace_net.record.model import Event, Log, Lost, Record, Source

FORMATS = {
    "strace": "ptrace_net.record.importers.strace",
    "arceos": "ptrace_net.record.importers.kernel.arceos",
    "zcore": "ptrace_net.record.importers.kernel.zcore",
    "asterinas": "ptrace_net.record.importers.kernel.asterinas",
}
"""Format → module. Starry logs as ArceOS does."""

_TASK_SUFFIX = re.compile(r"\.(\d+)$")
_SAMPLE = 2000


def sniff(lines: Sequence[str]) -> str | None:
    """The format whose lines are most numerous among the first ones, or None."""
    votes = dict.fromkeys(FORMATS, 0)
    for line in lines[:_SAMPLE]:
        for name, module in FORMATS.items():
            votes[name] += bool(importlib.import_module(module).looks_like(line[:4000]))
    best = max(votes, key=lambda name: votes[name])
    return best if votes[best] else None


def read_lines(name: str, lines: Sequence[str], kind: str | None = None, task: int = 0) -> Log:
    """Import `lines` as format `kind`, or as what they look like; `RecordError` where like nothing."""
    chosen = kind or sniff(lines)
    if chosen is None:
        known = ", ".join(FORMATS)
        raise RecordError(
            f"{name}: no line looks like a log of {known}; give a mapping file with --format FILE.toml"
        )
    module = importlib.import_module(FORMATS[chosen])
    log: Log = module.read(name, lines, task) if chosen == "strace" else module.read(name, lines)
    return log


def read_text(path: Path, kind: str | None = None) -> Log:
    """Import one text file; `kind` is a format's name or the path of a mapping file."""
    lines = _lines(path)
    if kind and kind not in FORMATS:
        from ptrace_net.record.importers.kernel import mapping

        return mapping.read(path.name, lines, mapping.load(Path(kind)))
    suffix = _TASK_SUFFIX.search(path.name)
    return read_lines(path.name, lines, kind, int(suffix[1]) if suffix else 0)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error


def parts_of(path: Path) -> list[Path]:
    """The files of ``strace -ff -o PATH``: PATH.1234 …, by number; empty where `path` is a file itself."""
    if path.is_file():
        return []
    found = [file for file in path.parent.glob(f"{path.name}.*") if _TASK_SUFFIX.search(file.name)]
    return sorted(found, key=lambda file: int(file.suffix[1:]))


def read_parts(paths: Sequence[Path], name: str) -> Log:
    """Import a set of ``strace -ff`` as one log: by time if there are times, else a child after its fork."""
    logs = {int(path.suffix[1:]): read_text(path, "strace") for path in paths}
    whole = Log(name, "strace")
    whole.lost = [lost for log in logs.values() for lost in log.lost]
    records = [record for log in logs.values() for record in log.records]
    if records and all(record.started is not None for record in records):
        whole.records = sorted(records, key=lambda record: record.started or 0.0)
    else:
        whole.lost.append(Lost(Source(name), "the files have no times: the order among tasks is guessed"))
        children = {event.value for log in logs.values() for event in log.events if event.kind == "fork"}
        for task in [task for task in logs if task not in children]:
            _descend(task, logs, whole.records)
    return whole


def _descend(task: int, logs: dict[int, Log], records: list[Record]) -> None:
    """Append the records of `task`; those of its children after the call that made them."""
    for record in logs.pop(task, Log("", "")).records:
        records.append(record)
        if isinstance(record, Event) and record.kind == "fork" and record.value in logs:
            _descend(record.value, logs, records)
