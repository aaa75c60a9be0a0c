"""ptrace-net ps, ss and stop."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
from typing import Any

import psutil
import pytest
from support.deadline import read_line, wait_until
from support.lab import Lab
from support.leftovers import alive
from support.ports import free_port

NEEDS = ["ss"]

SOCKETS = """
import socket, sys
port = int(sys.argv[1])
listener = socket.create_server(('127.0.0.1', port), backlog=5)
a = socket.create_connection(('127.0.0.1', port))
b, _ = listener.accept()
a.sendall(b'x' * 100)
waiting = socket.create_connection(('127.0.0.1', port))
dual = socket.create_server(('::', port + 1), family=socket.AF_INET6, dualstack_ipv6=True)
alone = socket.create_server(('::1', port + 2), family=socket.AF_INET6)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(('127.0.0.1', port))
udp.connect(('127.0.0.1', port + 1))
closed = socket.create_server(('127.0.0.1', port + 3))
closed.close()
print('up', flush=True)
sys.stdin.read()
"""
WAYS = [("--net", "none"), ("--net", "stack", "--engine", "ptrace"), ("--net", "host", "--engine", "ptrace")]


def started(lab: Lab, options: tuple[str, ...], *argv: str) -> subprocess.Popen[bytes]:
    program = lab.popen(*options, "--", *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert read_line(program.stdout) == b"up\n"
    return program


def told(lab: Lab, *words: str) -> list[dict[str, Any]]:
    got = lab.command(*words, "--json")
    assert got.returncode == 0, got.stderr
    return [json.loads(line) for line in got.stdout.splitlines()]


def run_below(lab: Lab, command: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What ps tells of the run that ``command`` started."""
    (run,) = [run for run in told(lab, "ps") if command.pid in (run["pid"], run.get("guard"))]
    return run


def joined_in(lab: Lab) -> list[dict[str, Any]]:
    """The commands that have joined the run of the lab's name."""
    (run,) = [run for run in told(lab, "ps") if run["name"] == lab.name]
    joined: list[dict[str, Any]] = run["joined"]
    return joined


@pytest.mark.parametrize("options", WAYS)
def test_ps_shows_every_run(lab: Lab, options: tuple[str, ...]) -> None:
    argv = [sys.executable, "-c", "print('up', flush=True); input()"]
    program = started(lab, options, *argv)
    run = run_below(lab, program)
    assert (run["name"], run["net"], run["argv"]) == (None, options[1], argv)
    assert run["engine"] == ("ptrace" if "ptrace" in options else "notify")
    (process,) = run["processes"]
    assert process["argv"][1:] == argv[1:]
    assert run["since"] == pytest.approx(psutil.Process(program.pid).create_time(), abs=5)
    assert 1 << 20 < run["memory"] < 1 << 27
    program.communicate(b"\n", timeout=10)
    assert not [run for run in told(lab, "ps") if program.pid in (run["pid"], run.get("guard"))]


def test_ps_shows_who_has_joined(lab: Lab) -> None:
    lab.start("sleep", "1000")
    joined = lab.join("sh", "-c", "echo up; exec sleep 1001", stdout=subprocess.PIPE)
    assert read_line(joined.stdout) == b"up\n"
    (run,) = [run for run in told(lab, "ps") if run["name"] == lab.name]
    (member,) = run["joined"]
    assert member["argv"] == ["sh", "-c", "echo up; exec sleep 1001"]
    assert {process["name"] for process in run["processes"]} == {"sleep"}
    text = lab.command("ps").stdout.decode()
    assert re.search(rf"^{lab.name} +\d+ +none +notify .* sleep 1000  \(2 processes\)$", text, re.MULTILINE)
    assert "joined: sh -c 'echo up; exec sleep 1001'" in text
    joined.terminate()
    joined.wait(10)
    wait_until(lambda: not joined_in(lab), "it has left")


