"""The recording file: what goes in comes out, a crash at any byte costs the last record."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_support import DATA

from ptrace_net.record.errors import RecordError
from ptrace_net.record.format import RecordingWriter, codec, frame, is_recording, read_recording
from ptrace_net.record.format import writer as writer_module
from ptrace_net.record.load import load
from ptrace_net.record.model import (
    Array,
    Call,
    Change,
    Data,
    Event,
    Pointer,
    Record,
    Source,
    Struct,
    Symbol,
    Unknown,
)

TEXT = st.text(
    st.characters(codec="utf-8") | st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF), max_size=12
)
NUMBER = st.integers(-(1 << 63), (1 << 64) - 1)
PLAIN = st.one_of(
    NUMBER,
    st.builds(Symbol, TEXT, st.none() | NUMBER),
    st.builds(Data, st.binary(max_size=40), st.none() | st.integers(0, 1 << 40)),
    st.builds(Pointer, st.integers(0, (1 << 64) - 1)),
    st.builds(Unknown, TEXT, TEXT),
)
VALUE = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.builds(Struct, st.lists(st.tuples(TEXT, inner), max_size=3).map(tuple), st.booleans()),
        st.builds(Array, st.lists(inner, max_size=3).map(tuple), st.booleans()),
        st.builds(Change, inner, inner),
    ),
    max_leaves=8,
)
TIME = st.none() | st.floats(allow_nan=False, allow_infinity=False)
SOURCE = st.builds(Source, TEXT, st.integers(0, 1 << 31), st.integers(0, 1 << 16))
CALL = st.builds(
    Call,
    st.integers(0, 1 << 22),
    TEXT,
    st.lists(VALUE, max_size=6).map(tuple),
    st.none() | NUMBER,
    st.none() | TEXT,
    st.sampled_from(["returned", "unfinished", "no result", "panicked"]),
    TIME,
    TIME,
    SOURCE,
    st.lists(TEXT, max_size=2).map(tuple),
    st.lists(TEXT, max_size=2).map(tuple),
    TEXT,
    st.integers(0, 99),
)
KINDS = ["signal", "exit", "killed", "fork", "exec", "panic", "note", "restart"]
EVENT = st.builds(
    Event, st.integers(0, 1 << 22), st.sampled_from(KINDS), TEXT, st.none() | NUMBER, TIME, SOURCE
)
RECORD = CALL | EVENT


def write(path: Path, records: list[Record], payload: int | None = None) -> bytes:
    path.unlink(missing_ok=True)
    with RecordingWriter(path, {"command": ["nginx", "-g"], "policy": "stack"}, payload) as out:
        for record in records:
            out.write(record)
    return path.read_bytes()


@given(RECORD)
def test_every_record_survives_the_codec(record: Record) -> None:
    assert codec.decode(codec.encode(record)) == record


def test_a_log_survives_the_file(tmp_path: Path) -> None:
    log = load(str(DATA / "mediaserver-start.strace"))
    raw = write(tmp_path / "a.rec", log.records)
    back = load(str(tmp_path / "a.rec"))
    assert back.records == log.records
    assert back.kind == "recording"
    assert back.config == {"command": ["nginx", "-g"], "policy": "stack"}
    assert not back.lost
    assert len(raw) < 60 * len(log.records)
    assert is_recording(tmp_path / "a.rec")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(RECORD, min_size=1, max_size=12), st.data())
def test_a_file_cut_at_any_byte_loses_at_most_the_last_record(
    tmp_path: Path, records: list[Record], data: st.DataObject
) -> None:
    """What the recorder had written completely before it died is read."""
    path = tmp_path / "cut.rec"
    raw = write(path, records)
    cut = data.draw(st.integers(frame.FILE_HEAD.size, len(raw)))
    path.write_bytes(raw[:cut])
    complete = sum(1 for kind, end in _frames(raw) if kind == frame.RECORD and end <= cut)
    back = read_recording(path)
    assert back.records == records[:complete]
    assert bool(back.lost) == (cut < len(raw))


def _frames(raw: bytes) -> list[tuple[int, int]]:
    """(kind, end offset) of every frame, read by the format's description and nothing else."""
    found, offset = [], 16
    while offset < len(raw):
        length, check, kind = struct.unpack_from("<IIB", raw, offset)
        end = offset + 9 + length
        assert zlib.crc32(raw[offset + 8 : end]) == check
        found.append((kind, end))
        offset = end
    return found


def test_every_cut_of_one_recording(tmp_path: Path) -> None:
    records: list[Record] = [Call(1, "close", (number,), 0) for number in range(6)]
    path = tmp_path / "cut.rec"
    raw = write(path, records)
    for cut in range(frame.FILE_HEAD.size, len(raw)):
        path.write_bytes(raw[:cut])
        complete = sum(1 for kind, end in _frames(raw) if kind == frame.RECORD and end <= cut)
        assert read_recording(path).records == records[:complete]


