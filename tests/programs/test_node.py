"""node's http, net and dgram on "::" (libuv: epoll, accept4, non-blocking connect)."""

import hashlib
import json
from pathlib import Path

import pytest
from support.ports import free_port
from support.session import Session

NEEDS = ["node", "curl"]

JS = Path(__file__).parent / "js"
BODY = b"node " * 60_000
PEERS = [("127.0.0.1", "::ffff:127.0.0.1"), ("::1", "::1")]  # what a client dials, what the server sees
EXIT_OF_HANDLER = 7


@pytest.fixture
def ports() -> list[str]:
    return [str(free_port()) for _ in range(3)]


def test_node_servers_and_clients(session: Session, ports: list[str]) -> None:
    server = session.serve("node", JS / "servers.js", *ports, port=int(ports[0]))
    session.await_port(int(ports[2]), "udp", about=server)
    for host, seen in PEERS:
        got = json.loads(session.output("node", JS / "clients.js", host, *ports))
        ends = {
            "remoteAddress": seen,
            "remoteFamily": "IPv6",
            "localAddress": seen,
            "localPort": int(ports[0]),
        }
        assert got["web"] == {"status": 200, **ends, "bytes": len(BODY)}
        assert got["tcp"] == hashlib.sha256(BODY).hexdigest()
        assert got["udp"] == f"{seen} IPv6 hello"
    ended = server.stop()
    assert ended.status == EXIT_OF_HANDLER
    assert json.loads(ended.text) == {"address": "::", "family": "IPv6", "port": int(ports[0])}


def test_node_server_and_curl(session: Session, ports: list[str]) -> None:
    server = session.serve("node", JS / "servers.js", *ports, port=int(ports[0]))
    for host, seen in PEERS:
        url = f"http://{f'[{host}]' if ':' in host else host}:{ports[0]}/"
        got = json.loads(session.output("curl", "-sS", "-m", "10", "--data", "12345", url))
        assert (got["remoteAddress"], got["bytes"]) == (seen, 5)
    assert server.stop().status == EXIT_OF_HANDLER


def test_node_refused_connection(session: Session, ports: list[str]) -> None:
    """Nobody listens: a non-blocking connect ends in ECONNREFUSED, with the address that was asked for."""
    failed = session.run("node", JS / "clients.js", "::1", *ports)
    assert failed.status == 1
    assert f"connect ECONNREFUSED ::1:{ports[0]}" in failed.stderr.decode()


@pytest.mark.parametrize("policy", ["handed", "shared"])
def test_node_cluster(session: Session, policy: str) -> None:
    """Connections that the primary accepted and hands to workers, or a listener that they share."""
    told = session.output("node", JS / "cluster.js", str(free_port()), policy)
    mapped = "127.0.0.1 ::ffff:127.0.0.1 ::ffff:127.0.0.1"
    assert told == f"{mapped}\n::1 ::1 ::1\nhello ::1 ::1\n"
