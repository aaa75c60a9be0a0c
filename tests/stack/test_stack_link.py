"""Neighbors, routes, source addresses, ports, groups, autoconfiguration: each part by itself."""

import pytest
from stack_net import IP4, IP6, MACS

from ptrace_net.stack import igmp, mld, ndp
from ptrace_net.stack.addresses import ANY4, ANY6, link_local, parse_ip, solicited_node
from ptrace_net.stack.autoconf import Autoconf
from ptrace_net.stack.bindings import Binding, PortTable
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.multicast import Memberships, Report
from ptrace_net.stack.neighbor import (
    MAX_ENTRIES,
    MAX_HELD,
    NeighborCache,
    Solicit,
    State,
    Unresolved,
)
from ptrace_net.stack.ports import EphemeralPorts
from ptrace_net.stack.route import PathMtu, Route, RouteTable
from ptrace_net.stack.source import Address, AddressState, label, select

FRAME = Frame(b"frame")


# -- neighbors ----------------------------------------------------------------------------------------


def test_a_neighbor_is_asked_for_once_and_its_frames_wait() -> None:
    cache = NeighborCache()
    assert cache.resolve(IP4[1], 0.0) is None
    assert cache.hold(IP4[1], FRAME, 0.0) == Solicit(IP4[1], None)
    assert cache.hold(IP4[1], FRAME, 0.1) is None
    assert cache.confirm(IP4[1], MACS[1], 0.2) == [FRAME, FRAME]
    assert cache.resolve(IP4[1], 0.3) == MACS[1]
    assert cache.entries[IP4[1]].state is State.REACHABLE
    assert cache.deadline() is None


def test_a_neighbor_that_never_answers_is_given_up() -> None:
    cache = NeighborCache()
    cache.hold(IP4[1], FRAME, 0.0)
    assert cache.expire(0.5) == []
    assert cache.expire(1.0) == [Solicit(IP4[1], None)]
    assert cache.expire(2.0) == [Solicit(IP4[1], None)]
    assert cache.expire(3.0) == [Unresolved(IP4[1], [FRAME])]
    assert IP4[1] not in cache.entries


def test_a_stale_neighbor_is_used_and_probed() -> None:
    cache = NeighborCache()
    cache.hold(IP4[1], FRAME, 0.0)
    cache.confirm(IP4[1], MACS[1], 0.0)
    assert cache.resolve(IP4[1], 31.0) == MACS[1]
    assert cache.entries[IP4[1]].state is State.DELAY
    assert cache.expire(36.0) == [Solicit(IP4[1], MACS[1])]
    assert cache.entries[IP4[1]].state is State.PROBE
    cache.confirm(IP4[1], None, 36.5)
    assert cache.entries[IP4[1]].state is State.REACHABLE
    cache.resolve(IP4[1], 70.0)
    for now in (75.0, 76.0, 77.0):
        assert cache.expire(now) == [Solicit(IP4[1], MACS[1])]
    assert cache.expire(78.0) == [Unresolved(IP4[1], [])]


def test_advertisements_follow_rfc_4861() -> None:
    cache = NeighborCache()
    assert cache.confirm(IP6[1], MACS[1], 0.0) == []
    cache.hold(IP6[1], FRAME, 0.0)
    assert cache.confirm(IP6[1], None, 0.0) == []
    cache.confirm(IP6[1], MACS[1], 0.0, router=True)
    entry = cache.entries[IP6[1]]
    assert entry.router
    cache.confirm(IP6[1], MACS[0], 1.0, override=False)
    assert (entry.mac, entry.state) == (MACS[1], State.STALE)
    cache.confirm(IP6[1], MACS[0], 1.0, override=False)
    assert (entry.mac, entry.state) == (MACS[1], State.STALE)
    cache.confirm(IP6[1], MACS[0], 1.0, solicited=False)
    assert (entry.mac, entry.state) == (MACS[0], State.STALE)
    cache.confirm(IP6[1], MACS[0], 1.0, solicited=False)
    assert entry.state is State.STALE