def test_a_killed_recorder_leaves_a_readable_file(tmp_path: Path) -> None:
    """SIGKILL in the middle of writing: everything but the last record is there."""
    path = tmp_path / "killed.rec"
    program = (
        "import sys, os, signal\nfrom pathlib import Path\n"
        "from ptrace_net.record.format import RecordingWriter\nfrom ptrace_net.record.model import Call\n"
        "out = RecordingWriter(Path(sys.argv[1]))\n"
        "for number in range(1000): out.write(Call(1, 'close', (number,), 0))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    result = subprocess.run([sys.executable, "-c", program, str(path)], timeout=60, check=False)
    assert result.returncode == -9
    back = read_recording(path)
    assert [call.args[0] for call in back.calls] == list(range(1000))
    assert "did not close the recording" in back.lost[-1].what


def test_reading_goes_on_behind_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "SEGMENT_RECORDS", 10)
    records: list[Record] = [Call(1, "close", (number,), 0) for number in range(40)]
    path = tmp_path / "damaged.rec"
    raw = bytearray(write(path, records))
    ends = [end for kind, end in _frames(bytes(raw)) if kind == frame.RECORD]
    raw[ends[13] + 10] ^= 0xFF
    path.write_bytes(raw)
    back = read_recording(path)
    assert [call.args[0] for call in back.calls] == [*range(14), *range(20, 40)]
    assert back.lost[0].source.column == ends[13]


def test_payload_can_be_limited_and_left_out(tmp_path: Path) -> None:
    secret = Data(b"password=hunter2", 16)
    address = Struct((("sa_family", Symbol("AF_INET", 2)), ("sin_addr", Data(b"10.0.0.1", 8))))
    message = Struct(
        (("msg_name", address), ("msg_iov", Array((Struct((("iov_base", secret), ("iov_len", 16))),))))
    )
    records: list[Record] = [
        Call(1, "sendto", (3, secret, 16, 0, address, 16), 16),
        Call(1, "sendmsg", (3, message, 0), 16),
        Call(1, "setsockopt", (3, 1, 25, Data(b"eth0", 4), 4), 0),
    ]
    for limit in (0, 4):
        write(tmp_path / "limited.rec", records, limit)
        sendto, sendmsg, option = read_recording(tmp_path / "limited.rec").calls
        assert sendto.args[1] == Data(secret.data[:limit], 16)
        assert sendto.args[4] == address
        assert sendmsg.args[1].get("msg_name") == address
        assert sendmsg.args[1].get("msg_iov").items[0].get("iov_base") == Data(secret.data[:limit], 16)
        assert option == records[2]
        assert b"hunter2" not in (tmp_path / "limited.rec").read_bytes()


def test_newer_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.rec"
    raw = bytearray(write(path, []))
    raw[8] = 2
    path.write_bytes(raw)
    with pytest.raises(RecordError, match=r"format 2\.0; this program reads up to 1\.x"):
        read_recording(path)
    path.write_bytes(b"GIF89a" + bytes(100))
    with pytest.raises(RecordError, match="not a recording"):
        read_recording(path)
    path.write_bytes(b"\x89PTN")
    with pytest.raises(RecordError, match="4 bytes only"):
        read_recording(path)


def test_fields_of_a_later_minor_version_are_ignored() -> None:
    raw = b'["c",1,"close",[3],0,null,"returned",null,null,null,[],[],"",0,"new"]\n'
    assert codec.decode(raw) == Call(1, "close", (3,), 0)


@pytest.mark.parametrize(
    "raw",
    [b"", b"{}", b"[]", b"[1]", b'["x"]', b'["c",1,"a",[["d",5,5]]]', b'["c",1,"a",[["q",1]]]',
     b'["c",1,"a",[],0,null,"flew"]', b'["e",1,"flew"]', b'["c",1,"a",' + b"[" * 5000,
     b'["c",1,"a",[["f",0,1]]]'],
)  # fmt: skip
def test_what_is_not_a_record_is_an_error_not_a_traceback(raw: bytes) -> None:
    with pytest.raises(RecordError):
        codec.decode(raw)


def test_an_existing_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "there.rec"
    path.write_bytes(b"mine")
    with pytest.raises(RecordError, match="exists already"):
        RecordingWriter(path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(RecordError, match="No such file or directory"):
        RecordingWriter(tmp_path / "no" / "folder.rec")


def test_recording_costs_memory_in_proportion_to_nothing(tmp_path: Path) -> None:
    """Ten times the calls take no more memory: measured as the growth of the process."""
    call = Call(1, "sendto", (3, Data(b"x" * 200, 200), 200, 0, Pointer(0), 0), 200)
    with RecordingWriter(tmp_path / "big.rec") as out:
        sizes = []
        for count in (2_000, 18_000):
            for _ in range(count):
                out.write(call)
            sizes.append(_resident())
    assert sizes[1] - sizes[0] < 4 << 20


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
