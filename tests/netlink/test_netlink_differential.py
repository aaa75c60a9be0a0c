"""The same requests to our model and to a network namespace with the same configuration: the same answers.

After each request that changes something, everything is dumped and compared too. What is left out of the
comparison is listed with its reason in ``netlink_net.DIFFERENT`` and ``UNKNOWN_HERE``.
"""

import time

import pytest
from netlink_net import EXT_ACK, OWN6, STRICT, Kernel, Ours, heads, kernel, plain
from netlink_requests import (
    ACK,
    APPEND,
    BODIES,
    CREATE,
    ETH0,
    EXCL,
    LO,
    NOBODY,
    REPLACE,
    REQUEST,
    address,
    ask,
    dump,
    ip,
    link,
    neighbour,
    route,
)

from ptrace_net.abi.netlink.messages import build_message

DUMPS = bytes((0, 1, 3))  # the flags NLM_F_REQUEST | NLM_F_DUMP, in a message
MAC = b"\x52\x54\0\0\0\x09"
CHANGES = {
    "IPv4 addresses": [
        address("NEWADDR", "10.9.0.1", 16, flags=CREATE | EXCL), address("NEWADDR", "10.9.0.2", 16,
        flags=CREATE | EXCL), address("NEWADDR", "10.9.0.1", 16, flags=CREATE | EXCL), address("NEWADDR",
        "10.9.0.1", 16, flags=CREATE | REPLACE), address("DELADDR", "10.9.0.7", 16), address("DELADDR",
        "10.9.0.1", 16), address("NEWADDR", "10.9.0.1", 33), address("NEWADDR", "10.9.0.1", 16, NOBODY),
        address("NEWADDR", "10.9.0.1", 16, IFA_LOCAL=None), address("NEWADDR", "10.9.0.1", 16,
        IFA_LABEL="eth0:1", IFA_BROADCAST=ip("10.9.255.255")), address("DELADDR", "10.9.0.1", 16,
        IFA_LABEL="eth0"), address("DELADDR", "10.9.0.1", 16, IFA_LABEL="eth0:1"), address("DELADDR",
        "10.0.2.15", 24), ], "IPv4 addresses of other kinds": [ address("NEWADDR", "10.9.0.1", 32,
        IFA_ADDRESS=ip("10.8.0.1")), address("NEWADDR", "172.16.0.1", 31), address("NEWADDR", "172.17.0.1",
        32), address("NEWADDR", "172.18.0.1", 24, IFA_FLAGS=0x200), address("NEWADDR", "172.19.0.1", 24,
        IFA_RT_PRIORITY=77), address("NEWADDR", "172.20.0.1", 24, IFA_PROTO=9), address("NEWADDR",
        "127.0.0.9", 8, LO), address("DELADDR", "172.19.0.1", 24), address("DELADDR", "10.9.0.1", 32), ],
        "IPv6 addresses": [ address("NEWADDR", "2001:db8::5", 64, flags=CREATE | EXCL, IFA_FLAGS=2),
        address("NEWADDR", "2001:db8::6", 64, flags=CREATE, IFA_FLAGS=2), address("NEWADDR", "2001:db8::5",
        64, flags=CREATE | EXCL, IFA_FLAGS=2), address("DELADDR", "2001:db8::5", 64), address("DELADDR",
        "2001:db8::5", 64), address("DELADDR", "2001:db8::6", 60), address("NEWADDR", "2001:db8::7", 129),
        address("NEWADDR", "2001:db8::7", 64, NOBODY), address("NEWADDR", "ff02::7", 64), address("NEWADDR",
        "::", 64), address("NEWADDR", "2001:db8:1::5", 128, IFA_FLAGS=2), ask("GETADDR", {"ifa_family": 10},
        {"IFA_ADDRESS": ip("::1")}), ask("GETADDR", {"ifa_family": 10}, {"IFA_ADDRESS": ip("::2")}),
        ask("GETADDR", {"ifa_family": 10}, {}), ask("GETADDR", {"ifa_family": 2}, {"IFA_ADDRESS":
        ip("127.0.0.1")}), ], "IPv4 routes": [ route("NEWROUTE", "192.168.7.0/24", CREATE | EXCL,
        RTA_GATEWAY=ip("10.0.2.9")), route("NEWROUTE", "192.168.7.0/24", CREATE | EXCL,
        RTA_GATEWAY=ip("10.0.2.8")), route("NEWROUTE", "192.168.7.0/24", CREATE | REPLACE,
        RTA_GATEWAY=ip("10.0.2.8")), route("NEWROUTE", "192.168.7.0/24", REPLACE,
        RTA_GATEWAY=ip("10.0.2.7")), route("NEWROUTE", "192.168.7.0/24", CREATE,
        RTA_GATEWAY=ip("10.0.2.7")), route("NEWROUTE", "192.168.9.0/24", REPLACE,
        RTA_GATEWAY=ip("10.0.2.7")), route("NEWROUTE", "192.168.8.0/24", CREATE,
        RTA_GATEWAY=ip("99.0.2.9")), route("NEWROUTE", "192.168.8.0/24", CREATE,
        RTA_GATEWAY=ip("10.0.2.15")), route("NEWROUTE", "192.168.8.0/24", CREATE), route("NEWROUTE",
        "192.168.8.0/24", CREATE, RTA_OIF=NOBODY), route("NEWROUTE", "192.168.8.0/24", CREATE, {"rtm_scope":
        253}, RTA_OIF=ETH0), route("NEWROUTE", "192.168.8.0/24", CREATE | APPEND,
        RTA_GATEWAY=ip("10.0.2.77")), route("NEWROUTE", "192.168.8.1/24", CREATE, RTA_OIF=ETH0),
        route("NEWROUTE", "192.168.8.0/34", CREATE, RTA_OIF=ETH0), route("NEWROUTE", "192.168.10.0/24",
        CREATE, {"rtm_flags": 4}, RTA_GATEWAY=ip("99.0.2.9"), RTA_OIF=ETH0), route("NEWROUTE",
        "192.168.11.0/24", CREATE, RTA_GATEWAY=ip("10.0.2.9"), RTA_PREFSRC=ip("1.2.3.4")), route("NEWROUTE",
        "192.168.11.0/24", CREATE, RTA_GATEWAY=ip("10.0.2.9"), RTA_PREFSRC=ip("10.0.2.15"),
        RTA_PRIORITY=50), route("NEWROUTE", "192.168.12.0/24", CREATE, RTA_GATEWAY=ip("10.0.2.9"),
        RTA_METRICS={"RTAX_MTU": 1400}), route("DELROUTE", "192.168.7.0/24"), route("DELROUTE",
        "192.168.7.0/24"), route("DELROUTE", "192.168.11.0/24", RTA_PRIORITY=51), route("DELROUTE",
        "192.168.8.0/24", body={"rtm_scope": 255}), route("DELROUTE", "0.0.0.0/0",
        RTA_GATEWAY=ip("10.0.2.2")), route("GETROUTE", "8.8.8.8"), route("NEWROUTE", "0.0.0.0/0", CREATE |
        EXCL, RTA_GATEWAY=ip("10.0.2.3")), route("GETROUTE", "8.8.8.8"), ], "IPv6 routes": [
        route("NEWROUTE", "2001:db8:5::/48", CREATE | EXCL, RTA_GATEWAY=ip("fec0::9")), route("NEWROUTE",
        "2001:db8:5::/48", CREATE | EXCL, RTA_GATEWAY=ip("fec0::8")), route("NEWROUTE", "2001:db8:5::/48",
        CREATE | REPLACE, RTA_GATEWAY=ip("fec0::8")), route("NEWROUTE", "2001:db8:6::/48", CREATE,
        RTA_OIF=ETH0), route("NEWROUTE", "2001:db8:7::/48", CREATE), route("NEWROUTE", "2001:db8:7::/48",
        CREATE, RTA_GATEWAY=ip("2001:db8:99::1")), route("NEWROUTE", "2001:db8:7::/48", CREATE,
        RTA_GATEWAY=ip(OWN6)), route("NEWROUTE", "2001:db8:7::/48", CREATE, RTA_GATEWAY=ip("fe80::1")),
        route("NEWROUTE", "2001:db8:7::/48", CREATE, RTA_GATEWAY=ip("fe80::1"), RTA_OIF=ETH0,
        RTA_PRIORITY=7), route("NEWROUTE", "2001:db8:8::/48", CREATE, RTA_OIF=ETH0, RTA_PREFSRC=ip("::7")),
        route("DELROUTE", "2001:db8:5::/48"), route("DELROUTE", "2001:db8:5::/48"), route("DELROUTE",
        "2001:db8:7::/48", RTA_OIF=ETH0), route("NEWROUTE", "2001:db8:9::/48", CREATE,
        RTA_GATEWAY=ip("ff02::1"), RTA_OIF=ETH0), route("GETROUTE", "2001:db8:6::1"), ], "neighbours": [
        neighbour("NEWNEIGH", "10.0.2.9", MAC, flags=CREATE | EXCL), neighbour("NEWNEIGH", "10.0.2.9", MAC,
        flags=CREATE | EXCL), neighbour("NEWNEIGH", "10.0.2.9", b"\x52\x54\0\0\0\x19", flags=CREATE |
        REPLACE), neighbour("NEWNEIGH", "10.0.2.10", MAC), neighbour("NEWNEIGH", "10.0.2.11", MAC, state=4,
        flags=CREATE), neighbour("GETNEIGH", "10.0.2.9", None, state=0), neighbour("GETNEIGH", "10.0.2.10",
        None, state=0), neighbour("DELNEIGH", "10.0.2.10", None, state=0), neighbour("NEWNEIGH", "fec0::3",
        MAC, flags=CREATE), neighbour("NEWNEIGH", "10.0.2.12", b"\x52\x54", flags=CREATE),
        neighbour("NEWNEIGH", "10.0.2.12", MAC, 0, flags=CREATE), neighbour("NEWNEIGH", "10.0.2.12", MAC,
        NOBODY, flags=CREATE), neighbour("GETNEIGH", "10.0.2.9", None, NOBODY, 0), neighbour("GETNEIGH",
        "10.0.2.9", None, 0, 0), neighbour("GETNEIGH", "10.0.2.9", None, state=4), ask("GETNEIGH",
        {"ndm_family": 2, "ndm_ifindex": 2}, {}), ask("NEWNEIGH", {"ndm_family": 2, "ndm_ifindex": 2}, {}),
        link("NEWLINK", ETH0, body={"ifi_flags": 0, "ifi_change": 1}), ], "links": [ link("NEWLINK", ETH0,
        IFLA_MTU=1400), link("NEWLINK", ETH0, IFLA_TXQLEN=500, IFLA_IFALIAS="hello", IFLA_GROUP=3),
        link("NEWLINK", LO, IFLA_MTU=1400), link("NEWLINK", ETH0, IFLA_ADDRESS=b"\x52\x54\x98\1\2\3"),
        link("NEWLINK", ETH0, IFLA_ADDRESS=b"\x52\x54\x98"), link("NEWLINK", ETH0,
        IFLA_ADDRESS=b"\1\x54\x98\1\2\3"), link("NEWLINK", NOBODY, IFLA_MTU=1400), link("NEWLINK", 0,
        IFLA_MTU=1400, IFLA_IFNAME="eth0"), link("DELLINK", NOBODY), link("NEWLINK", ETH0,
        body={"ifi_flags": 0x100, "ifi_change": 0x100}), link("NEWLINK", ETH0, body={"ifi_flags": 0,
        "ifi_change": 0x1000}), link("SETLINK", ETH0, IFLA_MTU=1300), link("NEWLINK", ETH0, EXCL),
        link("NEWLINK", ETH0, IFLA_MTU=30), ], "down and up": [ link("NEWLINK", ETH0, body={"ifi_flags": 0,
        "ifi_change": 1}), route("GETROUTE", "8.8.8.8"), route("GETROUTE", "10.0.2.15"), route("NEWROUTE",
        "1.0.0.0/8", CREATE, RTA_OIF=ETH0), route("NEWROUTE", "2001::/16", CREATE, RTA_OIF=ETH0),
        link("NEWLINK", LO, body={"ifi_flags": 0, "ifi_change": 1}), link("NEWLINK", LO, body={"ifi_flags":
        1, "ifi_change": 1}), ], }  # fmt: skip
