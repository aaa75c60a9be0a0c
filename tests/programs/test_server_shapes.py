"""The shapes that servers have (single, threads, pre-forked workers, daemon), 64 and 32 bits wide."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support.build import M32
from support.deadline import wait_until
from support.leftovers import descendants, left_behind
from support.ports import free_port
from support.procnet import listening
from support.runner import Runner
from support.session import Session

NEEDS = ["gcc"]

LOOPBACKS = {"::1": "0" * 31 + "1", "127.0.0.1": "0" * 20 + "ffff7f000001"}  # sin6_addr as the server sees it
CONNECTIONS = 12


@pytest.fixture(params=[(), M32], ids=["x86-64", "i386"])
def shapes(request: pytest.FixtureRequest, c_program: Callable[..., Path]) -> Path:
    return c_program("shapes", *request.param)


@pytest.fixture
def port() -> int:
    return free_port()


def reply(address: str, port: int, text: str) -> str:
    common = "flow 0 scope 0"
    seen = LOOPBACKS[address]
    return (
        f"peer len 28 family 10 port 1 {common} {seen}\n"
        f"self len 28 family 10 port {port} {common} {seen}\n{text}"
    )


def assert_answers(session: Session, shapes: Path, port: int) -> None:
    for address in LOOPBACKS:
        assert session.output(shapes, "dial", address, str(port), "hello") == reply(address, port, "hello")


def assert_answers_at_once(session: Session, shapes: Path, port: int) -> None:
    """Several clients at the same time."""
    addresses = [address for address in LOOPBACKS for _ in range(CONNECTIONS)]
    clients = [session.start(shapes, "dial", address, str(port), "x" * 3000) for address in addresses]
    for address, client in zip(addresses, clients, strict=True):
        assert client.wait().text == reply(address, port, "x" * 3000), client.complaint()


def test_single(session: Session, shapes: Path, port: int) -> None:
    server = session.serve(shapes, "single", str(port), port=port)
    assert_answers(session, shapes, port)
    ended = server.stop()
    assert (ended.status, ended.text) == (0, "stopped\n")


def test_threaded(session: Session, shapes: Path, port: int) -> None:
    server = session.serve(shapes, "threads", str(port), port=port)
    assert_answers_at_once(session, shapes, port)
    ended = server.stop()
    assert (ended.status, ended.text) == (0, "stopped\n")


def test_preforking(session: Session, shapes: Path, port: int) -> None:
    """Workers inherit the listener and block in accept side by side; each ends with a status of its own."""
    server = session.serve(shapes, "prefork", str(port), "4", port=port)
    assert_answers_at_once(session, shapes, port)
    ended = server.stop()
    reports = "".join(f"worker {number} status {10 + number}\n" for number in range(4))
    assert (ended.status, ended.text) == (0, f"{reports}stopped\n")


def test_daemon_among_others(session: Session, shapes: Path, port: int) -> None:
    """Forks twice, its first process ends at once; it is stopped by a signal to the process id it wrote."""
    launched = session.serve(shapes, "daemon", str(port), session.folder / "pid", port=port)
    assert launched.wait().status == 0
    pid = int(wait_until(lambda: read(session.folder / "pid"), "the pid file written"))
    assert_answers(session, shapes, port)
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not listening(port, pid=session.pid), "the daemon's port closed")
    wait_until(lambda: launched.out.read_text() == "stopped\n", "the daemon's last word")


@pytest.mark.not_for("stack", reason="its client is started apart: in a network of its own")
def test_daemon_alone(runner: Runner, shapes: Path, port: int, tmp_path: Path) -> None:
    """The daemon is all that the run consists of; its status is that of the process started first."""
    before = descendants()
    with open(tmp_path / "out", "wb") as out:
        run = runner.popen(shapes, "daemon", str(port), tmp_path / "pid", stdout=out, stderr=out)
    try:
        pid = int(wait_until(lambda: read(tmp_path / "pid"), "the pid file written"))
        client = runner.run(shapes, "dial", "::1", str(port), "hello")
        assert client.stdout.decode() == reply("::1", port, "hello")
        os.kill(pid, signal.SIGTERM)
        assert run.wait(10) == 0
        wait_until(lambda: read(tmp_path / "out") == "stopped\n", "the daemon's last word")
    finally:
        remaining = left_behind(before)
        run.wait(10)
    assert remaining == []


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


SOCKETCALL = """\
SYS_SOCKET 3\x20
SYS_SETSOCKOPT 0\x20
SYS_BIND 0\x20
SYS_LISTEN 0\x20
SYS_SOCKET 4\x20
SYS_CONNECT 0\x20
SYS_ACCEPT4 5\x20
accepted 28 10 ::1 another port
SYS_GETSOCKNAME 0\x20
self 28 10 ::1 the port
SYS_GETPEERNAME 0\x20
peer 28 10 ::1 the port
SYS_SEND 4\x20
SYS_RECV 4\x20
SYS_SENDMSG 7\x20
SYS_RECVMSG 7\x20
message
SYS_SHUTDOWN 0\x20
SYS_SHUTDOWN -1 Invalid argument
SYS_SOCKET -1 Invalid argument
SYS_BIND -1 Bad address
"""


def test_i386_program_using_socketcall(session: Session, c_program: Callable[..., Path], port: int) -> None:
    assert session.output(c_program("socketcall", *M32), str(port)) == SOCKETCALL
