"""/proc/net and /sys/class/net under --views: the kernel's formats, as in a namespace."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours

from ptrace_net.views.mentions import mentions

PROGRAM = Path(__file__).with_name("py") / "sockets_and.py"
TCP, UDP = 8081, 5353
FILES = [
    "tcp",
    "tcp6",
    "udp",
    "udp6",
    "raw",
    "raw6",
    "dev",
    "route",
    "ipv6_route",
    "if_inet6",
    "arp",
    "igmp",
    "packet",
    "sockstat6",
    "dev_mcast",
    "snmp",
]
#: What no two machines agree on: slots of hash tables, inodes and references, and counters of packets.
_SOCKET = re.compile(r"^ *\d+:|(?<= \d{8}) +\d+ +\d+ +\d+ .*$")
SUBSTITUTES = {
    **dict.fromkeys(("tcp", "tcp6", "udp", "udp6", "raw", "raw6"), _SOCKET),
    "dev": re.compile(r"(?<=[: ]) *\d+\b"), "snmp": re.compile(r"(?<=[ ])-?\d+\b"),
    "ipv6_route": re.compile(r"(?<= )0000000[0-9a-f] 00000000(?= )"),
    "if_inet6": re.compile(r"8[02](?= )"),  # nodad, which only the namespace was told
    "igmp": re.compile(r"[01]:[0-9A-F]{8}\t\t\d"), "dev_mcast": re.compile(r"(?<= )\d+ +0 "),
}  # fmt: skip


@pytest.fixture
def linux():
    with kernel() as side:
        yield side


def script(command: str) -> str:
    return shlex.join([sys.executable, str(PROGRAM), str(TCP), str(UDP), command])


def comparable(name: str, text: str) -> list[str]:
    pattern = SUBSTITUTES.get(name)
    return sorted(pattern.sub("#", line) if pattern else line for line in text.splitlines())


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_files_are_as_the_kernel_writes_them(linux, ptrace_net_command: list[str], engine: str) -> None:
    command = script("; ".join(f"echo @{name}; cat /proc/net/{name}" for name in FILES))
    expected, got = (
        dict(part.split("\n", 1) for part in text.split("@")[1:])
        for text in (
            natively(linux, command),
            ours(ptrace_net_command, command, "--views", "on", "--engine", engine),
        )
    )
    for name in FILES:
        assert comparable(name, got[name]) == comparable(name, expected[name]), name


def test_net_tools_agree(linux, ptrace_net_command: list[str]) -> None:
    references = " | awk '{$5 = 0; print}'"
    for command in ("ifconfig -a", "route -n", "netstat -rn", "netstat -i", f"route -6 -n {references}"):
        expected, got = (
            [line for line in text.splitlines() if not re.match(r" +[RT]X ", line)]
            for text in (natively(linux, command), ours(ptrace_net_command, command, "--views", "on"))
        )
        if command == "netstat -i":
            assert [line.split()[:2] for line in got] == [line.split()[:2] for line in expected]
        else:
            assert sorted(map(str.split, got)) == sorted(map(str.split, expected)), command


def test_arp_shows_what_it_has_added(linux, ptrace_net_command: list[str]) -> None:
    changes = "arp -s 10.0.2.9 52:54:00:00:00:09; arp -s 10.0.2.7 52:54:00:00:00:07; arp -d 10.0.2.7"
    command = f"{changes}; arp -n; arp -an"
    expected, got = (
        sorted(map(str.split, text.splitlines()))
        for text in (natively(linux, command), ours(ptrace_net_command, command, "--views", "on"))
    )
    assert got == expected
    assert ["10.0.2.9", "ether", "52:54:00:00:00:09", "CM", "eth0"] in got


def test_netstat_finds_the_processes(linux, ptrace_net_command: list[str]) -> None:
    command = script("netstat -tulnp 2>/dev/null | tail -n +3")
    lines = [
        sorted(re.sub(r"\d+/python\S*", "#", " ".join(line.split())) for line in text.splitlines())
        for text in (natively(linux, command), ours(ptrace_net_command, command, "--views", "on"))
    ]
    assert lines[0] == lines[1]
    assert len(lines[0]) == 5


def test_local_sockets(ptrace_net_command: list[str]) -> None:
    """The kernel's table without what stands behind sockets of the run."""
    command = script("cat /proc/net/unix")
    text = ours(ptrace_net_command, command, "--views", "on")
    assert text.startswith("Num       RefCount Protocol Flags    Type St Inode Path\n")
    assert "@ptrace-net-test-" in text
    inodes = {line.split()[6] for line in text.splitlines()[1:]}
    listed = "ls -l /proc/$PPID/fd | grep -o 'socket:.*' | tr -dc '0-9\n'"
    sockets = ours(ptrace_net_command, script(listed))
    assert len(set(sockets.split()) & inodes) <= 1


def test_sysfs(ptrace_net_command: list[str]) -> None:
    names = "address mtu operstate ifindex type speed duplex carrier flags addr_len"
    command = f"for each in {names}; do cat /sys/class/net/eth0/$each; done"
    text = ours(ptrace_net_command, command, "--views", "on")
    assert text.split() == ["52:54:98:76:54:33", "1500", "up", "2", "1", "1000", "full", "1", "0x1003", "6"]
    absent = "cat /sys/class/net/nobody/mtu 2>&1 || cat /sys/class/net/lo/statistics/rx_bytes"
    assert "No such file" in ours(ptrace_net_command, absent, "--views", "on")


def test_nothing_is_served_unless_wanted(ptrace_net_command: list[str]) -> None:
    command = "cat /proc/net/route"
    assert "0202000A" in ours(ptrace_net_command, command, "--views", "on")
    for options in ((), ("--views", "off")):
        assert ours(ptrace_net_command, command, *options) == Path("/proc/net/route").read_text()


def test_which_programs_name_the_files() -> None:
    assert mentions("netstat")
    assert mentions("route")
    assert not mentions("true")
    assert not mentions("no-such-program")
