"""Opens whatever a user names on the command line: a recording, a log, a set of ``strace -ff`` files."""

from pathlib import Path

from ptrace_net.record.errors import RecordError
from ptrace_net.record.format import is_recording, read_recording
from ptrace_net.record.importers import parts_of, read_parts, read_text
from ptrace_net.record.model import Log


def load(name: str, kind: str | None = None) -> Log:
    """The log in file `name`; `kind` as for `importers.read_text`. Raises `RecordError`."""
    path = Path(name)
    if parts := parts_of(path):
        return read_parts(parts, path.name)
    if path.is_dir():
        raise RecordError(f"{name}: is a directory")
    if kind in (None, "recording") and is_recording(path):
        return read_recording(path)
    if kind == "recording":
        raise RecordError(f"{name}: not a recording")
    return read_text(path, kind)
