"""ss(8) and netstat(8): sockets of a run with their processes, as natively in a namespace."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "sockets_and.py"
TCP, UDP = 8081, 5353
#: a process, an inode, a cookie; what runs has no control group of its own here, which ss -e would show
PLACES = re.compile(r'pid=\d+|ino:\d+|sk:\w+|\bpython\S*"|\d+/python\S*')


@pytest.fixture
def linux():
    with kernel() as side:
        yield side


def script(command: str) -> str:
    return shlex.join([sys.executable, str(PROGRAM), str(TCP), str(UDP), command])


def rows(text: str) -> list[str]:
    """Lines without process ids, inodes and widths, in an order of their own."""
    return sorted(PLACES.sub("#", " ".join(line.split())) for line in text.splitlines())


@pytest.mark.parametrize(
    "command",
    [
        "ss -Htlnp", "ss -Hulnp", "ss -Htan", "ss -H -4 -tan", "ss -H -6 -tuan", "ss -Htn state established",
        "ss -Htln 'sport = :8081'", "ss -Htlne | sed 's/cgroup:[^ ]* //'",
    ],
)  # fmt: skip
def test_ss(linux, ptrace_net_command: list[str], command: str) -> None:
    expected = rows(natively(linux, script(command)))
    assert expected
    assert rows(ours(ptrace_net_command, script(command))) == expected


def test_local_sockets_are_the_programs_own(ptrace_net_command: list[str]) -> None:
    """The backing sockets and those of the supervisor are not listed, whatever else the machine has."""
    command = "ss -Hxlp | grep ptrace-net-test-; ss -Hxp | grep -c pid=$SUPERVISOR, || true"
    text = ours(ptrace_net_command, f"export SUPERVISOR=$PPID; {script(command)}")
    listed, _, others = text.rpartition("\n0\n")
    assert not others
    assert "LISTEN" in listed
    assert "python" in listed
