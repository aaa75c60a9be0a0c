"""pyroute2 as the witness: it decodes our dumps to the values of the model, and its requests act on it."""

import pytest
from netlink_net import OWN6, Ours
from netlink_requests import dump
from pyroute2.netlink.rtnl.marshal import MarshalRtnl

from ptrace_net.devices.identity import E1000
from ptrace_net.stack.addresses import format_ip, format_mac


def read(kind: str) -> list:
    marshal = MarshalRtnl()
    messages = [each for data in Ours().ask(dump(kind)) for each in marshal.parse(data)]
    return [each for each in messages if each["header"]["type"] != 3]


def test_links() -> None:
    lo, eth0 = read("GETLINK")
    assert (lo["index"], lo.get_attr("IFLA_IFNAME"), lo.get_attr("IFLA_MTU")) == (1, "lo", 65536)
    assert (eth0["index"], eth0.get_attr("IFLA_IFNAME"), eth0.get_attr("IFLA_MTU")) == (2, "eth0", 1500)
    assert eth0.get_attr("IFLA_ADDRESS") == format_mac(E1000.mac)
    assert eth0["state"] == "up"
    assert eth0.get_attr("IFLA_PARENT_DEV_NAME") == E1000.bus_info
    assert eth0.get_attr("IFLA_STATS64")["tx_packets"] > 0 == eth0.get_attr("IFLA_STATS64")["rx_packets"]


def test_addresses() -> None:
    seen = {each.get_attr("IFA_ADDRESS"): (each["index"], each["prefixlen"]) for each in read("GETADDR")}
    network = Ours().network
    assert seen == {
        format_ip(each.local): (each.index, each.length) for each in network.addresses()
    }
    assert seen[OWN6] == (2, 64)
    assert seen["10.0.2.15"] == (2, 24)


@pytest.mark.parametrize("family", [2, 10])
def test_routes(family: int) -> None:
    seen = [
        (each.get_attr("RTA_DST"), each["dst_len"], each.get_attr("RTA_GATEWAY"), each.get_attr("RTA_OIF"),
         each.get_attr("RTA_TABLE"), each.get_attr("RTA_PRIORITY") or 0)
        for each in read("GETROUTE") if each["family"] == family
    ]  # fmt: skip
    expected = [
        (format_ip(each.destination) if each.length else None, each.length,
         each.gateway and format_ip(each.gateway), each.index, each.table, each.metric)
        for each in Ours().network.routes(family)
    ]  # fmt: skip
    assert seen == expected