def test_the_neighbor_cache_is_bounded() -> None:
    cache = NeighborCache()
    for number in range(MAX_ENTRIES + 10):
        cache.observe(number.to_bytes(4, "big"), MACS[1], 0.0)
    for _ in range(MAX_HELD + 5):
        cache.hold(IP4[1], FRAME, 0.0)
    assert len(cache.entries) == MAX_ENTRIES
    assert len(cache.entries[IP4[1]].held) == MAX_HELD
    assert len(cache.observe(IP4[1], MACS[1], 0.0)) == MAX_HELD
    assert cache.observe(IP4[1], MACS[1], 0.0) == []


# -- routes and path MTU ------------------------------------------------------------------------------


def test_the_longest_prefix_wins_then_the_metric() -> None:
    table = RouteTable()
    default = Route(ANY4, 0, "eth0", IP4[1])
    subnet = Route(IP4[0], 24, "eth0", source=IP4[0])
    worse = Route(IP4[0], 24, "eth1", metric=5)
    assert all(map(table.add, (default, worse, subnet)))
    assert not table.add(subnet)
    assert table.lookup(IP4[1]).interface == "eth0"
    assert table.lookup(IP4[1], "eth1").metric == 5
    assert table.lookup(parse_ip("8.8.8.8")).gateway == IP4[1]
    assert table.lookup(IP6[1]) is None
    assert table.remove(default)
    assert not table.remove(default)
    assert table.lookup(parse_ip("8.8.8.8")) is None


def test_the_route_cache_is_bounded() -> None:
    table = RouteTable([Route(ANY4, 0, "eth0")])
    for number in range(5000):
        assert table.lookup(number.to_bytes(4, "big"))


def test_path_mtus_shrink_are_floored_and_forgotten() -> None:
    known = PathMtu()
    assert known.learn(IP4[1], 1400, 1500, 0.0) == 1400
    assert known.learn(IP4[1], 1450, 1500, 0.0) is None
    assert known.lookup(IP4[1], 1500, 1.0) == 1400
    assert known.learn(IP4[1], 100, 1500, 1.0) == 552
    assert known.learn(IP6[1], 600, 1500, 1.0) == 1280
    assert known.lookup(IP4[1], 500, 2.0) == 500
    assert known.lookup(IP4[1], 1500, 700.0) == 1500
    assert known.lookup(IP4[1], 1500, 700.0) == 1500
    for number in range(4200):
        known.learn(number.to_bytes(4, "big"), 1000, 1500, 800.0)


# -- source addresses ---------------------------------------------------------------------------------


def addresses(*texts: str) -> list[Address]:
    return [Address(parse_ip(text.partition("/")[0]), int(text.partition("/")[2] or 64)) for text in texts]


@pytest.mark.parametrize(
    ("candidates", "destination", "chosen"),
    [
        # the examples of RFC 6724, 10.1
        (("2001:db8:1::1", "fe80::1"), "2001:db8:1::9", "2001:db8:1::1"),
        (("2001:db8:3::1", "fe80::1"), "2001:db8:1::1", "2001:db8:3::1"),
        (("fe80::1", "2001:db8:2::1"), "fe80::5", "fe80::1"),
        (("2001:db8:2::2", "fe80::1"), "ff02::1", "fe80::1"),
        (("2001:db8:1::1", "2001:db8:3::1"), "2001:db8:1::9", "2001:db8:1::1"),
        (("2002:c633:6401::1", "2001:db8:1::2"), "2002:c633:6401::9", "2002:c633:6401::1"),
        (("2001:db8:1::2", "2001:db8:1::9"), "2001:db8:1::9", "2001:db8:1::9"),
        (("10.0.0.1/24", "192.168.1.1/24"), "192.168.1.7", "192.168.1.1"),
        (("10.0.0.1/24", "192.168.1.1/24"), "8.8.8.8", "10.0.0.1"),
    ],
)
def test_sources_are_selected_by_rfc_6724(candidates, destination: str, chosen: str) -> None:
    target = parse_ip(destination)
    assert select(addresses(*candidates), target, target) == parse_ip(chosen)


