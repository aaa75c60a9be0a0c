"""redis-server on its default addresses (`* -::*`: it makes the IPv6 one V6ONLY) and redis-cli."""

import signal

import pytest
from support.ports import free_port
from support.session import Program, Session

NEEDS = ["redis-server", "redis-cli", "redis-benchmark"]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def server(session: Session, port: int) -> Program:
    options = ["--port", str(port), "--protected-mode", "no", "--save", "", "--appendonly", "no"]
    return session.serve("redis-server", *options, "--dir", session.folder, port=port)


def test_redis_over_both_families(session: Session, server: Program, port: int) -> None:
    def cli(host: str, *words: str) -> str:
        return session.output("redis-cli", "-h", host, "-p", str(port), *words).rstrip("\n")

    for host in ("127.0.0.1", "::1"):
        assert cli(host, "PING") == "PONG"
        assert cli(host, "INCRBY", "total", "21").isdigit()
    assert cli("::1", "GET", "total") == "42"
    assert cli("127.0.0.1", "SETRANGE", "blob", "999999", "x") == "1000000"
    assert cli("::1", "GETRANGE", "blob", "0", "-1") == "\0" * 999_999 + "x"
    clients = {host: cli(host, "CLIENT", "LIST") for host in ("127.0.0.1", "::1")}
    assert " addr=127.0.0.1:" in clients["127.0.0.1"]
    assert f" laddr=127.0.0.1:{port} " in clients["127.0.0.1"]
    assert " addr=[::1]:" in clients["::1"]
    assert f" laddr=[::1]:{port} " in clients["::1"]
    ended = server.stop(signal.SIGTERM)
    assert ended.status == 0
    assert "Redis is now ready to exit, bye bye..." in ended.text


def test_redis_benchmark_of_many_clients(session: Session, server: Program, port: int) -> None:
    load = ["-n", "2000", "-c", "50", "-t", "set,get", "--csv"]
    table = session.output("redis-benchmark", "-h", "::1", "-p", str(port), *load)
    assert [line.split(",")[0] for line in table.splitlines()] == ['"test"', '"SET"', '"GET"']
    stats = session.output("redis-cli", "-h", "::1", "-p", str(port), "INFO", "stats")
    received = next(line for line in stats.splitlines() if line.startswith("total_connections_received:"))
    assert int(received.partition(":")[2]) >= 100
