"""What the documentation of recordings and logs shows works."""

import re
import subprocess
import sys
from pathlib import Path

from record_support import DATA

from ptrace_net.record.export import FORMATS as EXPORTS
from ptrace_net.record.format import RecordingWriter, frame
from ptrace_net.record.importers import FORMATS, read_text
from ptrace_net.record.load import load

DOCS = Path(__file__).parents[2] / "docs"


def block(page: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_reader_in_the_documentation_reads_a_recording(tmp_path: Path) -> None:
    log = load(str(DATA / "sequences" / "tcp.strace"))
    with RecordingWriter(tmp_path / "x.rec") as out:
        for record in log.records:
            out.write(record)
    command = [sys.executable, "-c", block("recording.md", "python"), str(tmp_path / "x.rec")]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    lines = result.stdout.splitlines()
    assert len(lines) == len(log.records)
    assert lines[0].startswith("['c', ")
    assert "'socket'" in lines[0]


def test_the_constants_in_the_documentation() -> None:
    text = (DOCS / "recording.md").read_text()
    assert frame.MAGIC.hex(" ") in text
    assert frame.SYNC.hex() in text.replace(" ", "")
    for kind in frame.KINDS:
        assert f"`{chr(kind)}` (0x{kind:x})" in text


def test_the_mapping_file_in_the_documentation_works(tmp_path: Path) -> None:
    mapping, log = tmp_path / "my.toml", tmp_path / "my.log"
    mapping.write_text(block("logs.md", "toml"))
    log.write_text(
        "[0.5] 1 enter bind(3, 0, 16)\n[0.5] 1 binding 3 to ::1 port 80\n[0.6] 1 leave bind = -98\n"
    )
    (call,) = read_text(log, str(mapping)).calls
    assert (call.name, call.errno) == ("bind", "EADDRINUSE")


def test_every_format_and_export_is_documented() -> None:
    text = (DOCS / "logs.md").read_text()
    for name in (*FORMATS, *EXPORTS):
        assert f"| `{name}` |" in text