def test_deprecated_and_tentative_sources() -> None:
    old, new, tentative = addresses("fd00::1", "fd00::2", "fd00::3")
    old.state, tentative.state = AddressState.DEPRECATED, AddressState.TENTATIVE
    assert select([old, new, tentative], parse_ip("fd00::9"), IP6[1]) == new.ip
    assert select([tentative], parse_ip("fd00::9"), IP6[1]) is None
    assert label(parse_ip("fec0::1")) == 11


# -- ports --------------------------------------------------------------------------------------------


def test_ephemeral_ports_differ_by_peer_and_run_out() -> None:
    ports = EphemeralPorts(b"secret", 100, 109)
    taken: set[int] = set()
    for _ in range(10):
        port = ports.choose(taken.__contains__, IP4[1], 80)
        taken.add(port)
    assert taken == set(range(100, 110))
    assert ports.choose(taken.__contains__, IP4[1], 80) is None


ANY = {4: ANY4, 6: ANY6}


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (Binding(IP4[0], 80), Binding(IP4[0], 80), True),
        (Binding(IP4[0], 80), Binding(IP4[1], 80), False),
        (Binding(ANY4, 80), Binding(IP4[0], 80), True),
        (Binding(ANY6, 80), Binding(IP4[0], 80), True),
        (Binding(IP4[0], 80), Binding(ANY6, 80), True),
        (Binding(ANY6, 80, v6only=True), Binding(ANY4, 80), False),
        (Binding(IP6[0], 80), Binding(ANY4, 80), False),
        (Binding(IP6[0], 80, unnamed=True), Binding(ANY4, 80), True),
        (Binding(IP6[0], 80, unnamed=True), Binding(ANY4, 80, mapped=True), False),
        (Binding(IP6[0], 80, unnamed=True), Binding(IP4[0], 80), False),
        (Binding(IP6[0], 80, v6only=True, unnamed=True), Binding(ANY4, 80), False),
        (Binding(IP4[0], 80, reuseaddr=True), Binding(IP4[0], 80, reuseaddr=True), False),
        (Binding(IP4[0], 80, reuseaddr=True), Binding(IP4[0], 80, reuseaddr=True, listening=True), False),
        (Binding(IP4[0], 80, reuseaddr=True, listening=True), Binding(IP4[0], 80, reuseaddr=True), True),
        (Binding(IP4[0], 80, reuseport=True), Binding(IP4[0], 80, reuseport=True, listening=True), False),
    ],
)
def test_port_conflicts(one: Binding, other: Binding, conflict: bool) -> None:
    table = PortTable()
    table.add(one)
    assert table.conflict(other) is conflict
    table.remove(one)
    assert not table.conflict(other)
    table.add(other)
    assert not table.conflict(other)


# -- groups -------------------------------------------------------------------------------------------

GROUP4, GROUP6 = parse_ip("239.1.1.1"), parse_ip("ff15::7")


def test_joins_are_counted_and_reported_twice() -> None:
    groups = Memberships(lambda: 0.5)
    assert groups.join(GROUP4, 0.0) == [Report(GROUP4, igmp.CHANGE_TO_EXCLUDE, 3)]
    assert groups.join(GROUP4, 0.0) == []
    assert groups.deadline() == 1.0
    assert groups.expire(1.0) == [Report(GROUP4, igmp.CHANGE_TO_EXCLUDE, 3)]
    assert groups.leave(GROUP4, 2.0) == []
    assert groups.leave(GROUP4, 2.0) == [Report(GROUP4, igmp.CHANGE_TO_INCLUDE, 3)]
    with pytest.raises(KeyError):
        groups.leave(GROUP4, 2.0)
    all_hosts = parse_ip("224.0.0.1")
    assert groups.join(all_hosts, 3.0) == groups.leave(all_hosts, 3.0) == []