DESTINATIONS = (
    "10.0.2.7 8.8.8.8 10.0.2.15 127.0.0.1 127.9.9.9 10.0.2.255 10.0.2.0 224.0.0.1 255.255.255.255 0.0.0.0 "
    f"fec0::7 2001:db8::1 ::1 {OWN6} ff02::1 fe80::1"
).split()
LOOKUPS = [
    *(route("GETROUTE", each, body={"rtm_flags": flags})
      for each in DESTINATIONS for flags in (0, 0x1000, 0x2000)),
    *(route("GETROUTE", "8.8.8.8", RTA_OIF=index) for index in (LO, ETH0, NOBODY)),
    route("GETROUTE", "8.8.8.8", RTA_SRC=ip("1.2.3.4")), route("GETROUTE", "8.8.8.8", RTA_MARK=4, RTA_UID=77),
    route("GETROUTE", "8.8.8.8", body={"rtm_src_len": 32}, RTA_SRC=ip("10.0.2.15")),
    route("GETROUTE", "8.8.8.8", body={"rtm_dst_len": 24}), route("GETROUTE", "2001:db8::1", RTA_OIF=ETH0),
    route("GETROUTE", "2001:db8::1", RTA_OIF=LO), link("GETLINK", ETH0), link("GETLINK", NOBODY),
    link("GETLINK", 0),
    link("GETLINK", 0, IFLA_IFNAME="eth0"), link("GETLINK", 0, IFLA_IFNAME="nope"), link("GETLINK", -1),
    link("GETLINK", ETH0, IFLA_EXT_MASK=9),
]  # fmt: skip
#: RTM_NEW* whose requests Linux looks into and we answer with EOPNOTSUPP: traffic control beyond the root,
#: address labels, neighbour tables, multicast and anycast addresses, DCB, netconf, MDB, namespaces,
#: statistics, nexthops
UNKNOWN_HERE = {
    36, 40, 44, 48, 52, 56, 60, 64, 68, 72, 76, 80, 84, 88, 92, 96, 100, 104, 108, 112, 116, 120, 124, 128,
}  # fmt: skip


