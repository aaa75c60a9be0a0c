"""`ptrace-net attach`: a running server is traced and let go unharmed; what cannot be traced is said."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SECONDS = 20


@pytest.fixture
def server() -> Iterator[tuple[int, int]]:
    """(process id, port) of a threaded echo server that runs by itself."""
    process = subprocess.Popen([sys.executable, HERE / "echo.py", "serve"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process:
        yield process.pid, int(process.stdout.readline())
        process.kill()


def ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(b"hello")
        return client.recv(100)


def status(pid: int, key: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(key + ":"))


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def attached(
    server: tuple[int, int], tmp_path: Path, ptrace_net_command: list[str]
) -> Iterator[tuple[int, int, Path, subprocess.Popen[str]]]:
    """The server with ptrace-net attached to it: (pid, port, trace, ptrace-net)."""
    pid, port = server
    trace = tmp_path / "trace.txt"
    command = [*ptrace_net_command, "attach", str(pid), f"--trace={trace}"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        until(lambda: status(pid, "TracerPid") == str(process.pid))
        until(lambda: trace.exists() and "unfinished" in trace.read_text())
        yield pid, port, trace, process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_is_traced_and_let_go(
    attached: tuple[int, int, Path, subprocess.Popen[str]], number: signal.Signals
) -> None:
    pid, port, trace, process = attached
    assert ask(port) == b"hello"
    until(lambda: 'sendto(' in trace.read_text())
    text = trace.read_text()
    assert re.search(r"<\.\.\. accept4 resumed>\{sa_family=AF_INET, .*\) = \d+\n", text)
    assert re.search(r'"hello", 100, 0, NULL, NULL\) += 5', text)
    assert len({line.split()[0] for line in text.splitlines()}) == 2  # the thread made since is followed
    process.send_signal(number)
    assert process.wait(SECONDS) == 0
    for tid in os.listdir(f"/proc/{pid}/task"):
        assert status(int(tid), "TracerPid") == "0"
        assert status(int(tid), "State") == "S"
    assert ask(port) == b"hello"


def test_the_end_of_the_process_ends_the_trace(
    attached: tuple[int, int, Path, subprocess.Popen[str]]
) -> None:
    pid, _, trace, process = attached
    os.kill(pid, signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    assert re.search(r"accept4\(3, +<unfinished \.\.\.>\n.*resumed>.*\) += \?", trace.read_text(), re.DOTALL)


def refusal(command: list[str], pid: int) -> str:
    """The one line that `attach PID` says before it ends with status 125."""
    words = [*command, "attach", str(pid)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 125
    assert done.stderr.startswith("ptrace-net: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_no_such_process(ptrace_net_command: list[str]) -> None:
    assert "no process 4194305" in refusal(ptrace_net_command, 4194305)


def test_already_traced(
    attached: tuple[int, int, Path, subprocess.Popen[str]], ptrace_net_command: list[str]
) -> None:
    pid, _, _, process = attached
    said = refusal(ptrace_net_command, pid)
    assert f"process {pid} is already traced by process {process.pid}" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
def test_more_capabilities_than_ours(server: tuple[int, int], ptrace_net_command: list[str]) -> None:
    fewer = ["setpriv", "--bounding-set=-sys_ptrace,-net_raw", *ptrace_net_command]
    said = refusal(fewer, server[0])
    assert f"process {server[0]} has capabilities that you have not (0x82000)" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root traces what must not be dumped too")
def test_not_dumpable(ptrace_net_command: list[str]) -> None:
    forbid = "import ctypes, time; ctypes.CDLL(None).prctl(4, 0); print('so', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", forbid], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "so\n"
        said = refusal(ptrace_net_command, process.pid)
        process.kill()
    assert f"process {process.pid} may not be dumped" in said


def test_a_file_that_cannot_be_written(server: tuple[int, int], ptrace_net_command: list[str]) -> None:
    command = [*ptrace_net_command, "attach", str(server[0]), "--trace=/nowhere/trace"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 125
    assert done.stderr == "ptrace-net: /nowhere/trace: No such file or directory\n"
    assert status(server[0], "TracerPid") == "0"