def test_queries_are_answered_within_their_delay_in_their_version() -> None:
    groups = Memberships(lambda: 0.5)
    groups.join(GROUP4, 0.0)
    groups.join(GROUP6, 0.0)
    groups.expire(5.0)
    groups.query(igmp.Query(ANY4, 10.0, 2), 10.0)
    groups.query(igmp.Query(ANY4, 4.0, 2), 10.0)
    assert groups.deadline() == 12.0
    assert groups.expire(12.0) == [Report(GROUP4, igmp.IS_EXCLUDE, 2)]
    groups.query(mld.Query(GROUP6, 1.0, 1), 20.0)
    groups.query(mld.Query(parse_ip("ff15::8"), 1.0, 2), 20.0)
    assert groups.expire(21.0) == [Report(GROUP6, igmp.IS_EXCLUDE, 1)]
    groups.query(mld.Query(GROUP6, 1.0, 2), 500.0)
    assert groups.expire(501.0) == [Report(GROUP6, igmp.IS_EXCLUDE, 2)]


# -- autoconfiguration --------------------------------------------------------------------------------


class FakeLink:
    """Records what autoconfiguration wants."""

    def __init__(self) -> None:
        self.name, self.mac, self.mtu, self.hop_limit = "eth0", MACS[0], 1500, 64
        self.addresses: dict[bytes, Address] = {}
        self.routes: set[Route] = set()
        self.sent: list[tuple[bytes, bytes, int, bytes]] = []
        self.settled: list[tuple[bytes, AddressState]] = []
        self.autoconf = Autoconf(self)

    def send_icmp6(self, src, dst, kind, code, rest, body, now) -> None:
        self.sent.append((src, dst, kind, body))

    def add_address(self, address: bytes, length: int, now: float) -> Address:
        entry = self.addresses[address] = Address(address, length)
        self.autoconf.begin_dad(entry, now)
        return entry

    def remove_address(self, address: bytes, now: float) -> None:
        del self.addresses[address]
        self.autoconf.forget(address)

    def add_route(self, route: Route) -> None:
        self.routes.add(route)

    def remove_route(self, route: Route) -> None:
        self.routes.discard(route)

    def address_settled(self, address: bytes, state: AddressState, now: float) -> None:
        self.settled.append((address, state))


ROUTER = parse_ip("fe80::99")


def advert(
    *prefixes: ndp.Prefix, lifetime: int = 1800, hop_limit: int = 40, mtu: int | None = None
) -> ndp.RouterAdvert:
    return ndp.RouterAdvert(hop_limit, False, False, lifetime, 0, 0, None, mtu, prefixes, (IP6[1],))


def prefix(
    text: str = "fd01::", *, on_link: bool = True, auto: bool = True, valid: int = 3600, preferred: int = 1800
) -> ndp.Prefix:
    return ndp.Prefix(parse_ip(text), 64, on_link, auto, valid, preferred)


def test_duplicate_address_detection() -> None:
    link = FakeLink()
    address = link_local(MACS[0])
    entry = link.add_address(address, 64, 0.0)
    assert link.sent == [(ANY6, solicited_node(address), ndp.NEIGHBOR_SOLICIT, address)]
    assert entry.state is AddressState.TENTATIVE
    assert link.autoconf.deadline() == 1.0
    link.autoconf.expire(1.0)
    assert link.settled == [(address, AddressState.PREFERRED)]
    assert not link.autoconf.conflict(address, 2.0)
    other = link.add_address(IP6[0], 64, 2.0)
    assert link.autoconf.conflict(IP6[0], 2.5)
    assert other.state is AddressState.DUPLICATE