@pytest.fixture
def linux():
    with kernel() as side:
        yield side


def compare(linux: Kernel, ours: Ours, request: bytes, options: tuple[int, ...] = (EXT_ACK,)) -> None:
    got = _ordered(plain(ours.ask(request, options=options)))
    expected = _ordered(plain(linux.ask(request, options=options)))
    deadline = time.monotonic() + (2 if request[5:8] == DUMPS else 0)
    while got != expected and time.monotonic() < deadline:  # the kernel makes some of IPv6's routes later
        time.sleep(0.02)
        expected = _ordered(plain(linux.ask(request, options=options)))
    assert got == expected, request.hex()


def _ordered(messages: list[tuple]) -> list[tuple]:
    """Neighbours come in the order of a hash table."""
    return sorted(messages, key=repr) if messages and messages[0][0] == "RTM_NEWNEIGH" else messages


@pytest.mark.parametrize("name", CHANGES)
def test_changes(linux: Kernel, name: str) -> None:
    ours = Ours()
    for request in CHANGES[name]:
        compare(linux, ours, request)
        for kind in BODIES:
            compare(linux, ours, dump(kind))


def test_dumps_and_lookups(linux: Kernel) -> None:
    ours = Ours()
    for options in ((), (EXT_ACK,), (EXT_ACK, STRICT)):
        for kind in BODIES:
            for family in (0, 2, 10, 200):
                compare(linux, ours, dump(kind, family), options)
        for request in LOOKUPS:
            compare(linux, ours, request, options)


