"""ICMP errors as their sender sees them: poll(2), the error queue, and the programs that live on it."""

import re
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "errors.py"
NOBODY = 5999
ENGINES = ("ptrace", "notify")
TIMES = re.compile(r"[\d.]+ ?ms|time \d+")


@pytest.fixture(scope="module")
def linux():
    with kernel() as side:
        yield side


def same(linux, command: list[str], script: str, *options: str) -> list[str]:
    """The lines, which but for times must be the same in both worlds."""
    expected, got = (
        [TIMES.sub("#", line) for line in text.splitlines()]
        for text in (natively(linux, script), ours(command, script, *options))
    )
    assert got == expected
    return got


@pytest.mark.parametrize("engine", ENGINES)
def test_sockets(linux, ptrace_net_command: list[str], engine: str) -> None:
    lines = same(linux, ptrace_net_command, f"{sys.executable} {PROGRAM} {NOBODY}", "--engine", engine)
    assert "sleeping ['Connection refused']" in lines


@pytest.mark.parametrize("engine", ENGINES)
def test_dig_is_refused(linux, ptrace_net_command: list[str], engine: str) -> None:
    """At once: with two tries of five seconds each it would last ten."""
    for server in ("127.0.0.1", "::1"):
        script = f"dig +tries=2 +time=5 @{server} -p {NOBODY} example.org 2>&1 || echo $?"
        lines = same(linux, ptrace_net_command, script, "--engine", engine)
        assert lines[0] == f";; communications error to {server}#{NOBODY}: connection refused"
        assert "timed out" not in "".join(lines)


@pytest.mark.parametrize("engine", ENGINES)
def test_traceroute_to_own_addresses(linux, ptrace_net_command: list[str], engine: str) -> None:
    for address in ("127.0.0.1", "10.0.2.15", "::1", "fec0::5054:98ff:fe76:5433"):
        lines = same(linux, ptrace_net_command, f"traceroute -n {address}", "--engine", engine)
        assert lines[1] == f" 1  {address}  #  #  #"
        assert len(lines) == 2