def test_routers_are_solicited_three_times_unless_one_answers() -> None:
    link = FakeLink()
    link.autoconf.start_router_discovery(0.0)
    for now in (0.0, 4.0, 8.0, 12.0):
        link.autoconf.expire(now)
    assert [entry[2] for entry in link.sent] == [ndp.ROUTER_SOLICIT] * 3
    assert link.sent[0][3] == b""
    link.addresses[ROUTER] = Address(ROUTER, 64)
    link.autoconf.start_router_discovery(20.0)
    link.autoconf.expire(20.0)
    assert link.sent[-1][3] == ndp.link_option(1, MACS[0])
    link.autoconf.advert(advert(), ROUTER, 21.0)
    link.autoconf.expire(24.0)
    assert len(link.sent) == 4


def test_an_advertisement_gives_route_prefix_mtu_and_hop_limit() -> None:
    link = FakeLink()
    link.autoconf.advert(advert(prefix(), mtu=1400), ROUTER, 0.0)
    assert Route(ANY6, 0, "eth0", ROUTER, metric=1024) in link.routes
    assert Route(parse_ip("fd01::"), 64, "eth0", metric=256) in link.routes
    assert (link.mtu, link.hop_limit, link.autoconf.dns) == (1400, 40, (IP6[1],))
    ours = parse_ip("fd01::ff:fe00:1")
    assert link.addresses[ours].valid_until == 3600.0
    link.autoconf.advert(advert(lifetime=0, hop_limit=0, mtu=900), ROUTER, 1.0)
    assert Route(ANY6, 0, "eth0", ROUTER, metric=1024) not in link.routes
    assert (link.mtu, link.hop_limit) == (1400, 40)
    link.autoconf.advert(advert(lifetime=0), ROUTER, 1.0)


def test_lifetimes_run_out_and_cannot_be_cut_short() -> None:
    link = FakeLink()
    link.autoconf.advert(advert(prefix(valid=10000, preferred=100)), ROUTER, 0.0)
    link.autoconf.expire(1.0)
    ours = link.addresses[parse_ip("fd01::ff:fe00:1")]
    assert link.autoconf.deadline() == 100.0, "it will be deprecated"
    link.autoconf.expire(100.0)
    assert ours.state is AddressState.DEPRECATED
    assert link.autoconf.deadline() == 1800.0, "the router's time; the address has longer"
    link.autoconf.advert(advert(prefix(valid=10, preferred=5)), ROUTER, 100.0)
    assert ours.valid_until == 100.0 + 7200
    assert ours.state is AddressState.PREFERRED
    link.autoconf.advert(advert(prefix(valid=10, preferred=0)), ROUTER, 100.0)
    assert ours.state is AddressState.DEPRECATED
    link.autoconf.expire(8000.0)
    assert not link.addresses
    assert not link.routes


def test_endless_lifetimes_and_prefixes_that_give_no_address() -> None:
    link = FakeLink()
    link.autoconf.advert(
        advert(prefix(valid=ndp.INFINITE, preferred=ndp.INFINITE), lifetime=ndp.INFINITE), ROUTER, 0.0
    )
    link.autoconf.expire(10.0)
    assert link.autoconf.deadline() is None
    assert len(link.addresses) == 1
    link.autoconf.advert(
        advert(
            prefix("fe80::"), prefix("ff05::"), prefix("fd02::", auto=False),
            prefix("fd03::", valid=0, preferred=0), prefix("fd04::", valid=5, preferred=9),
            prefix("fd05::")._replace(length=60), prefix("fd06::", on_link=False),
        ), ROUTER, 20.0,
    )  # fmt: skip
    assert sorted(link.addresses) == [parse_ip("fd01::ff:fe00:1"), parse_ip("fd06::ff:fe00:1")]
    assert Route(parse_ip("fd06::"), 64, "eth0", metric=256) not in link.routes
    link.autoconf.advert(advert(*(prefix(f"fd10:{n}::") for n in range(30))), ROUTER, 20.0)
    assert len(link.addresses) == 16


def test_a_host_may_refuse_advertisements() -> None:
    link = FakeLink()
    link.autoconf.accept_ra = False
    link.autoconf.advert(advert(prefix()), ROUTER, 0.0)
    assert not link.routes
