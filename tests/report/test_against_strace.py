"""The trace of a program under ptrace-net, line by line what strace says of the same program run natively."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.build import M32, compile_c

HERE = Path(__file__).parent
SECONDS = 60
SOCKET_IOCTLS = re.compile(r"ioctl\(\d+, (FIONBIO|FIONREAD|FIOASYNC|SIO)")

# What differs between two runs: addresses in memory, ports that the kernel chose, process ids, times.
VOLATILE = (
    (r"\b0x[0-9a-f]{7,}\b", "POINTER"),
    (r"htons\(\d+\)", "PORT"),
    (r'sa_data="(?:[^"\\]|\\.)*"', "SA_DATA"),  # a cut address holds a part of the port
    (r"nl(msg)?_pid=\d+", "PORT_ID"),
    (r"[ct]stamp=\d+", "TIME"),
    (r" += ", " = "),
)

# Where the trace says more than strace 6.1 does, or says it otherwise, on purpose: nothing in these programs
# needs to be excused line by line. Left out of strace's side are its lines about signals and exits (`---`,
# `+++`), which are no socket calls, and on ours the `=> host:` lines, which strace cannot know.


def normalized(text: str) -> list[str]:
    lines = []
    for line in text.splitlines():
        _, _, call = line.partition(" ")
        call = call.strip()
        if call.startswith(("---", "+++", "=> host:")) or (
            call.startswith("ioctl(") and not SOCKET_IOCTLS.match(call)
        ):
            continue
        for pattern, name in VOLATILE:
            call = re.sub(pattern, name, call)
        lines.append(call)
    return lines


def joined(text: str) -> list[str]:
    """Unfinished calls and their ends put together, in the order of their ends."""
    begun: dict[str, str] = {}
    lines = []
    for line in text.splitlines():
        task, _, call = line.partition(" ")
        call = call.strip()
        if call.endswith("<unfinished ...>"):
            begun[task] = call.removesuffix("<unfinished ...>").rstrip()
        elif match := re.match(r"<\.\.\. (\w+) resumed>(.*)", call):
            glue = "" if match[2].startswith(")") else " "
            lines.append(f"{task} {begun.pop(task)}{glue}{match[2].strip()}")
        else:
            lines.append(line)
    return lines


@pytest.fixture(scope="module", params=["x86_64", "i386"])
def calls(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    flags = M32 if request.param == "i386" else ()
    return compile_c(HERE / "calls.c", tmp_path_factory.mktemp("calls"), *flags, "-w")


def strace(folder: Path, *argv: str | Path) -> str:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    output = folder / "strace.txt"
    options = ["-f", "-o", output, "-e", "trace=network,ioctl"]
    subprocess.run(["strace", *options, *argv], check=True, timeout=SECONDS, cwd=folder, capture_output=True)
    return output.read_text()


def trace(folder: Path, command: list[str], *argv: str | Path, json_lines: bool = False) -> str:
    output = folder / "trace.txt"
    options = ["--net", "host", f"--trace={output}", *(["--json"] if json_lines else [])]
    subprocess.run(
        [*command, *options, "--", *argv], check=True, timeout=SECONDS, cwd=folder, capture_output=True
    )
    return output.read_text()


def test_every_call_reads_as_strace_writes_it(
    calls: Path, tmp_path: Path, ptrace_net_command: list[str]
) -> None:
    ours, theirs = trace(tmp_path, ptrace_net_command, calls), strace(tmp_path, calls)
    assert normalized(ours) == normalized(theirs)


def test_results_stand_in_the_same_column(calls: Path, tmp_path: Path, ptrace_net_command: list[str]) -> None:
    ours, theirs = trace(tmp_path, ptrace_net_command, calls), strace(tmp_path, calls)
    columns = [
        next(line.index(" = ") for line in text.splitlines() if "shutdown(" in line)
        for text in (ours, theirs)
    ]
    assert columns[0] == columns[1]


def test_overlapping_calls_are_split_and_resumed(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    """Which calls overlap is the scheduler's; put together again, they are the calls that strace saw."""
    argv = (sys.executable, HERE / "echo.py")
    ours, theirs = trace(tmp_path, ptrace_net_command, *argv), strace(tmp_path, *argv)
    assert "<unfinished ...>" in ours
    assert "resumed>" in ours

    def shapes(text: str) -> list[str]:
        lines = normalized("\n".join(joined(text)))
        return sorted(re.sub(r"\((\d+)(?=[,)])|= \d+$", "N", line) for line in lines)

    assert shapes(ours) == shapes(theirs)


def test_json_says_the_same_as_the_text(calls: Path, tmp_path: Path, ptrace_net_command: list[str]) -> None:
    text = trace(tmp_path, ptrace_net_command, calls)
    objects = trace(tmp_path, ptrace_net_command, calls, json_lines=True)
    records = [json.loads(line) for line in objects.splitlines()]
    lines = [line.partition(" ")[2].strip() for line in text.splitlines() if "=> host:" not in line]
    assert len(records) == len(lines)
    for record, line in zip(records, lines, strict=True):
        assert line.startswith(record["call"] + "(")
        result = line.rpartition(" = ")[2]
        assert result.split()[0] == str(-1 if record["errno"] else record["result"])
        assert record["errno"] is None or record["errno"] in result
        assert record["tid"] == record["pid"]
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)


def test_the_translation_is_shown(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    program = "import socket; socket.socket(socket.AF_INET6).bind(('::', 0))"
    text = trace(tmp_path, ptrace_net_command, sys.executable, "-c", program)
    lines = [line.strip() for line in text.splitlines()]
    asked = next(i for i, line in enumerate(lines) if "bind(" in line)
    assert 'inet_pton(AF_INET6, "::", &sin6_addr)' in lines[asked]
    assert "=> host: bind(" in lines[asked + 1]
    assert 'sin_addr=inet_addr("0.0.0.0")' in lines[asked + 1]


SHUT = """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
client.shutdown(socket.SHUT_WR)
"""


def test_what_the_host_got_is_shown_whole(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    output = tmp_path / "trace"
    words = [*ptrace_net_command, "--net", "stack", f"--trace={output}", "--", sys.executable, "-c", SHUT]
    subprocess.run(words, check=True, timeout=SECONDS, cwd=tmp_path)
    lines = [" ".join(line.split()[1:]) for line in output.read_text().splitlines()]
    assert "=> host: listen(3, 4096) = 0" in lines
    assert "=> host: shutdown(4, SHUT_WR) = 0" in lines


def test_the_program_s_own_output_stays_apart(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    """Both write to standard error: no line holds a part of another."""
    program = "import os, socket\nfor i in range(200): socket.socket().close(); os.write(2, b'program\\n')"
    command = [*ptrace_net_command, "--net", "host", "-t", "--", sys.executable, "-c", program]
    done = subprocess.run(command, check=True, timeout=SECONDS, cwd=tmp_path, capture_output=True, text=True)
    lines = [line for line in done.stderr.splitlines() if line != "program"]
    assert len(done.stderr.splitlines()) - len(lines) == 200
    assert all(re.fullmatch(r"\w+\(.*\) += .*|    => host: .*", line) for line in lines)


def test_a_file_that_cannot_be_written(ptrace_net_command: list[str]) -> None:
    command = [*ptrace_net_command, "--net", "host", "--trace=/nowhere/trace", "--", "true"]
    done = subprocess.run(command, timeout=SECONDS, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert done.stderr == "ptrace-net: /nowhere/trace: No such file or directory\n"
