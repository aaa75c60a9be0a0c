"""A static Go program on both sides: system calls without libc, signals to its own threads all the time."""

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ports import free_port
from support.session import Session

NEEDS = ["go", "readelf"]

PAGE = b"go on " * 50_000
PARALLEL = 20
EXIT_OF_SERVER = 5


@pytest.fixture(scope="session")
def gonet(go_program: Callable[[str], Path]) -> Path:
    return go_program("gonet")


def test_it_is_static(gonet: Path) -> None:
    segments = subprocess.run(["readelf", "-lW", gonet], capture_output=True, text=True, check=True).stdout
    assert "LOAD" in segments
    assert "INTERP" not in segments


def test_go_server_and_client(session: Session, gonet: Path) -> None:
    http_port, udp_port = free_port(), free_port()
    server = session.serve(gonet, "serve", str(http_port), str(udp_port), port=http_port)
    digest = hashlib.sha256(PAGE).hexdigest()
    for host in ("127.0.0.1", "::1"):  # Go shows a mapped address as the IPv4 address that it is
        got = session.output(gonet, "fetch", host, str(http_port), str(udp_port)).splitlines()
        assert got == [f"200 {host} {digest}"] * PARALLEL + [f"{host} datagram"]
    ended = server.stop()
    assert ended.status == EXIT_OF_SERVER
    assert ended.text == f"[::]:{http_port} [::]:{udp_port}\n"


def test_go_refused_connection(session: Session, gonet: Path) -> None:
    port = free_port()
    failed = session.run(gonet, "fetch", "::1", str(port), str(port))
    assert failed.status == 1
    assert f"dial tcp [::1]:{port}: connect: connection refused" in failed.stderr.decode()
