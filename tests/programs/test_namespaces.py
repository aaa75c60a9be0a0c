"""Programs that make namespaces of their own inside a run: ports are looked up where the program is."""

import os
import sys

import pytest
from support.runner import Runner

NEEDS = ["unshare", "ip"]

USER = [] if os.geteuid() == 0 else ["-Ur"]
NAMESPACES = {"network": ["-n"], "processes": ["-n", "-p", "-f", "--mount-proc"]}
DATAGRAMS = """
import socket
for v6only, address in (0, "::"), (1, "::"), (1, "::1"):
    with socket.socket(socket.AF_INET6, 2) as server, socket.socket(socket.AF_INET6, 2) as client:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
        server.bind((address, 0))
        server.settimeout(5)
        client.settimeout(5)
        client.connect(("::1", server.getsockname()[1]))
        client.send(b"1")
        source = server.recvfrom(9)[1]
        server.sendto(b"2", source)
        print(address, source[0], client.recvfrom(9)[1][0])
"""


@pytest.mark.parametrize("kind", NAMESPACES)
def test_datagrams_in_a_namespace_of_its_own(supervised: Runner, kind: str) -> None:
    words = ["unshare", *USER, *NAMESPACES[kind], "--", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    for runner in (Runner("native"), supervised):
        done = runner.run(*words, sys.executable, "-c", DATAGRAMS, seconds=40)
        assert done.stderr == b""
        assert done.stdout == b":: ::1 ::1\n:: ::1 ::1\n::1 ::1 ::1\n"
