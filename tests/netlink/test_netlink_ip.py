"""ip(8): the same commands print the same natively, in a namespace with the same configuration, and here.

The differences are those of the device: a TAP has a permanent address of none, other queues and other limits.
"""

import json

import pytest
from netlink_net import Kernel, kernel
from netlink_tools import natively, ours

OF_THE_DEVICE = {
    "permaddr", "parentbus", "parentdev", "linkinfo", "min_mtu", "max_mtu", "num_tx_queues", "num_rx_queues",
    "tso_max_size", "link_netnsid", "stats", "stats64",
}  # fmt: skip
OF_TIME = {"confirmed", "used", "updated", "refcnt", "expires"}
#: given in the namespace by hand, and here by the run's configuration
LEFT_OUT = OF_THE_DEVICE | OF_TIME | {"nodad"}
BY_HAND = ("boot", "dhcp")
QUERIES = [
    "ip -j -d link",
    "ip -j addr",
    "ip -j -4 addr",
    "ip -j -6 addr show dev eth0",
    "ip -j route",
    "ip -j neigh",
    "ip -j route show table local",
    "ip -j -6 route show table all",
    "ip -j rule",
    "ip -j -6 rule",
    "ip -j -6 route",
    "ip -j route get 8.8.8.8",
    "ip -j route get 10.0.2.15",
    "ip -j -6 route get 2001:db8::1",
    "ip -j link show dev lo",
    "ip -j addr show up",
]
CHANGES = """
ip addr add 10.9.0.1/16 dev eth0
ip addr add 10.9.0.2/16 dev eth0
ip -6 addr add 2001:db8::7/64 dev eth0 nodad
ip route add 192.168.7.0/24 via 10.0.2.9
ip route add 2001:db8:7::/48 via fec0::9
ip route replace 192.168.7.0/24 via 10.0.2.8 metric 7
ip neigh add 10.0.2.9 lladdr 52:54:00:00:00:09 dev eth0
ip link set eth0 mtu 1400 txqueuelen 77 alias hello
ip route del default via 10.0.2.2
ip addr del 10.9.0.1/16 dev eth0
sleep 0.3
for what in 'addr' 'route' '-6 route' 'neigh' 'link'; do ip -j $what; done
"""
REFUSALS = """
for each in 'addr add 10.0.2.15/24 dev eth0' \
    'addr del 10.1.1.1/24 dev eth0' \
    'route add 1.0.0.0/8 via 99.9.9.9' \
    'route del 1.0.0.0/8' \
    'link set nope up' \
    'link set eth0 mtu 20' \
    'route add default via 10.0.2.2' \
    'neigh del 10.0.2.77 dev eth0' \
    '-6 addr add 2001:db8::1/129 dev eth0' \
    'route get 10.0.2.7 from 1.2.3.4'; do
    ip $each 2>&1 && echo done || echo $?
done
"""


@pytest.fixture(scope="module")
def linux():
    with kernel() as side:
        yield side


def objects(text: str) -> list:
    """The JSON objects of ip's output, without what differs, in an order of their own."""
    found = [_plain(each) for line in text.splitlines() for each in json.loads(line)]
    return sorted((each for each in found if each), key=lambda each: json.dumps(each, sort_keys=True))


def _plain(value: object) -> object:
    if isinstance(value, dict):
        if value.get("state") == ["NOARP"]:
            return {}  # what the kernel keeps for multicast groups
        kept = {name: _plain(each) for name, each in value.items() if name not in LEFT_OUT}
        if kept.get("protocol") in BY_HAND:
            del kept["protocol"]
        return kept
    return [_plain(each) for each in value if each] if isinstance(value, list) else value


@pytest.mark.parametrize("query", QUERIES)
def test_queries(linux: Kernel, ptrace_net_command: list[str], query: str) -> None:
    expected = objects(natively(linux, query))
    assert expected or "neigh" in query
    assert objects(ours(ptrace_net_command, query)) == expected


def test_changes(ptrace_net_command: list[str]) -> None:
    with kernel() as linux:
        expected = objects(natively(linux, CHANGES))
    assert objects(ours(ptrace_net_command, CHANGES)) == expected


def test_refusals(linux: Kernel, ptrace_net_command: list[str]) -> None:
    """Texts and exit statuses."""
    assert ours(ptrace_net_command, REFUSALS) == natively(linux, REFUSALS)


def test_monitor(ptrace_net_command: list[str]) -> None:
    script = """
    told=$(mktemp)
    ip -o monitor link address route >$told & monitor=$!
    sleep 3
    ip addr add 10.9.0.1/16 dev eth0
    ip link set eth0 mtu 1300
    until grep -q 'mtu 1300' $told; do sleep 0.1; done
    sleep 0.5
    kill $monitor
    cat $told
    rm $told
    """
    with kernel() as linux:
        expected = natively(linux, script)
    got = ours(ptrace_net_command, script)
    assert sorted(_told(got)) == sorted(_told(expected))
    assert "mtu 1300" in got


def _told(text: str) -> list[str]:
    """Lines of `ip -o monitor` without what the device differs in."""
    return [line.partition("\\")[0].strip() for line in text.splitlines()]


def test_a_link_of_another_name(ptrace_net_command: list[str]) -> None:
    """Of several devices, or one that is not called eth0, ip(8) shows all there are."""
    script = "ip -j addr show dev eth1; ip -br link"
    text = ours(ptrace_net_command, script, "--device", "eth1=none,address=10.9.0.2/24,mac=02:00:00:00:00:07")
    shown, *links = text.splitlines()
    assert json.loads(shown)[0]["addr_info"][0]["local"] == "10.9.0.2"
    assert [line.split()[0] for line in links] == ["lo", "eth1"]
