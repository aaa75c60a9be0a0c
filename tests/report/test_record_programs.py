"""Servers and clients as they are: what is recorded of them replays natively without a divergence."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.build import build_once
from support.media import QUIET, make_clip
from support.ports import free_port
from support.procnet import listening

from ptrace_net.record.commands.replay import main as replay_command
from ptrace_net.record.format import read_recording

SECONDS = 60
WHOLE = ("--record-io", "--record-payload", "all")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

NGINX = """daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr; user root;
events {{ worker_connections 64; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
uwsgi_temp_path {folder}; scgi_temp_path {folder};
server {{ listen 127.0.0.1:{port}; listen [::1]:{port}; location / {{ root {folder}; }} }} }}
"""
NODE = "require('http').createServer((q, s) => s.end('node'.repeat(3000))).listen({port}, '::')"
GO = """package main

import (
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { w.Write(make([]byte, 9000)) })
	http.ListenAndServe(os.Args[1], nil)
}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return tmp_path / "run.rec"


@pytest.fixture
def serve(recording: Path, ptrace_net_command: list[str]) -> Callable[..., object]:
    """Record a server from when it listens until it is told to end."""

    @contextmanager
    def run(*argv: str | Path, port: int, end: int = signal.SIGTERM) -> Iterator[None]:
        command = [*ptrace_net_command, "--record", recording, *WHOLE, "--", *argv]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
            try:
                deadline = time.monotonic() + SECONDS
                while not listening(port):
                    assert time.monotonic() < deadline
                    assert server.poll() is None
                    time.sleep(0.05)
                yield
                time.sleep(0.3)
                if end:
                    server.send_signal(end)
                server.wait(SECONDS)
            finally:
                server.kill()

    return run


def needs(*programs: str) -> None:
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip(f"not installed: {' '.join(missing)}")


def client(*argv: str | Path) -> bytes:
    return subprocess.run(argv, check=True, timeout=SECONDS, stdout=subprocess.PIPE).stdout


def assert_replays(recording: Path, calls: int, capfd: pytest.CaptureFixture[str]) -> None:
    """Every call natively as recorded: none diverges, none is left out but for the end."""
    assert read_recording(recording).lost == []
    capfd.readouterr()
    status = replay_command([str(recording), "--all"])
    report = capfd.readouterr().out
    assert status == 0, report
    made, rest = report.split(" calls made, ", 1)
    assert int(made) >= calls
    assert rest.split(", ")[1].startswith("0 diverge"), report


def test_nginx(serve: Callable[..., object], recording: Path, tmp_path: Path,
               capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    needs("nginx", "curl")
    port = free_port()
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, port=port))
    (tmp_path / "file").write_bytes(bytes(range(256)) * 40)
    with serve("nginx", "-e", "stderr", "-c", tmp_path / "nginx.conf", port=port):
        for _ in range(2):
            assert len(client("curl", "-sS", f"http://127.0.0.1:{port}/file")) == 10240
    assert_replays(recording, 30, capfd)


def test_redis(serve: Callable[..., object], recording: Path, tmp_path: Path,
               capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    needs("redis-server", "redis-cli")
    port = free_port()
    options = ["--port", str(port), "--save", "", "--dir", tmp_path, "--bind", "127.0.0.1", "::1"]
    with serve("redis-server", *options, port=port):
        assert client("redis-cli", "-p", str(port), "set", "key", "value") == b"OK\n"
        assert client("redis-cli", "-p", str(port), "get", "key") == b"value\n"
    assert_replays(recording, 30, capfd)


def test_node(serve: Callable[..., object], recording: Path, capfd: pytest.CaptureFixture[str]) -> None:
    needs("node", "curl")
    port = free_port()
    with serve("node", "-e", NODE.replace("{port}", str(port)), port=port):
        assert len(client("curl", "-sS", f"http://127.0.0.1:{port}/")) == 12000
    assert_replays(recording, 10, capfd)


def test_go(serve: Callable[..., object], recording: Path, tmp_path: Path,
            capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    needs("go", "curl")
    source, port = tmp_path / "server.go", free_port()
    source.write_text(GO)
    home = {"GOCACHE": str(tmp_path / "cache"), "GOFLAGS": "-mod=mod", "GO111MODULE": "off"}
    program = build_once(tmp_path / "server", ["go", "build", "-o", "{}", source], home)
    with serve(program, f"127.0.0.1:{port}", port=port):
        assert len(client("curl", "-sS", f"http://127.0.0.1:{port}/")) == 9000
    assert_replays(recording, 20, capfd)


def test_ffmpeg_receives(serve: Callable[..., object], recording: Path, tmp_path: Path,
                         capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    needs("ffmpeg")
    port, clip = free_port(), make_clip(tmp_path)
    url, push = f"rtsp://127.0.0.1:{port}/live", ["-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp"]
    receive = ["-rtsp_flags", "listen", "-i", url, "-c", "copy", "-y", tmp_path / "received.mkv"]
    with serve(*QUIET, *receive, port=port, end=0):
        client(*QUIET, "-readrate", "2", "-i", clip, *push, url)
    assert_replays(recording, 100, capfd)


def test_ffmpeg_pushes(recording: Path, tmp_path: Path, ptrace_net_command: list[str],
                       capfd: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    needs("ffmpeg")
    port, clip = free_port(), make_clip(tmp_path)
    url = f"rtsp://127.0.0.1:{port}/live"
    receive = [*QUIET, "-rtsp_flags", "listen", "-i", url, "-c", "copy", "-y", tmp_path / "received.mkv"]
    push = [*QUIET, "-readrate", "2", "-i", clip, "-c", "copy", "-f", "rtsp", "-rtsp_transport", "tcp", url]
    with subprocess.Popen(receive) as receiver:
        while not listening(port):
            time.sleep(0.05)
        client(*ptrace_net_command, "--record", recording, *WHOLE, "--", *push)
        receiver.wait(SECONDS)
    assert_replays(recording, 100, capfd)
