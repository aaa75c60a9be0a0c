"""-b: the command returns with the status of the first process, and what stays is supervised on."""

import os
import re
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.deadline import wait_until
from support.lab import SECONDS, Lab
from support.leftovers import alive, descendants, left_behind
from support.runner import PTRACE_NET, environment
from support.terminal import INTERRUPT, Terminal

NEEDS = ["bash", "redis-server", "redis-cli"]

WAYS = [("--net", "none"), ("--net", "host", "--engine", "ptrace")]
DAEMON = "setsid sleep 1000 >/dev/null 2>&1 & exit 6"


def run_of(lab: Lab, word: str) -> list[str]:
    """The columns that ps shows of the run whose program has ``word`` in its command."""
    lines = lab.command("ps").stdout.decode().splitlines()
    return next((line.split() for line in lines if word in line), [])


@pytest.fixture(params=WAYS, ids=["notify", "ptrace"])
def way(request: pytest.FixtureRequest) -> tuple[str, ...]:
    found: tuple[str, ...] = request.param
    return found


def test_a_daemon_is_supervised_on(lab: Lab, way: tuple[str, ...]) -> None:
    """Nothing of the caller's is held: its pipe ends (capture_output), session and terminal are others."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    got = lab.command(*way, "-b", "--", "sh", "-c", f": {mark}; echo ready; {DAEMON}")
    assert (got.returncode, got.stdout, got.stderr) == (6, b"ready\n", b"")
    pid = int(run_of(lab, mark)[1])
    assert os.getsid(pid) == pid
    assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    assert os.readlink(f"/proc/{pid}/cwd") == "/"
    assert lab.command("stop", str(pid)).returncode == 0
    assert run_of(lab, mark) == []


def test_a_named_daemon_is_joined(lab: Lab) -> None:
    serve = ["redis-server", "--port", "6400", "--save", "", "--daemonize", "yes", "--dir", lab.folder]
    assert lab.command("--name", lab.name, "--net", "none", "-b", "--", *serve).returncode == 0
    wait_until(lambda: lab.run("redis-cli", "-p", "6400", "ping").stdout == b"PONG\n", "redis answers")
    assert lab.command("stop", lab.name).returncode == 0


def test_a_joined_daemon_stays(lab: Lab) -> None:
    lab.start("sleep", "1000")
    serve = ["redis-server", "--port", "6400", "--save", "", "--daemonize", "yes", "--dir", lab.folder]
    assert lab.command("--join", lab.name, "-b", "--", *serve).returncode == 0
    wait_until(lambda: lab.run("redis-cli", "-p", "6400", "ping").stdout == b"PONG\n", "redis answers")
    assert lab.command("stop", lab.name).returncode == 0


SERVE = """
import os, socket, sys, time
deadline = time.monotonic() + 20
while not os.path.exists("may listen") and time.monotonic() < deadline:
    time.sleep(0.02)
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
open("listens", "w").close()
time.sleep(1000)
"""


@pytest.mark.parametrize("engine", ["notify", "ptrace"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_where_a_port_is_published_is_told(lab: Lab, tmp_path: Path, when: str, engine: str) -> None:
    """At the terminal while the command waits, afterwards to ps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        if when == "before":
            (tmp_path / "may listen").touch()
        daemon = f'"$@" >/dev/null 2>&1 & until [ {when} = after ] || [ -e listens ]; do sleep 0.05; done'
        words = ["sh", "-c", f"setsid {daemon}", "-", sys.executable, "-c", SERVE, port]
        got = lab.command("--engine", engine, "-b", "--", *words)
        (tmp_path / "may listen").touch()
        wait_until((tmp_path / "listens").exists, "it listens")
    assert got.returncode == 0
    told = lab.command("ps").stdout.decode()
    (found,) = re.findall(rf"^ +([\d:]+) +said: (port {port} is published as 127.0.0.1:\d+)$", told, re.M)
    heard = f"ptrace-net: {found[1]}\n" if when == "before" else ""
    assert got.stderr.decode() == heard
    assert lab.command("stop", run_of(lab, f" {port} ")[1]).returncode == 0


