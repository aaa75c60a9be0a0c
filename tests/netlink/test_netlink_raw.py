"""raw(7): headers that programs write, checksums that are written for them, filters: as in a namespace."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "raw_headers.py"
#: the second has a link, and the sockets of programs are on the wire
OPTIONS = [("--engine", "ptrace"), ("--device", "eth0=none"), ("--engine", "notify")]


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel() as side:
        yield side


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_same(linux: Kernel, ptrace_net_command: list[str], options: tuple[str, ...]) -> None:
    script = f"{sys.executable} {PROGRAM}"
    got = ours(ptrace_net_command, script, *options).splitlines()
    assert got == natively(linux, script).splitlines()
    assert any(line.startswith("whole 25 ") for line in got)
