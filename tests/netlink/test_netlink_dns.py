"""dig(1) and a DNS server of the same run, as natively in a namespace."""

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

SERVER = Path(__file__).with_name("py") / "dns_server.py"
PORT = 5300
#: the id of a query, how long it took, when that was
DIFFERENT = re.compile(r"(?<=, id: )\d+|(?<=Query time: )\d+|(?<=WHEN: ).*")


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel() as side:
        yield side


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
@pytest.mark.parametrize("server", ["127.0.0.1", "::1"])
def test_dig(linux: Kernel, ptrace_net_command: list[str], server: str, engine: str) -> None:
    asked = ("example.org A", "example.org AAAA", "nobody.example.org A", "+tcp example.org A")
    digs = "; ".join(f"dig @{server} -p {PORT} {each}" for each in asked)
    script = shlex.join([sys.executable, str(SERVER), str(PORT), digs])
    expected, got = (
        [DIFFERENT.sub("#", line) for line in text.splitlines()]
        for text in (natively(linux, script), ours(ptrace_net_command, script, "--engine", engine))
    )
    assert got == expected
    assert got.count("example.org.\t\t60\tIN\tA\t192.0.2.7") == 2
    assert "example.org.\t\t60\tIN\tAAAA\t2001:db8::7" in got
    assert sum("status: NXDOMAIN" in line for line in got) == 1
    assert f";; SERVER: {server}#{PORT}({server}) (TCP)" in got