def test_files_that_were_handed_down_are_let_go(lab: Lab, way: tuple[str, ...]) -> None:
    """The supervisor and its guard do not hold them; the daemon does, as natively."""
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    read, write = os.pipe()
    got = lab.command(*way, "-b", "--", "sh", "-c", f": {mark}; {DAEMON}", pass_fds=(write,))
    assert got.returncode == 6
    pid = int(run_of(lab, mark)[1])
    pipe = os.readlink(f"/proc/self/fd/{write}")
    for each in {pid, psutil.Process(pid).ppid()} - {1, os.getpid()}:
        links = Path(f"/proc/{each}/fd").iterdir()
        assert pipe not in [os.readlink(link) for link in links if link.is_symlink()]
    os.close(read)
    os.close(write)
    assert lab.command("stop", str(pid)).returncode == 0


EARLY = """
import sys
from ptrace_net.background import Foreground
class Engine:
    status, root_ended, root_is_alive = 6 << 8, lambda: None, lambda self: False
Foreground(int(sys.argv[1])).begin(Engine())
"""


def test_the_first_process_was_faster() -> None:
    """The escort reaps in a thread of its own: perhaps before anybody wants to know."""
    read, write = os.pipe()
    subprocess.run([sys.executable, "-c", EARLY, str(write)], pass_fds=(write,), check=True, timeout=SECONDS)
    os.close(write)
    assert os.read(read, 100) == struct.pack("=i", 6 << 8)
    os.close(read)


@pytest.mark.parametrize(("script", "status"), [("kill -9 $$", 137), ("exit 3", 3)])
def test_the_status_is_the_first_processs(
    lab: Lab, way: tuple[str, ...], script: str, status: int
) -> None:
    assert lab.command(*way, "-b", "--", "sh", "-c", script).returncode == status


def test_what_cannot_be_run(lab: Lab, way: tuple[str, ...]) -> None:
    got = lab.command(*way, "-b", "--", "no-such-program")
    assert (got.returncode, got.stderr) == (127, b"ptrace-net: no-such-program: command not found\n")


def test_killed_while_it_waits(lab: Lab, way: tuple[str, ...]) -> None:
    """As without -b: what stands for the program takes it along."""
    command = lab.popen(*way, "-b", "--", "sleep", "1000")
    wait_until(lambda: "sleep" in names_below(command.pid), "the program runs")
    below = psutil.Process(command.pid).children(recursive=True)
    command.kill()
    command.wait()
    wait_until(lambda: not any(alive(process) for process in below), "its processes are gone")


def test_a_signal_while_it_waits(lab: Lab, way: tuple[str, ...]) -> None:
    command = lab.popen(*way, "-b", "--", "sleep", "1000")
    wait_until(lambda: "sleep" in names_below(command.pid), "the program runs")
    command.terminate()
    assert command.wait(10) == 143


def names_below(pid: int) -> set[str]:
    return {process.name() for process in psutil.Process(pid).children(recursive=True)}


def test_a_trace_needs_a_file(lab: Lab) -> None:
    got = lab.command("-b", "-t", "--", "true")
    assert got.returncode == 125
    assert b"--trace=FILE" in got.stderr


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    before = descendants()
    with Terminal(tmp_path, environment()) as shell:
        yield shell
    assert left_behind(before) == []


def test_the_terminal_interrupts_what_is_waited_for(terminal: Terminal, way: tuple[str, ...]) -> None:
    words = " ".join([*PTRACE_NET, *way])
    terminal.command(f"{words} -b -- sh -c 'echo up; exec sleep 1000'")
    terminal.expect("^up\n")
    terminal.send(INTERRUPT)
    assert terminal.status() == 130


def test_the_run_outlives_its_terminal(lab: Lab, way: tuple[str, ...], tmp_path: Path) -> None:
    mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
    # It leaves the session before the first process exits: the hangup would end it else, natively too.
    daemon = 'setsid sh -c ": > up; exec sleep 1000" & until [ -e up ]; do sleep 0.1; done; exit 6'
    with Terminal(tmp_path, environment()) as terminal:
        words = " ".join([*PTRACE_NET, *way])
        terminal.command(f"{words} -b -- sh -c ': {mark}; {daemon}'")
        assert terminal.status() == 6
    time.sleep(0.3)  # the hangup has been given out
    pid = run_of(lab, mark)[1]
    assert lab.command("stop", pid).returncode == 0


def test_it_says_what_it_waits_for(lab: Lab) -> None:
    """After ten seconds, once."""
    got = subprocess.run(
        [*PTRACE_NET, "-b", "--", sys.executable, "-c", "import time; time.sleep(10.5)"],
        capture_output=True, check=False, timeout=SECONDS, env=environment(),
    )  # fmt: skip
    assert got.returncode == 0
    assert got.stderr.count(b"\n") == 1
    assert b"-b waits for the first process to exit" in got.stderr
