"""What the tests of recordings share: the data folder, short ways to import, and calls in a few words."""

from dataclasses import replace
from pathlib import Path

from ptrace_net.record.importers import read_lines
from ptrace_net.record.load import load
from ptrace_net.record.model import NOWHERE, Call, Log, Record
from ptrace_net.record.render import call_text

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "traces"
SEEDS = sorted((DATA / "seeds").iterdir())


def seed(name: str) -> Log:
    """The excerpt whose file name contains `name`, imported."""
    (path,) = [each for each in SEEDS if name in each.name]
    return load(str(path))


def texts(log: Log) -> list[str]:
    """Every call in one line."""
    return [call_text(call) for call in log.calls]


def brief(log: Log) -> list[tuple[str, int | None, str | None]]:
    """Every call as (name, result, errno)."""
    return [(call.name, call.result, call.errno) for call in log.calls]


def strace(*lines: str) -> Log:
    """Lines of strace as a log."""
    return read_lines("test.strace", lines, "strace")


def one(line: str) -> Call:
    """The only call of one line of strace."""
    (call,) = strace(line).calls
    return call


def without_places(log: Log) -> list[Record]:
    """The records without where in the file they stood."""
    return [
        replace(record, source=NOWHERE, ended=0)
        if isinstance(record, Call)
        else replace(record, source=NOWHERE)
        for record in log.records
    ]
