"""A server that is no longer root when it binds, for each family a socket, as postgres(1) is."""

import os
import sys

import pytest
from support.ports import free_port
from support.runner import Runner

PROGRAM = """
import os, socket, sys
port = int(sys.argv[1])
"::1".encode("idna")  # read while that may be
os.setgid(65534)
os.setuid(65534)
four, six = socket.socket(), socket.socket(socket.AF_INET6)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
for sock, name in ((four, "0.0.0.0"), (six, "::")):
    sock.bind((name, port))
    sock.listen()
for sock, name in ((four, "127.0.0.1"), (six, "::1")):
    with socket.create_connection((name, port)) as client:
        server, peer = sock.accept()
        print(sock.getsockname()[0], peer[0], server.getsockname()[0], client.getpeername()[0])
        server.close()
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give up being root")
def test_both_families(runner: Runner) -> None:
    done = runner.run(sys.executable, "-c", PROGRAM, str(free_port()))
    assert (done.stdout.decode(), done.stderr) == (
        "0.0.0.0 127.0.0.1 127.0.0.1 127.0.0.1\n:: ::1 ::1 ::1\n", b"",
    )  # fmt: skip
