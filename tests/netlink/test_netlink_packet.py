"""packet(7): a program that captures and sends frames prints the same natively, in a namespace, and here."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "frames.py"
OPTIONS = PROGRAM.with_name("socket_level.py")


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
@pytest.mark.parametrize("program", [PROGRAM, OPTIONS], ids=lambda path: path.stem)
def test_same(ptrace_net_command: list[str], program: Path, engine: str) -> None:
    script = f"{sys.executable} {program}"
    with kernel() as linux:
        expected = natively(linux, script).splitlines()
    assert ours(ptrace_net_command, script, "--engine", engine).splitlines() == expected


FRAMES = pytest.mark.parametrize("options", [(), ("--frames", "lo=/dev/null")], ids=" ".join)


@FRAMES
def test_arping(ptrace_net_command: list[str], options: tuple[str, ...]) -> None:
    """The gateway answers, with the address that ip(8) shows then; also where frames of lo are looked at."""
    script = "arping -c2 -w3 10.0.2.2; ping -c1 10.0.2.2; ping -c1 10.0.2.15 >&2; ip neigh"
    text = ours(ptrace_net_command, script, *options)
    assert len(re.findall(r"reply from 10.0.2.2 \[52:54:98:76:54:02\]", text)) == 2
    assert re.search(r"10.0.2.2 dev eth0 lladdr 52:54:98:76:54:02 (REACHABLE|DELAY|STALE)", text)


CAPTURE = """
said=$(mktemp)
tcpdump -n -i eth0 -c 4 icmp 2>$said & capture=$!
until grep -q listening $said; do sleep 0.1; done
rm $said
ping -c2 -i0.3 10.0.2.2 >/dev/null
wait $capture
"""


def test_tcpdump_reads_what_another_program_sends(ptrace_net_command: list[str]) -> None:
    """The ring is that of ptrace's engine; the filter is run here."""
    text = ours(ptrace_net_command, CAPTURE, "--engine", "ptrace")
    assert len(re.findall(r"IP 10.0.2.15 > 10.0.2.2: ICMP echo request, .* length 64", text)) == 2
    assert len(re.findall(r"IP 10.0.2.2 > 10.0.2.15: ICMP echo reply, .* length 64", text)) == 2


@FRAMES
def test_tcpdump_natively_sees_the_same(ptrace_net_command: list[str], options: tuple[str, ...]) -> None:
    script = CAPTURE.replace("-i eth0", "-e -t -i lo").replace("10.0.2.2", "127.0.0.1")
    texts = []
    with kernel() as linux:
        got = ours(ptrace_net_command, script, "--engine", "ptrace", *options)
        for text in (natively(linux, script), got):
            texts.append(re.sub(r"id \d+", "id", text).splitlines())
    assert texts[0] == texts[1]
    assert len(texts[0]) == 4


CONNECT = """
import socket
server = socket.create_server(("127.0.0.1", 8123))
client = socket.create_connection(("127.0.0.1", 8123))
connection, _ = server.accept()
client.sendall(b"x")
assert connection.recv(1) == b"x"
"""


def test_tcpdump_sees_a_connection_on_a_lo_with_frames(ptrace_net_command: list[str]) -> None:
    """Its handshake and its data, as natively; on the express lane there are none."""
    script = CAPTURE.replace("-i eth0 -c 4 icmp", "-t -q -i lo -c 4 tcp port 8123")
    script = script.replace("ping -c2 -i0.3 10.0.2.2", f"{sys.executable} -c {shlex.quote(CONNECT)}")
    options = ("--engine", "ptrace", "--frames", "lo=/dev/null")
    texts = []
    with kernel() as linux:
        for text in (natively(linux, script), ours(ptrace_net_command, script, *options)):
            texts.append(re.sub(r"127.0.0.1.(?!8123)\d+", "client", text).splitlines())
    assert texts[0] == texts[1]
    assert len(texts[0]) == 4


def test_no_ring_with_notifications(ptrace_net_command: list[str]) -> None:
    """libpcap says so; --engine ptrace or --capture are the ways to see packets."""
    text = ours(ptrace_net_command, "tcpdump -i eth0 -c1 2>&1 || true", "--engine", "notify")
    assert "Kernel doesn't support memory-mapped capture" in text
