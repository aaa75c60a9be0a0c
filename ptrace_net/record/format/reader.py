"""Reads a recording, whole or cut off at any byte or damaged in the middle.

What cannot be read is reported as `Lost`, with the offset in the file as its column; reading goes on at
the next segment. Only a file that is not a recording, or one of a newer major version, is an error.
"""

import json
import mmap
import zlib
from collections.abc import Iterator
from pathlib import Path

from ptrace_net.record.errors import RecordError
from ptrace_net.record.format import codec, frame
from ptrace_net.record.model import Log, Lost, Record, Source


def is_recording(path: Path) -> bool:
    """Whether the file at `path` begins as a recording does."""
    try:
        with path.open("rb") as file:
            return file.read(len(frame.MAGIC)) == frame.MAGIC
    except OSError:
        return False


def read_recording(path: Path) -> Log:
    """The whole recording in memory. Raises `RecordError` where the file is not one."""
    log = Log(path.name, "recording")
    log.records.extend(stream(path, log))
    return log


def stream(path: Path, log: Log) -> Iterator[Record]:
    """The records one by one; `log` receives the configuration and what was lost, not the records."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < frame.FILE_HEAD.size:
                raise RecordError(f"{path}: not a recording: {size} bytes only")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                yield from _Reader(path.name, data, log).run()
    except OSError as error:
        raise RecordError(f"{path}: {error.strerror}") from error


class _Reader:
    """The state of reading one file: the deflate stream, and whether it is still whole."""

    def __init__(self, name: str, data: mmap.mmap, log: Log) -> None:
        self.name = name
        self.data = data
        self.log = log
        self.inflate: zlib._Decompress | None = None
        self.ended = False
        self.count = 0

    def run(self) -> Iterator[Record]:
        """Every record that can be read."""
        magic, major, minor, _ = frame.FILE_HEAD.unpack_from(self.data, 0)
        if magic != frame.MAGIC:
            raise RecordError(f"{self.name}: not a recording")
        if major > frame.VERSION[0]:
            raise RecordError(
                f"{self.name}: format {major}.{minor}; this program reads up to {frame.VERSION[0]}.x"
            )
        offset = frame.FILE_HEAD.size
        while offset < len(self.data):
            found, after = frame.next_frame(self.data, offset)  # type: ignore[arg-type]
            if isinstance(found, frame.Damage):
                self.inflate = None
                self._lost(found.offset, found.what)
            else:
                yield from self._frame(found, offset)
            offset = after
        if not self.ended:
            self._lost(
                len(self.data), "the recorder did not close the recording; the last call may be missing"
            )

    def _frame(self, found: frame.Frame, offset: int) -> Iterator[Record]:
        if found.kind == frame.HEADER:
            self._config(found.body, offset)
        elif found.kind == frame.SEGMENT:
            self.inflate = zlib.decompressobj(-15)
        elif found.kind == frame.END:
            self.ended = True
        else:
            record = self._record(found.body, offset)
            if record is not None:
                self.count += 1
                yield record

    def _config(self, body: bytes, offset: int) -> None:
        try:
            config = json.loads(body)
        except ValueError:
            config = None
        if isinstance(config, dict):
            self.log.config = config
        else:
            self._lost(offset, "the configuration of the run cannot be read")

    def _record(self, body: bytes, offset: int) -> Record | None:
        if self.inflate is None:
            self._lost(offset, "a record behind damage; skipped up to the next segment")
            return None
        try:
            return codec.decode(self.inflate.decompress(body, frame.MAX_BODY))
        except (zlib.error, RecordError) as error:
            if isinstance(error, zlib.error):
                self.inflate = None
            self._lost(offset, str(error))
            return None

    def _lost(self, offset: int, what: str) -> None:
        self.log.lost.append(Lost(Source(self.name, 1, offset), what))
