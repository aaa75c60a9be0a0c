"""A port that a program outside of the run has: bind(2) fails, and changes nothing about any socket."""

import socket
import subprocess
import sys

import pytest
from support.deadline import read_line
from support.ports import free_port
from support.runner import Runner

ATTEMPT = """
import errno, socket, sys
def attempt(what, *args):
    try:
        what(*args)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
"""
SCRIPT = ATTEMPT + """
busy = int(sys.argv[1])
for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
    first, second = socket.socket(family), socket.socket(family)
    print(attempt(first.bind, (address, busy)), first.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT))
    first.bind((address, 0))
    second.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    print(attempt(second.bind, (address, first.getsockname()[1])))
"""


@pytest.mark.not_for("stack", "joined", "host-no6", reason="the host's ports are not the program's")
def test_bind_to_a_busy_port(runner: Runner) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as four,
        socket.create_server(("::1", four.getsockname()[1]), family=socket.AF_INET6),
    ):
        done = runner.run(sys.executable, "-c", SCRIPT, str(four.getsockname()[1]))
    assert (done.stdout, done.returncode) == (b"EADDRINUSE 0\nEADDRINUSE\n" * 2, 0)


BESIDE = ATTEMPT + """
kind = getattr(socket, sys.argv[2])
six, last = (socket.socket(socket.AF_INET6, kind) for _ in range(2))
four = socket.socket(socket.AF_INET, kind)
name = "::1", int(sys.argv[1])
print(attempt(six.bind, name), flush=True)
sys.stdin.readline()
print(attempt(four.bind, ("0.0.0.0", int(sys.argv[1]))))
print([one.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for one in (six, four)])
last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
print(attempt(last.bind, name))
"""


@pytest.mark.not_for("stack", "joined", "host-no6", reason="the host's ports are not the program's")
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=lambda kind: kind.name)
def test_bind_beside_one_of_the_run(runner: Runner, kind: socket.SocketKind) -> None:
    """::1 would leave room for 0.0.0.0, but 127.0.0.2 does not: neither is shared then."""
    port = free_port()
    words = [sys.executable, "-c", BESIDE, str(port), kind.name]
    with runner.program(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        assert read_line(run.stdout) == b"ok\n"
        with socket.socket(type=kind) as outside:
            outside.bind(("127.0.0.2", port))
            said, _ = run.communicate(b"\n", timeout=20)
    assert said == b"EADDRINUSE\n[0, 0]\nEADDRINUSE\n"