def test_ps_shows_a_supervisor_that_does_not_answer(lab: Lab) -> None:
    program = started(lab, ("--net", "none"), sys.executable, "-c", "print('up', flush=True); input()")
    pid = run_below(lab, program)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        assert "does not answer" in next(
            line for line in lab.command("ps").stdout.decode().splitlines() if str(pid) in line.split()
        )
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("options", WAYS)
def test_ss_agrees_with_the_host(lab: Lab, options: tuple[str, ...]) -> None:
    """The same program natively, looked at by ss(8), is the oracle."""
    port = free_port()
    argv = [sys.executable, "-c", SOCKETS, str(port)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as native:
        assert read_line(native.stdout) == b"up\n"
        wanted = host_rows(native.pid)
        native.communicate(b"")
    program = started(lab, options, *argv)
    found = told(lab, "ss", str(program.pid))
    assert {row["users"][0]["comm"] for row in found} == {comm(found)}
    rows = sorted((r["netid"], r["state"], r["local"], r["peer"], r["users"][0]["fd"]) for r in found)
    assert anonymous(rows, port) == anonymous(wanted, port)
    listener = next(r for r in found if r["local"] == f"127.0.0.1:{port}" and r["state"] == "LISTEN")
    assert listener["recv_q"] == 1
    receiver = next(r for r in found if r["users"][0]["fd"] == 5)
    assert receiver["recv_q"] == 100
    assert all(r["send_q"] == 0 for r in found if r["state"] != "LISTEN")


def comm(found: list[dict[str, Any]]) -> str:
    with open(f"/proc/{found[0]['users'][0]['pid']}/comm") as file:
        return file.read().strip()


def host_rows(pid: int) -> list[tuple[str, str, str, str, int]]:
    """``(netid, state, local, peer, fd)`` of a process's sockets, as ss(8) says."""
    text = subprocess.run(["ss", "-Htuanp"], capture_output=True, text=True, check=True).stdout
    rows = []
    for line in text.splitlines():
        if f"pid={pid}," in line:
            netid, state, _, _, local, peer, users = line.split(maxsplit=6)
            rows.append((netid, state, local, peer, int(re.search(r"fd=(\d+)", users)[1])))
    return sorted(rows)


def anonymous(rows: list[tuple[str, str, str, str, int]], port: int) -> list[tuple[str, ...]]:
    """Ports that the kernel chose become #."""

    def plain(name: str) -> str:
        head, _, end = name.rpartition(":")
        near = end.isdigit() and 0 <= int(end) - port < 4
        return f"{head}:{end if near or end == '*' else '#'}"

    return sorted((*row[:2], plain(row[2]), plain(row[3]), str(row[4])) for row in rows)


def test_ss_as_text(lab: Lab) -> None:
    port = free_port()
    program = started(lab, ("--net", "none"), sys.executable, "-c", SOCKETS, str(port))
    lines = lab.command("ss", str(program.pid)).stdout.decode().splitlines()
    assert lines[0].split() == ["Run", "Netid", "State", "Recv-Q", "Send-Q", "Local", "Address:Port", "Peer",
                                "Address:Port", "Process"]  # fmt: skip
    listener = next(line.split() for line in lines if "LISTEN" in line and f"127.0.0.1:{port} " in line)
    assert listener[1:4] == ["tcp", "LISTEN", "1"]
    assert re.fullmatch(r'users:\(\("python.*",pid=\d+,fd=3\)\)', listener[7])


STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(1000)"
MEEK = "import time; print('up', flush=True); time.sleep(1000)"


@pytest.mark.parametrize("options", WAYS)
@pytest.mark.parametrize(
    ("script", "grace", "status", "end"), [(MEEK, "20", 0, 143), (STUBBORN, "1", 1, 137)]
)
def test_stop(
    lab: Lab, options: tuple[str, ...], script: str, grace: str, status: int, end: int
) -> None:
    """SIGTERM where that is enough, else SIGKILL after the grace time; daemons end too."""
    program = started(lab, options, "sh", "-c", f'setsid sleep 1000 & exec {sys.executable} -c "{script}"')
    below = psutil.Process(program.pid).children(recursive=True)
    assert lab.command("stop", str(program.pid), "--grace", grace).returncode == status
    assert program.wait(10) == end
    assert not any(alive(process) for process in below)


def test_stop_ends_joined_programs(lab: Lab) -> None:
    first, joined = lab.start("sleep", "1000"), lab.join("sleep", "1001")
    wait_until(lambda: joined_in(lab), "it has joined")
    assert lab.command("stop", lab.name).returncode == 0
    assert (first.wait(10), joined.wait(10)) == (143, 143)


@pytest.mark.parametrize("command", ["ss", "stop"])
@pytest.mark.parametrize(("run", "said"), [("nobody", "no run named nobody"), ("1", "process 1 supervises")])
def test_what_is_not_there(lab: Lab, command: str, run: str, said: str) -> None:
    got = lab.command(command, run)
    assert (got.returncode, got.stdout) == (125, b"")
    assert said.encode() in got.stderr


NONSENSE = [b"", b"no json", b"[]", b'{"do": "what"}', b'{"do": "join"}', b"x" * 9000]


@pytest.mark.parametrize("request_", NONSENSE)
def test_a_supervisor_survives_nonsense(lab: Lab, request_: bytes) -> None:
    lab.start("sleep", "1000")
    (run,) = [run for run in told(lab, "ps") if run["name"] == lab.name]
    folder = f"/proc/{run['pid']}/fd"
    (fd,) = [fd for fd in os.listdir(folder) if os.readlink(f"{folder}/{fd}").endswith(".control (deleted)")]
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as visitor:
        visitor.connect(f"{folder}/{fd}")
        visitor.send(request_)
        if request_ == b'{"do": "join"}':
            visitor.recv(1 << 18)
            with open("/dev/null") as null:
                socket.send_fds(visitor, [b'{"root": 1}'], [null.fileno()])
            assert b"out of sight" in visitor.recv(4096)
    assert lab.run("true").returncode == 0
