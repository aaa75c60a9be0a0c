"""socat and netcat-openbsd with UDP over IPv6, and over IPv4 into a dual-stack socket."""

import re

import pytest
from support.deadline import wait_until
from support.ports import free_port
from support.session import Session

NEEDS = ["socat", "nc"]

LOOPBACK6 = "[0000:0000:0000:0000:0000:0000:0000:0001]"  # as socat 1.7 writes it
MAPPED = "[0000:0000:0000:0000:0000:ffff:7f00:0001]"
DIALS = [("6", "[::1]", LOOPBACK6), ("4", "127.0.0.1", MAPPED)]
REPORT = "SYSTEM:echo $SOCAT_PEERADDR $SOCAT_SOCKADDR; cat"
SIGTERM_CAUGHT = 143  # socat exits with it instead of dying


def test_socat_datagram_server(session: Session) -> None:
    """UDP6-RECVFROM peeks at each datagram's source, connects a new socket to it and answers."""
    port = free_port()
    server = session.serve("socat", f"UDP6-RECVFROM:{port},fork", REPORT, port=port, kind="udp")
    (session.folder / "hello").write_text("hello\n")
    for family, host, peer in DIALS:
        dial = ["socat", "-t", "5", "-,ignoreeof", f"UDP{family}:{host}:{port}"]
        client = session.start(*dial, stdin=session.folder / "hello")
        wait_until(lambda c=client: b"hello" in c.out.read_bytes(), "the echo")
        assert client.out.read_text() == f"{peer}\nhello\n"
        client.stop()
    assert server.stop().status == SIGTERM_CAUGHT


def test_socat_udp6_listen_takes_one_peer(session: Session) -> None:
    port = free_port()
    received = session.folder / "received"
    server = session.serve("socat", "-u", f"UDP6-LISTEN:{port}", f"CREATE:{received}", port=port, kind="udp")
    (session.folder / "hello").write_text("over udp6\n")
    session.output("socat", "-u", "-", f"UDP6:[::1]:{port}", stdin=session.folder / "hello")
    wait_until(lambda: received.exists() and received.read_text() == "over udp6\n", "the datagram written")
    assert server.stop().status == SIGTERM_CAUGHT


def test_socat_udp6_listen_answers(session: Session) -> None:
    """UDP6-LISTEN connects the socket that is bound to [::] to its first peer; the answer comes from ::1."""
    port = free_port()
    session.serve("socat", f"UDP6-LISTEN:{port}", REPORT, port=port, kind="udp")
    (session.folder / "hello").write_text("hello\n")
    dial = ["socat", "-t", "5", "-,ignoreeof", f"UDP6:[::1]:{port}"]
    client = session.start(*dial, stdin=session.folder / "hello")
    wait_until(lambda: b"hello" in client.out.read_bytes(), "the echo")
    assert client.out.read_text() == f"{LOOPBACK6} {LOOPBACK6}\nhello\n"


def test_socat_tcp6_listener(session: Session) -> None:
    port = free_port()
    server = session.serve("socat", f"TCP6-LISTEN:{port},fork,reuseaddr", REPORT, port=port)
    (session.folder / "hello").write_text("hello\n")
    for family, host, peer in DIALS:
        dial = ["socat", "-t", "5", "-", f"TCP{family}:{host}:{port}"]
        assert session.output(*dial, stdin=session.folder / "hello") == f"{peer} {peer}\nhello\n"
    assert server.stop().status == SIGTERM_CAUGHT


def test_netcat_datagrams(session: Session) -> None:
    port = free_port()
    server = session.serve("nc", "-6", "-u", "-l", "-v", "-n", "::1", str(port), port=port, kind="udp")
    (session.folder / "hello").write_text("hello\n")
    session.output("nc", "-6", "-u", "-q0", "-n", "::1", str(port), stdin=session.folder / "hello")
    wait_until(lambda: b"hello\n" in server.out.read_bytes(), "the datagram printed")
    ended = server.stop()
    assert ended.status == -15
    assert ended.text == "hello\n"
    shown = rf"Bound on ::1 {port}\nConnection received on ::1 \d+\n"
    assert re.fullmatch(shown, ended.stderr.decode())


def test_netcat_stream_from_ipv4(session: Session) -> None:
    port = free_port()
    server = session.serve("nc", "-6", "-l", "-v", "-n", "::", str(port), port=port)
    (session.folder / "hello").write_text("hello\n")
    session.output("nc", "-N", "-n", "127.0.0.1", str(port), stdin=session.folder / "hello")
    ended = server.wait()
    assert (ended.status, ended.text) == (0, "hello\n")
    shown = rf"Listening on :: {port}\nConnection received on ::ffff:127.0.0.1 \d+\n"
    assert re.fullmatch(shown, ended.stderr.decode())


NOT_TOLD = "a datagram that is sent without an address is refused without a word (docs/limitations.md)"


@pytest.mark.not_for("stack", "joined", reason=NOT_TOLD)
def test_netcat_finds_no_port(session: Session) -> None:
    """ECONNREFUSED on a stream at once; on a datagram socket from the ICMP error of the first datagram."""
    port = str(free_port())
    refused = session.run("nc", "-z", "-v", "-n", "::1", port)
    text = f"nc: connect to ::1 port {port} (tcp) failed: Connection refused\n"
    assert (refused.status, refused.stderr.decode()) == (1, text)
    assert session.run("nc", "-6", "-u", "-z", "-v", "-n", "::1", port).status == 1
