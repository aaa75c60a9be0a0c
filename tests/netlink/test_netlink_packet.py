"""packet(7): a program that captures and sends frames prints the same natively, in a namespace, and here."""

import re
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "frames.py"


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_frames(ptrace_net_command: list[str], engine: str) -> None:
    script = f"{sys.executable} {PROGRAM}"
    with kernel() as linux:
        expected = natively(linux, script).splitlines()
    assert ours(ptrace_net_command, script, "--engine", engine).splitlines() == expected


def test_arping(ptrace_net_command: list[str]) -> None:
    """The gateway answers, with the address that ip(8) shows then."""
    text = ours(ptrace_net_command, "arping -c2 -w3 10.0.2.2; ping -c1 10.0.2.2; ip neigh")
    assert len(re.findall(r"reply from 10.0.2.2 \[52:54:98:76:54:02\]", text)) == 2
    assert re.search(r"10.0.2.2 dev eth0 lladdr 52:54:98:76:54:02 (REACHABLE|DELAY|STALE)", text)


def test_a_ring_is_refused_as_where_the_kernel_has_none(ptrace_net_command: list[str]) -> None:
    """libpcap says so; --capture is the way to see packets."""
    text = ours(ptrace_net_command, "tcpdump -i eth0 -c1 2>&1 || true")
    assert "Kernel doesn't support memory-mapped capture" in text
