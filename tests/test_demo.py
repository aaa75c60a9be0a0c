"""`ptrace-net demo`, as `make demo` runs it: with curl, and with Python's client where curl is missing."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ptrace_net.demo
from ptrace_net.demo import run, story


def demo(command: list[str], scratch: Path, path: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TMPDIR": str(scratch), "PATH": path}
    return subprocess.run(
        [*command, "demo"], cwd=scratch, env=environment, capture_output=True, text=True, timeout=90
    )


@pytest.fixture
def path_without_curl(tmp_path: Path) -> str:
    """A PATH with the programs that the demonstration's shell script runs, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in ("sh", "grep", "sleep", "cat"):
        found = shutil.which(program)
        assert found is not None
        (folder / program).symlink_to(found)
    return str(folder)


def check(done: subprocess.CompletedProcess[str], scratch: Path, client: str) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("127.0.0.1", "[::1]"):
        assert any(
            line.startswith(f"{client} http://{host}:") and line.endswith(f"got: {run.PAGE.strip()}")
            for line in done.stdout.splitlines()
        ), done.stdout
    assert "on the host meanwhile: 1 IPv4 socket, 0 IPv6 sockets" in done.stdout
    missing = [point.text for point in story.POINTS if point.text not in done.stdout]
    assert not missing, done.stdout
    assert not list(scratch.glob("ptrace-net-demo-*"))
    advised = done.stdout.splitlines()[-1].removeprefix("Try it: ").partition(" -t -- ")[0]
    subprocess.run([*advised.split(), "--version"], cwd=scratch, check=True, capture_output=True, timeout=20)


def test_with_curl(ptrace_net_command: list[str], tmp_path: Path) -> None:
    check(demo(ptrace_net_command, tmp_path, os.environ["PATH"]), tmp_path, "curl")


def test_without_curl(ptrace_net_command: list[str], tmp_path: Path, path_without_curl: str) -> None:
    done = demo(ptrace_net_command, tmp_path, path_without_curl)
    check(done, tmp_path, Path(sys.executable).name)


def test_a_failed_run_is_shown_as_it_was() -> None:
    outcome = run.Outcome(
        status=125,
        messages="ptrace-net: no ptrace here\n",
        client="curl",
        port=1,
        by_ipv4="",
        by_ipv6="",
        server_log="",
        host_tcp=0,
        host_tcp6=0,
        trace=["1 socket()"],
    )
    assert story.tell(outcome).splitlines() == ["The run failed:", "ptrace-net: no ptrace here", "1 socket()"]


def test_unknown_arguments_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert ptrace_net.demo.main(["--fast"]) == 125
    assert capsys.readouterr().err == "usage: ptrace-net demo\n"
