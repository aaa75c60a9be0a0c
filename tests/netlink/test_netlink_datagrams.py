"""Datagrams to groups and link-local addresses: as in a namespace with the same interfaces."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

PROGRAMS = Path(__file__).with_name("py")
#: with a device that has IPv4 alone, the sockets of programs are on the wire
OPTIONS = {
    ("--engine", "ptrace"): 2,
    ("--engine", "notify"): 2,
    ("--net", "none"): 2,
    ("--device", "eth0=none"): 1,
}


@pytest.fixture(scope="module")
def linux() -> Iterator[Kernel]:
    with kernel() as side:
        yield side


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_who_hears_what_goes_to_a_group(
    linux: Kernel, ptrace_net_command: list[str], options: tuple[str, ...]
) -> None:
    script = f"{sys.executable} {PROGRAMS / 'groups.py'} {OPTIONS[options]}"
    got = ours(ptrace_net_command, script, *options).splitlines()
    assert got == natively(linux, script).splitlines()
    assert any(line.startswith("a stream is: sent [1, 1], heard: one") for line in got)


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_names_with_an_interface(linux: Kernel, ptrace_net_command: list[str], engine: str) -> None:
    script = f"{sys.executable} {PROGRAMS / 'scopes.py'}"
    got = ours(ptrace_net_command, script, "--engine", engine).splitlines()
    assert got == natively(linux, script).splitlines()
    assert len([line for line in got if line.startswith("  answer 6")]) > 5
