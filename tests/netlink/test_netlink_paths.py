"""tracepath(8), and datagrams that are too long for their path: the same natively and here."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "long_datagrams.py"
ENGINES = ("ptrace", "notify")
TIME = re.compile(r" +\d+\.\d+ms")
OWN = ("127.0.0.1", "10.0.2.15", "::1", "fec0::5054:98ff:fe76:5433")
GATEWAY = ("10.0.2.2", "fec0::2")


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel("netlink_gateway.py") as side:
        yield side


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("address", [*OWN, *GATEWAY])
def test_tracepath(linux: Kernel, ptrace_net_command: list[str], address: str, engine: str) -> None:
    """One hop there and one hop back, and the MTU of the way; the neighbour is known before."""
    command = f"ping -n -c1 {address} >&2; tracepath -n {address}"
    expected, got = (
        [TIME.sub(" #", line) for line in text.splitlines()]
        for text in (natively(linux, command), ours(ptrace_net_command, command, "--engine", engine))
    )
    assert got == expected
    assert re.fullmatch(rf" 1: +{address} +# reached", got[-2])
    assert re.fullmatch(r" +Resume: pmtu (1500|6553[56]) hops 1 back 1 ", got[-1])


@pytest.mark.parametrize("engine", ENGINES)
def test_long_datagrams(linux: Kernel, ptrace_net_command: list[str], engine: str) -> None:
    script = f"{sys.executable} {PROGRAM}"
    got = ours(ptrace_net_command, script, "--engine", engine).splitlines()
    assert got == natively(linux, script).splitlines()
    assert any("Message too long" in line for line in got)
