"""What a recording is for: shown, compared with strace's log of the program and with itself, replayed."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.build import compile_c
from support.deadline import wait_until
from support.ports import free_port

from ptrace_net.record.diff.report import diff
from ptrace_net.record.format import read_recording
from ptrace_net.record.load import load
from ptrace_net.record.model import Event
from ptrace_net.record.replay.plan import make_plan
from ptrace_net.record.replay.run import ReplayReport, replay

HERE = Path(__file__).parent
SECONDS = 40
SEEN = "trace=network,ioctl,close,dup,dup2,dup3,fcntl,exit_group"


@pytest.fixture
def record(tmp_path: Path, ptrace_net_command: list[str]) -> Callable[..., Path]:
    """Record a program that succeeds; the file."""

    def run(*argv: str | Path, options: tuple[str, ...] = ()) -> Path:
        path = tmp_path / f"{time.monotonic_ns()}.rec"
        command = [*ptrace_net_command, "--net", "host", "--record", path, *options, "--", *argv]
        subprocess.run(command, timeout=SECONDS, check=True, stdout=subprocess.DEVNULL, cwd=tmp_path)
        return path

    return run


@contextmanager
def serving(*argv: str | Path, port: int) -> Iterator[None]:
    """A server that runs natively, from when it accepts connections."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            deadline = time.monotonic() + SECONDS
            while socket.socket().connect_ex(("127.0.0.1", port)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            yield
        finally:
            server.kill()


def replayed(path: Path) -> ReplayReport:
    report = replay(make_plan(read_recording(path)))
    assert report.world_failures == []
    return report


def test_says_what_strace_says(record: Callable[..., Path], tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    program = compile_c(HERE / "calls.c", tmp_path)
    log = tmp_path / "strace.log"
    command = ["strace", "-f", "-e", SEEN, "-o", log, program]
    subprocess.run(command, check=True, timeout=SECONDS, cwd=tmp_path)
    report = diff(load(str(log)), read_recording(record(program)))
    assert report.first is None
    assert len(report.pairs) > 60


def test_threads_replay_without_divergence(record: Callable[..., Path]) -> None:
    report = replayed(record(sys.executable, HERE / "echo.py"))
    assert report.divergences == []
    assert report.made == len(report.outcomes) > 35


def test_both_ends_replay_with_reads_and_writes(record: Callable[..., Path]) -> None:
    options = ("--record-io", "--record-payload", "all")
    report = replayed(record(sys.executable, HERE / "recorded.py", "exchange", options=options))
    assert report.divergences == []
    made = {outcome.step.call.name for outcome in report.outcomes if outcome.actual}
    assert {"sendto", "recvfrom", "read", "write"} <= made


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_curl_replays_and_its_port_does_not_matter(record: Callable[..., Path]) -> None:
    recordings = []
    for _ in range(2):
        port = free_port()
        command = [sys.executable, "-m", "http.server", "--directory", HERE, "--bind", "127.0.0.1", str(port)]
        with serving(*command, port=port):
            recordings.append(record("curl", "-sSI", f"http://127.0.0.1:{port}/calls.c"))
    report = replayed(recordings[0])
    assert report.divergences == []
    assert report.made == len(report.outcomes) > 20
    one, other = map(read_recording, recordings)
    assert diff(one, one).first is None
    assert diff(one, other).first is None


@pytest.mark.skipif(not shutil.which("redis-server"), reason="redis is not installed")
def test_redis_client_replays(record: Callable[..., Path]) -> None:
    port = free_port()
    with serving("redis-server", "--port", str(port), "--save", "", port=port):
        path = record("redis-cli", "-p", str(port), "set", "key", "value")
    report = replayed(path)
    assert report.divergences == []
    assert report.made == len(report.outcomes) > 8


def test_the_commands_read_it(record: Callable[..., Path], ptrace_net_command: list[str]) -> None:
    path = record(sys.executable, HERE / "recorded.py", "exchange")

    def output(*words: str | Path) -> str:
        command = [*ptrace_net_command, *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True).stdout

    assert "socket(AF_INET, SOCK_STREAM" in output("show", path)
    lines = [json.loads(line) for line in output("show", "--json", path).splitlines()]
    assert [line["name"] for line in lines if line["type"] == "call"].count("sendto") == 1
    assert output("show", "--stats", path).splitlines()[0].startswith("call ")
    assert "no divergence that matters" in output("diff", path, path)
    assert "0 diverge" in output("replay", path)


def test_a_running_program_is_recorded(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    path = tmp_path / "attached.rec"
    server = subprocess.Popen([sys.executable, HERE / "echo.py", "serve"], stdout=subprocess.PIPE, text=True)
    with server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        command = [*ptrace_net_command, "attach", str(server.pid), "--record", path]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
            while f"TracerPid:\t{tracer.pid}" not in Path(f"/proc/{server.pid}/status").read_text():
                time.sleep(0.02)
            with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
                client.sendall(b"hello")
                assert client.recv(100) == b"hello"
                wait_until(lambda: "sendto" in [call.name for call in read_recording(path).calls], "the call")
            tracer.send_signal(signal.SIGINT)
            assert tracer.communicate(timeout=SECONDS)[1] == ""
        os.kill(server.pid, signal.SIGKILL)
    log = read_recording(path)
    assert (log.config["attached"], log.lost) == (server.pid, [])
    births = [record for record in log.records if isinstance(record, Event) and record.kind == "fork"]
    assert [event.text for event in births] == ["clone CLONE_FILES"]
    names = [call.name for call in log.calls if call.task == births[0].value]
    assert names[:2] == ["recvfrom", "sendto"]
