"""Mapped IPv6 addresses whose IPv4 counterparts the machine has: all as natively with the IPv6 addresses.

Both sides run in a network namespace; natively its loopback interface has the IPv6 addresses, and under
ptrace-net the IPv4 ones that the policy names.
"""

import os
import sys
from pathlib import Path

import pytest
from support.runner import PTRACE_NET, Runner

NEEDS = ["unshare", "ip"]

SIX = ["2001:db8:7::21/128", "2001:db8:7::44/128", "fd00::9/128"]
FOUR = ["10.77.5.33/32", "10.77.5.68/32", "10.88.0.9/32"]
POLICY = '[map]\n"2001:db8:7::/120" = "10.77.5.0/24"\n"fd00::9/128" = "10.88.0.9/32"\n'

STREAMS = """
import socket
def names(*sockets):
    return [sock.getsockname()[0] for sock in sockets] + [sock.getpeername()[0] for sock in sockets]
for bound, asked in PLACES:
    with socket.socket(socket.AF_INET6) as server, socket.socket(socket.AF_INET6) as client:
        server.bind((bound, 0))
        server.listen()
        client.connect((asked, server.getsockname()[1]))
        accepted, peer = server.accept()
        print(bound, asked, server.getsockname()[0], peer[0], names(client, accepted))
        accepted.close()
"""
DATAGRAMS = """
import socket
for bound, asked in PLACES:
    for connected in False, True:
        with socket.socket(socket.AF_INET6, 2) as server, socket.socket(socket.AF_INET6, 2) as client:
            server.bind((bound, 0))
            client.settimeout(5)
            server.settimeout(5)
            name = asked, server.getsockname()[1]
            if connected:
                client.connect(name)
            client.send(b"1") if connected else client.sendto(b"1", name)
            data, source = server.recvfrom(9)
            server.sendto(b"2", source)
            print(bound, asked, connected, source[0], client.recvfrom(9)[1][0], client.getsockname()[0])
"""
# What the server binds, and what the client asks for.
PLACES = [
    ("2001:db8:7::21", "2001:db8:7::21"),
    ("fd00::9", "fd00::9"),
    ("::", "2001:db8:7::21"),
    ("::", "2001:db8:7::44"),
    ("::", "fd00::9"),
    ("::", "::1"),
]


def namespace(addresses: list[str]) -> list[str]:
    """The words that run a command where the loopback interface has these addresses besides its own."""
    adds = [f"ip addr add {address} dev lo" for address in addresses]
    enter = ["unshare", "-n" if os.geteuid() == 0 else "-Urn", "--"]
    return [*enter, "sh", "-e", "-c", "; ".join(["ip link set lo up", *adds, 'exec "$@"']), "sh"]


@pytest.mark.parametrize("script", [STREAMS, DATAGRAMS], ids=["streams", "datagrams"])
def test_as_natively(tmp_path: Path, script: str) -> None:
    (tmp_path / "map.toml").write_text(POLICY)
    python = [sys.executable, "-c", f"PLACES = {PLACES}\n{script}"]
    native = Runner("native").run(*namespace(SIX), *python)
    under = Runner("host").run(
        *namespace(FOUR), *PTRACE_NET, "--policy", tmp_path / "map.toml", "--", *python
    )
    assert (native.returncode, native.stderr) == (0, b"")
    assert (under.stdout.decode(), under.stderr) == (native.stdout.decode(), b"")
