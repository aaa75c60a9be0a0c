"""A port that a program outside of the run has: bind(2) fails, and changes nothing about the socket."""

import socket
import sys

import pytest
from support.runner import Runner

SCRIPT = """
import errno, socket, sys
def attempt(what, *args):
    try:
        what(*args)
        return "ok"
    except OSError as error:
        return errno.errorcode[error.errno]
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
