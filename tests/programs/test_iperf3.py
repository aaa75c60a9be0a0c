"""iperf3: a dual-stack server, TCP and UDP streams over both families, both directions."""

import json
import signal
from typing import Any

import pytest
from support.deadline import wait_until
from support.ports import free_port
from support.session import Session

NEEDS = ["iperf3"]

CLIENTS = [("-4", "127.0.0.1"), ("-6", "::1")]
TCP_BYTES, UDP_BYTES = 32 << 20, 256 << 10
UDP_BLOCK, UDP_RATE, UDP_BUFFER = 1400, "2M", "200K"  # room for what comes in a second


def transfer(session: Session, port: int, family: str, host: str, *options: str) -> dict[str, Any]:
    told = session.output("iperf3", family, "-c", host, "-p", str(port), "-J", *options)
    return json.loads(told)


def measured(session: Session, family: str, host: str, *options: str) -> tuple[dict[str, Any], int]:
    """What one client reports, and the port of its server: one that stays has no listener for a moment after
    each client."""
    port = free_port()
    server = session.serve("iperf3", "-s", "-1", "-p", str(port), port=port)
    report = transfer(session, port, family, host, *options)
    assert server.wait().status == 0
    return report, port


def test_one_server_for_both_families(session: Session) -> None:
    port = free_port()
    server = session.serve("iperf3", "-s", "--forceflush", "-p", str(port), port=port)
    for number, (family, host) in enumerate(CLIENTS, 1):
        transfer(session, port, family, host, "-n", "1M")
        # It opens its listener anew, and says so each time.
        wait_until(lambda n=number: server.out.read_text().count("Server listening on") > n, "the next turn")


@pytest.mark.parametrize("direction", [[], ["-R"]], ids=["send", "receive"])
def test_tcp(session: Session, direction: list[str]) -> None:
    for family, host in CLIENTS:
        report, port = measured(session, family, host, "-n", str(TCP_BYTES), "-P", "2", *direction)
        assert report["end"]["sum_sent"]["bytes"] >= TCP_BYTES
        assert report["end"]["sum_received"]["bytes"] > TCP_BYTES / 2  # the rest may still be in sockets
        ends = {(c["local_host"], c["remote_host"], c["remote_port"]) for c in report["start"]["connected"]}
        assert ends == {(host, host, port)}


def test_udp(session: Session) -> None:
    load = ["-u", "-b", UDP_RATE, "-n", str(UDP_BYTES), "-l", str(UDP_BLOCK), "-w", UDP_BUFFER]
    for family, host in CLIENTS:
        total = measured(session, family, host, *load)[0]["end"]["sum"]
        assert total["packets"] >= UDP_BYTES // UDP_BLOCK
        assert total["lost_percent"] < 5  # loopback drops only when the receiver falls behind


def test_server_ends_by_itself_after_one_client(session: Session) -> None:
    port = free_port()
    server = session.serve("iperf3", "-s", "-1", "-p", str(port), port=port)
    transfer(session, port, "-6", "::1", "-n", "1M")
    ended = server.wait()
    assert ended.status == 0
    assert "Accepted connection from ::1, port" in ended.text


def test_server_reports_the_signal(session: Session) -> None:
    port = free_port()
    server = session.serve("iperf3", "-s", "-p", str(port), port=port)
    ended = server.stop(signal.SIGTERM)
    assert ended.status == 1
    assert ended.stderr.decode() == "iperf3: interrupt - the server has terminated\n"
