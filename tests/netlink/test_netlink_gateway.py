"""The gateway: what answers there prints the same natively, where it is another namespace, and here."""

import re
from collections.abc import Iterator

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

#: round trips, and how long it took all in all
TIMES = re.compile(r"[\d.]+ ?ms|time \S+|[\d.]+(/[\d.]+){3}")
COMMANDS = [
    "ping -n -c1 10.0.2.2",
    "ping -6 -n -c1 fec0::2",
    "arping -c1 10.0.2.2",
    "traceroute -n -w 5,0,0 -I 10.0.2.2",
    "traceroute -n -w 5,0,0 -T 10.0.2.2",
    "ping -n -c1 -W5 8.8.8.8 || true",
    "ping -6 -n -c1 -W5 2001:db8::1 || true",
]


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel("netlink_gateway.py") as side:
        yield side


@pytest.mark.parametrize("command", COMMANDS)
def test_same(linux: Kernel, ptrace_net_command: list[str], command: str) -> None:
    expected, got = (
        [TIMES.sub("#", line).rstrip() for line in text.splitlines()]
        for text in (natively(linux, command), ours(ptrace_net_command, command))
    )
    assert got == expected
    assert any("10.0.2.2" in line or "fec0::2" in line for line in got[1:])
