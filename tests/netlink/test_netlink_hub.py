"""Two runs on a hub see each other as a namespace sees its neighbour: ping, arping, tracepath, tcpdump."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours
from support.deadline import read_line

ON_HUB = ("--device", "eth0=hub:lab")
#: the first run's addresses, and who is natively in its place; its own is the second run's there
OTHERS = {"10.0.2.15": "10.0.2.2", "fec0::15": "fec0::2"}
OURS, NATIVELY = "10.0.2.16", "10.0.2.15"
#: round trips, how long it took all in all, and whose hardware address it is
DIFFERENT = re.compile(r"[\d.]+ ?ms|time \S+|[\d.]+(/[\d.]+){3}|(?<=\[)[\dA-Fa-f:]{17}")
ECHO = r"IP (\S+) > (\S+): ICMP echo (\w+), id \d+, seq ([12]), length 64\n"
COMMANDS = [
    "ping -n -c2 -i0.2 {}",
    "arping -c1 {}",
    "ping -n -c1 {} >&2; tracepath -n {}",
    "ping -n -c1 {} >&2; traceroute -n -w 5,0,0 -I {}",
]


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel("netlink_gateway.py") as side:
        yield side


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hubs of the test's own."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


@contextmanager
def first_run(command: list[str], *words: str) -> Iterator[subprocess.Popen]:
    """A run that has 10.0.2.15, from the moment its program says something."""
    with subprocess.Popen(
        [*command, "--net", "stack", *ON_HUB, *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(30)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("address", ["10.0.2.15", "fec0::15"])
@pytest.mark.usefixtures("hub")
def test_same(linux: Kernel, ptrace_net_command: list[str], command: str, address: str) -> None:
    if "arping" in command and ":" in address:
        command = "ping -6 -n -c1 {}"
    with first_run(ptrace_net_command, "--", "sh", "-c", "echo here; exec cat") as other:
        assert read_line(other.stdout) == b"here\n"
        got = ours(ptrace_net_command, command.replace("{}", address), *ON_HUB)
    expected = natively(linux, command.replace("{}", OTHERS[address]))
    lines = plain(got, address, OURS)
    assert lines == plain(expected, OTHERS[address], NATIVELY)
    assert any("OTHER" in line for line in lines[1:])


def plain(text: str, other: str, own: str) -> list[str]:
    text = re.sub(rf"{re.escape(other)}\b", "OTHER", DIFFERENT.sub("#", text).replace(own, "OWN"))
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.usefixtures("hub")
def test_tcpdump_with_the_engine_that_it_needs(ptrace_net_command: list[str]) -> None:
    """Nobody says which: a program that is linked with libpcap is run with ptrace."""
    words = ("--engine", "auto", "--", "tcpdump", "-n", "-t", "-i", "eth0", "-c", "4", "icmp")
    with first_run(ptrace_net_command, *words) as capture:
        while not (line := read_line(capture.stderr)).startswith(b"listening on eth0"):
            assert line
        ours(ptrace_net_command, "ping -n -c2 -i0.2 10.0.2.15", *ON_HUB)
        seen = [read_line(capture.stdout).decode() for _ in range(4)]
        assert capture.wait(30) == 0
    found = [re.fullmatch(ECHO, each) for each in seen]
    assert [each.groups() for each in found] == [
        (*way, str(number))
        for number in (1, 2)
        for way in (("10.0.2.16", "10.0.2.15", "request"), ("10.0.2.15", "10.0.2.16", "reply"))
    ]
