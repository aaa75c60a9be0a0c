"""ioctls of interfaces, routes and ARP: a C program prints the same natively, in a namespace, and here."""

from pathlib import Path

import pytest
from netlink_net import kernel
from netlink_tools import natively, ours
from support.build import compile_c

from ptrace_net.devices.identity import E1000

SOURCE = Path(__file__).with_name("c") / "netdevice.c"
#: ip(8) and others show what ifconfig, route and arp have changed
TOOLS = """
ifconfig eth0:1 10.7.0.1 netmask 255.255.0.0
ip -4 -o addr show dev eth0
route add -net 192.168.9.0/24 gw 10.7.0.9
ip route
arp -s 10.7.0.5 52:54:00:00:00:01
ip neigh | grep -v NOARP
ifconfig eth0 mtu 1400
ifconfig eth0:1 down
ip -4 -o addr show dev eth0
route del -net 192.168.9.0/24 2>&1 || echo $?
ip route
"""


@pytest.fixture
def linux():
    with kernel() as side:
        yield side


def test_requests(linux, ptrace_net_command: list[str], tmp_path: Path) -> None:
    program = compile_c(SOURCE, tmp_path)
    assert ours(ptrace_net_command, str(program)).splitlines() == natively(linux, str(program)).splitlines()


def test_net_tools(linux, ptrace_net_command: list[str]) -> None:
    expected = natively(linux, TOOLS).splitlines()
    got = ours(ptrace_net_command, TOOLS).replace(" proto dhcp", "").splitlines()
    assert got == expected


def test_ethtool_describes_a_driver(linux, ptrace_net_command: list[str]) -> None:
    """In the fields of ``ethtool -i`` that another driver, that of the TAP, fills in as well."""
    expected, got = (
        dict(line.split(": ", 1) if ": " in line else (line.rstrip(":"), "") for line in text.splitlines())
        for text in (natively(linux, "ethtool -i eth0"), ours(ptrace_net_command, "ethtool -i eth0"))
    )
    assert list(got) == list(expected)
    assert (got["driver"], got["bus-info"]) == (E1000.driver, E1000.bus_info)
    assert (expected["driver"], expected["bus-info"]) == ("tun", "tap")
    assert got["supports-statistics"] == "yes"


def test_ethtool(ptrace_net_command: list[str]) -> None:
    """No namespace has an 82540EM; these are the words of QEMU's."""
    text = ours(ptrace_net_command, "ethtool -i eth0; ethtool eth0; ethtool -P eth0; ethtool -S eth0")
    for each in (
        "driver: e1000", "bus-info: 0000:00:03.0", "Speed: 1000Mb/s", "Duplex: Full", "Port: Twisted Pair",
        "Auto-negotiation: on", "Link detected: yes", "Permanent address: 52:54:98:76:54:33", "tx_packets: ",
    ):  # fmt: skip
        assert each in text
