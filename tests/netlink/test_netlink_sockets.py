"""ss(8) and netstat(8): sockets of a run with their processes, as natively in a namespace."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

PROGRAM = Path(__file__).with_name("py") / "sockets_and.py"
BY_INODE = Path(__file__).with_name("py") / "diag_by_inode.py"
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
        "ss -Hn -A inet,mptcp state all", "ss -Htln 'sport = :8081'", "ss -Htlne | sed 's/cgroup:[^ ]* //'",
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


#: what does not count packets, which connections inside a run have none of
OF_CONNECTIONS = ("ts", "sack", "pmtu", "rcvmss", "advmss")


def test_tcp_info(linux, ptrace_net_command: list[str]) -> None:
    """ss -ti: options, scales and segment sizes of each connection, and that of listeners."""
    command = script("ss -Htaion")
    expected, got = map(_informed, (natively(linux, command), ours(ptrace_net_command, command)))
    assert got == expected
    assert got["127.0.0.1:5353 127.0.0.1:8081"] == {
        "ts": "", "sack": "", "pmtu": "65535", "rcvmss": "536", "advmss": "65483",
    }  # fmt: skip
    assert got["127.0.0.1:8081 0.0.0.0:*"] == {"cwnd": "10"}


def _informed(text: str) -> dict[str, dict[str, str]]:
    """What the second line of each socket says, by its addresses."""
    lines = text.splitlines()
    found = {}
    for head, info in zip(lines[::2], lines[1::2], strict=True):
        state, *_, local, remote = head.split()
        told = dict(word.partition(":")[::2] for word in info.split())
        assert state == "LISTEN" or "wscale" in told  # by as much as the machine's memory allows
        names = ("cwnd",) if state == "LISTEN" else OF_CONNECTIONS
        found[f"{local} {remote}"] = {name: told[name] for name in names}
    return found


def test_local_sockets(linux, ptrace_net_command: list[str]) -> None:
    command = script("ss -Hxap | grep ptrace-net-test-$PPID")
    expected, got = (
        [re.sub(r"(?<=-test-)\d+ \d+", "#", row) for row in rows(text)]
        for text in (natively(linux, command), ours(ptrace_net_command, command))
    )
    assert got == expected
    assert got[0].startswith("u_str LISTEN 0 3 @ptrace-net-test-# * 0 users:((")


def test_single_sockets_are_asked_for_again_and_again(linux, ptrace_net_command: list[str]) -> None:
    """One that is not told of leaves nothing behind for the next answer."""
    command = shlex.join([sys.executable, str(BY_INODE)])
    expected = natively(linux, command)
    assert ours(ptrace_net_command, command) == expected
    assert expected.count("error -2") == 9


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_strace_beside_the_notification_engine(ptrace_net_command: list[str]) -> None:
    """It looks for the protocol of every socket that sends and receives, with such questions."""
    said = ours(ptrace_net_command, "strace -f -o /dev/null ip -br address", "--engine", "notify", timeout=20)
    assert re.search(r"^eth0 +UP +10\.0\.2\.15/24", said, re.MULTILINE)