def test_bodies_that_are_too_short_and_types_that_are_unknown(linux: Kernel) -> None:
    """An error of the same number, or silence."""
    ours = Ours()
    for kind in [*range(5), 5, 15, *range(16, 132)]:
        for body in (b"", b"\2", b"\2\0\0\0", b"\x0a" + bytes(7), bytes(12), bytes(20)):
            for flags in (REQUEST, REQUEST | ACK, 0, ACK):
                request = build_message(kind, body, flags=flags, seq=3)
                expected, got = plain(linux.ask(request)), plain(ours.ask(request))
                if kind & ~3 in UNKNOWN_HERE:
                    assert [each[0] for each in got] in (["NLMSG_ERROR"], []), request.hex()
                else:
                    assert got == expected, request.hex()


def test_notifications(linux: Kernel) -> None:
    """What ip-monitor(8) sees: one socket in all groups sends the changes and hears of them."""
    ours = Ours()
    groups = 1 | 4 | 0x10 | 0x40 | 0x100 | 0x400
    for request in (
        address("NEWADDR", "10.9.0.1", 16, flags=CREATE | EXCL), address("DELADDR", "10.9.0.1", 16),
        route("NEWROUTE", "192.168.7.0/24", CREATE | EXCL, RTA_GATEWAY=ip("10.0.2.9")),
        route("DELROUTE", "192.168.7.0/24"), neighbour("NEWNEIGH", "10.0.2.9", MAC, flags=CREATE | EXCL),
        link("NEWLINK", ETH0, IFLA_MTU=1400),
        route("NEWROUTE", "2001:db8:5::/48", CREATE | EXCL, RTA_GATEWAY=ip("fec0::9")),
    ):  # fmt: skip
        told = [sorted(map(repr, _heard(side.ask(request, groups=groups)))) for side in (ours, linux)]
        assert told[0] == told[1], request.hex()


def _heard(datagrams: list[bytes]) -> list[tuple]:
    """What was told, and whether as the consequence of whose request; the kernel's own order is another.

    The flags are left out: in Linux those of RTM_NEWROUTE say how the route was put into its table.
    """
    return [
        (message[0], *message[2:], bool(head.nlmsg_pid))
        for message, head in zip(plain(datagrams), heads(datagrams), strict=True)
    ]
