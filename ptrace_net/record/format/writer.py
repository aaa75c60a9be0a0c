"""Writes a recording: append-only, one write(2) per record, in memory that does not grow."""

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from ptrace_net.record.errors import RecordError
from ptrace_net.record.format import codec, frame
from ptrace_net.record.model import Array, Call, Data, Record, Struct, Value
from ptrace_net.record.signatures import params, words

SEGMENT_RECORDS = 4096
"""Records per deflate stream: what damage in the middle of a file may cost."""

_LEVEL = 1
_PAYLOAD = words("buf buf_out iov iov_out msg msg_out mmsg mmsg_out")


class RecordingWriter:
    """A recording being written to `path`, which must not exist or be empty.

    `config` is whatever describes the run (command, policy, devices), as JSON. `payload` limits how many
    bytes of every transferred buffer are kept: None for all, 0 for none; addresses, options and control
    messages are always kept. Use it as a context manager; without `close` the file is readable all the
    same.
    """

    def __init__(
        self, path: Path, config: Mapping[str, object] | None = None, payload: int | None = None
    ) -> None:
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror}") from error
        if os.fstat(self._fd).st_size:
            os.close(self._fd)
            raise RecordError(f"{path}: exists already and is not empty")
        self.count = 0
        self._payload = payload
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
        head = json.dumps(dict(config or {}), default=str).encode()
        self._out(frame.file_head() + frame.pack(frame.HEADER, head))

    def write(self, record: Record) -> None:
        """Append one record. Raises `RecordError` where the file cannot be written (a full disk)."""
        begin = b""
        if self.count % SEGMENT_RECORDS == 0:
            self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
            begin = frame.pack(frame.SEGMENT, frame.SYNC)
        raw = codec.encode(record if self._payload is None else limit(record, self._payload))
        body = self._deflate.compress(raw) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        self._out(begin + frame.pack(frame.RECORD, body))
        self.count += 1

    def close(self) -> None:
        """Mark the recording complete and close the file."""
        if self._fd >= 0:
            self._out(frame.pack(frame.END, str(self.count).encode()))
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _out(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except OSError as error:
                raise RecordError(f"the recording cannot be written: {error.strerror}") from error


def limit(record: Record, size: int) -> Record:
    """`record` with at most `size` bytes of every transferred buffer; lengths stay known."""
    if not isinstance(record, Call):
        return record
    kinds = params(record.name)
    args = tuple(
        _cut(value, size) if place < len(kinds) and kinds[place].kind in _PAYLOAD else value
        for place, value in enumerate(record.args)
    )
    return record if args == record.args else replace(record, args=args)


def _cut(value: Value, size: int) -> Value:
    match value:
        case Data(data, total):
            return Data(data[:size], total) if len(data) > size else value
        case Array(items, abbreviated):
            return Array(tuple(_cut(item, size) for item in items), abbreviated)
        case Struct(fields, abbreviated):
            kept = {"msg_name", "msg_control"}
            inner = tuple((name, field if name in kept else _cut(field, size)) for name, field in fields)
            return Struct(inner, abbreviated)
        case _:
            return value
