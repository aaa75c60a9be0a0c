"""The host: ARP, NDP, ICMP, UDP, raw sockets, groups, routing, on a cable between two of them."""

import errno

import pytest
from stack_net import IP4, IP6, MACS, Lab, make_host

from ptrace_net.stack import ethernet, icmp, igmp, ipv4, ipv6, mld, ndp, udp
from ptrace_net.stack.addresses import (
    ALL_NODES6,
    ANY4,
    ANY6,
    BROADCAST4,
    BROADCAST_MAC,
    link_local,
    multicast_mac,
    parse_ip,
    solicited_node,
)
from ptrace_net.stack.arp import ARPOP_REPLY, ARPOP_REQUEST, ArpPacket
from ptrace_net.stack.ethernet import ETH_P_ARP, ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.host import Host
from ptrace_net.stack.icmp_errors import ErrorBudget
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.neighbor import State
from ptrace_net.stack.result import (
    AGAIN,
    IN_USE,
    INVALID,
    NO_DESTINATION,
    NO_ROUTE,
    NOT_AVAILABLE,
    TOO_BIG,
    Fail,
)
from ptrace_net.stack.route import Route
from ptrace_net.stack.source import AddressState
from ptrace_net.stack.tcp import wakeups
from ptrace_net.stack.udp_socket import Datagram, UdpSocket

GROUP4, GROUP6 = parse_ip("239.1.1.1"), parse_ip("ff15::7")


def eth0(host: Host) -> Interface:
    return host.interfaces["eth0"]


def feed(
    host: Host, payload: bytes, ethertype: int = ETH_P_IP, dst: bytes = MACS[0], now: float = 100.0
) -> None:
    eth = eth0(host)
    host.feed(eth, Frame(ethernet.header(dst, MACS[1], ethertype) + payload), now)


def sent(host: Host, now: float = 100.0) -> list[memoryview]:
    return [
        memoryview(f.data) for interface, frames in host.poll(now) for f in frames if interface.name == "eth0"
    ]


def quiet_host() -> Host:
    """A host that has said its announcements and knows its neighbor."""
    host = make_host(0)
    host.poll(99.0)
    for cache, address in ((eth0(host).neighbors4, IP4[1]), (eth0(host).neighbors6, IP6[1])):
        cache.reachable_time = 1e9
        cache.observe(address, MACS[1], 99.0)
        cache.confirm(address, MACS[1], 99.0)
    return host


# -- link ---------------------------------------------------------------------------------------------


def test_arp_requests_are_answered_and_learned_from() -> None:
    host = quiet_host()
    feed(
        host,
        ArpPacket(ARPOP_REQUEST, MACS[1], parse_ip("10.0.0.9"), bytes(6), IP4[0]).pack(),
        ETH_P_ARP,
        BROADCAST_MAC,
    )
    (reply,) = sent(host)
    assert bytes(reply[:6]) == MACS[1]
    assert ArpPacket(ARPOP_REPLY, MACS[0], IP4[0], MACS[1], parse_ip("10.0.0.9")).pack() == reply[14:]
    assert parse_ip("10.0.0.9") in eth0(host).neighbors4.entries
    for packet in (
        ArpPacket(ARPOP_REQUEST, MACS[1], parse_ip("10.0.0.8"), bytes(6), IP4[1]),
        ArpPacket(ARPOP_REQUEST, MACS[1], ANY4, bytes(6), IP4[1]),
        ArpPacket(ARPOP_REQUEST, MACS[0], IP4[0], bytes(6), IP4[0]),
        ArpPacket(9, MACS[1], IP4[1], bytes(6), IP4[0]),
    ):
        feed(host, packet.pack(), ETH_P_ARP, BROADCAST_MAC)
    assert sent(host) == []
    assert parse_ip("10.0.0.8") not in eth0(host).neighbors4.entries


def test_frames_wait_for_arp_and_fail_without_an_answer() -> None:
    host = make_host(0)
    host.poll(99.0)
    handle = host.udp_socket()
    handle.recverr = True
    handle.send(b"one", 100.0, (IP4[1], 9))
    handle.send(b"two", 100.0, (IP4[1], 9))
    (question,) = sent(host)
    assert bytes(question[:6]) == BROADCAST_MAC
    feed(host, ArpPacket(ARPOP_REPLY, MACS[1], IP4[1], MACS[0], IP4[0]).pack(), ETH_P_ARP)
    assert [bytes(frame[-3:]) for frame in sent(host)] == [b"one", b"two"]
    handle.send(b"lost", 100.0, (parse_ip("10.0.0.77"), 9))
    for second in range(6):
        host.poll(101.0 + second)
    assert handle.recv() == Fail(errno.EHOSTUNREACH)
    assert handle.errors[0].dst == parse_ip("10.0.0.77")


def test_stale_neighbors_are_asked_directly() -> None:
    host = make_host(0)
    host.poll(99.0)
    for cache, address in ((eth0(host).neighbors4, IP4[1]), (eth0(host).neighbors6, IP6[1])):
        cache.observe(address, MACS[1], 100.0)
        assert cache.resolve(address, 100.0) == MACS[1]
    probes = sent(host, 106.0)
    assert [bytes(frame[:6]) for frame in probes] == [MACS[1], MACS[1]]
    assert eth0(host).neighbors4.entries[IP4[1]].state is State.PROBE


def test_foreign_frames_and_unknown_types_are_dropped() -> None:
    host = quiet_host()
    feed(host, b"", ETH_P_IP, b"\x02\0\0\0\0\x77")
    feed(host, b"", 0x88CC, BROADCAST_MAC)
    host.feed(eth0(host), Frame(b"short"), 100.0)
    counters = eth0(host).counters
    assert (counters.rx_dropped, counters.rx_malformed, counters.rx_packets) == (2, 1, 3)


def solicit(src: bytes, dst: bytes, target: bytes, mac: bytes | None, hop_limit: int = 255) -> bytes:
    message = icmp.pack(src, dst, ndp.NEIGHBOR_SOLICIT, 0, 0, ndp.solicit_body(target, mac))
    return ipv6.header(src, dst, 58, len(message), hop_limit=hop_limit) + message


def advert(src: bytes, dst: bytes, target: bytes, mac: bytes, flags: int) -> bytes:
    message = icmp.pack(src, dst, ndp.NEIGHBOR_ADVERT, 0, flags, ndp.advert_body(target, mac))
    return ipv6.header(src, dst, 58, len(message), hop_limit=255) + message


def parsed6(frame: memoryview) -> tuple[ipv6.Ipv6Packet, icmp.IcmpMessage]:
    packet = ipv6.parse(frame[14:])
    return packet, icmp.parse(packet.raw[ipv6.walk(packet).offset :], packet.src, packet.dst)


def test_neighbor_solicitations_are_answered() -> None:
    host = quiet_host()
    group = solicited_node(IP6[0])
    feed(host, solicit(IP6[1], group, IP6[0], MACS[1]), ETH_P_IPV6, multicast_mac(group))
    packet, message = parsed6(sent(host)[0])
    assert (packet.dst, packet.hop_limit, message.type) == (IP6[1], 255, ndp.NEIGHBOR_ADVERT)
    assert message.rest == ndp.NA_SOLICITED | ndp.NA_OVERRIDE
    feed(host, solicit(ANY6, group, IP6[0], None), ETH_P_IPV6, multicast_mac(group))
    packet, message = parsed6(sent(host)[0])
    assert (packet.dst, message.rest) == (ALL_NODES6, ndp.NA_OVERRIDE)
    malformed = eth0(host).counters.rx_malformed
    feed(host, solicit(IP6[1], group, IP6[0], MACS[1], hop_limit=254), ETH_P_IPV6, multicast_mac(group))
    assert eth0(host).counters.rx_malformed == malformed + 1
    feed(host, solicit(IP6[1], IP6[0], IP6[1], MACS[1]), ETH_P_IPV6)
    assert sent(host) == []


def test_duplicate_address_detection_on_the_wire() -> None:
    host = make_host(0)
    eth = eth0(host)
    eth.dad = True
    local = link_local(MACS[0])
    entry = eth.add_address(local, 64, 100.0)
    messages = [parsed6(frame) for frame in sent(host) if bytes(frame[12:14]) == b"\x86\xdd"]
    (packet,) = [packet for packet, message in messages if message.type == ndp.NEIGHBOR_SOLICIT]
    assert (packet.src, packet.dst) == (ANY6, solicited_node(local))
    assert host.flow(IP6[1], 17, 100.0, src=None).src == IP6[0]
    group = solicited_node(local)
    feed(host, solicit(parse_ip("fd00::5"), group, local, MACS[1]), ETH_P_IPV6, multicast_mac(group))
    assert entry.state is AddressState.TENTATIVE
    feed(host, solicit(ANY6, group, local, None), ETH_P_IPV6, multicast_mac(group))
    assert entry.state is AddressState.DUPLICATE
    assert local not in host.local_addresses
    other = eth.add_address(parse_ip("fd00::77"), 64, 100.0)
    feed(host, advert(IP6[1], ALL_NODES6, other.ip, MACS[1], 0), ETH_P_IPV6, multicast_mac(ALL_NODES6))
    assert other.state is AddressState.DUPLICATE
    third = eth.add_address(parse_ip("fd00::78"), 64, 100.0)
    host.poll(101.5)
    assert third.state is AddressState.PREFERRED


def test_advertisements_release_waiting_frames() -> None:
    host = make_host(0)
    host.poll(99.0)
    handle = host.udp_socket(6)
    handle.send(b"data", 100.0, (IP6[1], 9))
    assert len(sent(host)) == 1
    feed(host, advert(IP6[1], IP6[0], IP6[1], MACS[1], ndp.NA_SOLICITED | ndp.NA_OVERRIDE), ETH_P_IPV6)
    assert bytes(sent(host)[0][-4:]) == b"data"
    feed(host, advert(IP6[1], IP6[0], IP6[1], MACS[1], ndp.NA_SOLICITED | ndp.NA_OVERRIDE), ETH_P_IPV6)
    assert sent(host) == []
    feed(
        host,
        advert(IP6[1], ALL_NODES6, IP6[1], MACS[1], ndp.NA_SOLICITED),
        ETH_P_IPV6,
        multicast_mac(ALL_NODES6),
    )
    assert eth0(host).counters.rx_malformed == 1


def router_message(kind: int, rest: int, body: bytes, src: bytes, dst: bytes = ALL_NODES6) -> bytes:
    message = icmp.pack(src, dst, kind, 0, rest, body)
    return ipv6.header(src, dst, 58, len(message), hop_limit=255) + message


def test_router_advertisements_and_redirects() -> None:
    host = quiet_host()
    router = parse_ip("fe80::99")
    body = bytes(8) + ndp.link_option(ndp.SOURCE_LINK, MACS[1])
    for src in (router, IP6[1]):
        feed(
            host,
            router_message(ndp.ROUTER_ADVERT, 40 << 24 | 1800, body, src),
            ETH_P_IPV6,
            multicast_mac(ALL_NODES6),
        )
    assert eth0(host).counters.rx_malformed == 1
    far = parse_ip("2001:db8::1")
    assert host.flow(far, 17, 100.0).next_hop == router
    better = parse_ip("fe80::98")
    redirect = better + far + ndp.link_option(ndp.TARGET_LINK, MACS[1])
    feed(host, router_message(ndp.REDIRECT, 0, redirect, IP6[1], IP6[0]), ETH_P_IPV6)
    assert host.flow(far, 17, 100.0).next_hop == router
    feed(host, router_message(ndp.REDIRECT, 0, redirect, router, IP6[0]), ETH_P_IPV6)
    assert host.flow(far, 17, 100.0).next_hop == better
    near = parse_ip("2001:db8::2")
    feed(host, router_message(ndp.REDIRECT, 0, near + near, router, IP6[0]), ETH_P_IPV6)
    assert host.flow(near, 17, 100.0).next_hop == near
    feed(
        host, router_message(ndp.ROUTER_ADVERT, 1800, bytes(8), router), ETH_P_IPV6, multicast_mac(ALL_NODES6)
    )
    feed(host, router_message(ndp.ROUTER_SOLICIT, 0, b"", router), ETH_P_IPV6, multicast_mac(ALL_NODES6))
    assert eth0(host).counters.rx_malformed == 2


# -- ICMP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [0, 56, 4000, 65000])
def test_ping(version: int, size: int) -> None:
    lab = Lab.pair()
    protocol, request, reply = (1, 8, 0) if version == 4 else (58, 128, 129)
    addresses = IP4 if version == 4 else IP6
    raw = lab.hosts[0].raw_socket(version, protocol)
    message = icmp.pack(addresses[0], addresses[1], request, 0, 0x12340001, bytes(size))
    assert raw.send(message, addresses[1], lab.now) == len(message)
    lab.settle()
    answers = []
    while not isinstance(packet := raw.recv(), Fail):
        answers.append(packet)
    body = answers[-1].data[20:] if version == 4 else answers[-1].data
    parsed = icmp.parse(memoryview(body), addresses[1], addresses[0])
    assert (parsed.type, parsed.rest, len(parsed.body)) == (reply, 0x12340001, size)


def test_pings_to_groups_and_from_nowhere() -> None:
    host = quiet_host()
    far = parse_ip("8.8.8.8")
    echo = icmp.pack(far, IP4[0], 8, 0, 1, b"")
    feed(host, ipv4.header(far, IP4[0], 1, len(echo)) + echo)
    echo4 = icmp.pack(IP4[1], BROADCAST4, 8, 0, 1, b"")
    feed(host, ipv4.header(IP4[1], BROADCAST4, 1, len(echo4)) + echo4, ETH_P_IP, BROADCAST_MAC)
    assert sent(host) == []
    local = parse_ip("fe80::5")
    eth0(host).neighbors6.observe(local, MACS[1], 100.0)
    eth0(host).add_address(link_local(MACS[0]), 64, 100.0)
    host.poll(100.0)
    echo6 = icmp.pack(local, ALL_NODES6, 128, 0, 1, b"")
    feed(host, ipv6.header(local, ALL_NODES6, 58, len(echo6)) + echo6, ETH_P_IPV6, multicast_mac(ALL_NODES6))
    packet, _message = parsed6(sent(host)[0])
    assert (packet.src, packet.dst) == (link_local(MACS[0]), local)


def test_unreachable_protocols_and_ports() -> None:
    host = quiet_host()
    feed(host, ipv4.header(*IP4[::-1], 99, 4) + b"data")
    packet = ipv4.parse(sent(host)[0][14:])
    message = icmp.parse(packet.payload, packet.src, packet.dst)
    assert (message.type, message.code) == (3, 2)
    feed(host, ipv6.header(*IP6[::-1], 99, 4) + b"data", ETH_P_IPV6)
    _packet, message = parsed6(sent(host)[0])
    assert (message.type, message.code, message.rest) == (4, 1, 6)
    feed(host, ipv6.header(*IP6[::-1], 59, 0), ETH_P_IPV6)
    head = udp.header(*IP6[::-1], 5, 9, b"")
    feed(host, ipv6.header(*IP6[::-1], 17, 8) + head, ETH_P_IPV6)
    _packet, message = parsed6(sent(host)[0])
    assert (message.type, message.code) == (1, 4)
    broadcast = udp.header(IP4[1], BROADCAST4, 5, 9, b"")
    feed(host, ipv4.header(IP4[1], BROADCAST4, 17, 8) + broadcast, ETH_P_IP, BROADCAST_MAC)
    feed(host, ipv4.header(ANY4, IP4[0], 99, 0))
    error = icmp.pack(*IP4[::-1], 3, 3, 0, b"")
    host.protocols.pop((4, 1))
    feed(host, ipv4.header(*IP4[::-1], 1, len(error)) + error)
    assert sent(host) == []


def test_icmp_errors_are_limited() -> None:
    host = quiet_host()
    for _ in range(80):
        feed(host, ipv4.header(*IP4[::-1], 99, 0))
    assert len(sent(host)) == 50
    budget = ErrorBudget()
    assert all(budget.allow(0.0) for _ in range(50))
    assert not budget.allow(0.0)
    assert budget.allow(0.01)


def test_parameter_problems_are_reported() -> None:
    host = quiet_host()
    option = bytes((17, 0, 0x80, 0, 0, 0, 0, 0))
    feed(host, ipv6.header(*IP6[::-1], 60, 8) + option, ETH_P_IPV6)
    _packet, message = parsed6(sent(host)[0])
    assert (message.type, message.code, message.rest) == (4, 2, 42)
    feed(host, ipv6.header(IP6[1], ALL_NODES6, 60, 8) + option, ETH_P_IPV6, multicast_mac(ALL_NODES6))
    _packet, message = parsed6(sent(host)[0])
    assert message.code == 2
    quiet = bytes((17, 0, 0xC0, 0, 0, 0, 0, 0))
    feed(host, ipv6.header(IP6[1], ALL_NODES6, 60, 8) + quiet, ETH_P_IPV6, multicast_mac(ALL_NODES6))
    feed(host, ipv6.header(ANY6, IP6[0], 60, 8) + option, ETH_P_IPV6)
    assert sent(host) == []


def error_about(version: int, kind: int, code: int, rest: int, quoted: bytes) -> bytes:
    ends = IP4[::-1] if version == 4 else IP6[::-1]
    message = icmp.error(*ends, kind, code, rest, quoted)
    if version == 4:
        return ipv4.header(*ends, 1, len(message)) + message
    return ipv6.header(*ends, 58, len(message)) + message


def test_errors_reach_udp_sockets() -> None:
    host = quiet_host()
    unconnected, connected = host.udp_socket(6), host.udp_socket(6)
    assert unconnected.bind(ANY6, 1000) is None
    assert connected.bind(IP6[0], 2000) is None
    assert connected.connect(IP6[1], 9, 100.0) is None
    for port in (1000, 2000, 3000):
        quoted = ipv6.header(*IP6, 17, 8) + port.to_bytes(2, "big") + (9).to_bytes(2, "big") + bytes(4)
        feed(host, error_about(6, 1, 4, 0, quoted), ETH_P_IPV6)
    assert unconnected.recv() == AGAIN
    assert (connected, wakeups.POLLERR) in host.take_events()
    assert connected.send(b"x", 100.0) == Fail(errno.ECONNREFUSED)
    assert connected.send(b"x", 100.0) == 1
    fragmented = ipv6.header(*IP6, 44, 16) + ipv6.fragment_header(17, 0, True, 1)
    fragmented += (2000).to_bytes(2, "big") + (9).to_bytes(2, "big") + bytes(4)
    feed(host, error_about(6, 2, 0, 1300, fragmented), ETH_P_IPV6)
    assert host.flow(IP6[1], 17, 100.0).mtu == 1300
    assert connected.recv() == AGAIN  # not fatal
    other_peer = fragmented[:-6] + (8).to_bytes(2, "big") + bytes(4)
    feed(host, error_about(6, 1, 4, 0, other_peer), ETH_P_IPV6)
    assert connected.recv() == AGAIN  # about somebody else's datagram
    connected.recverr = True
    feed(host, error_about(6, 2, 0, 1290, fragmented), ETH_P_IPV6)
    assert connected.recv() == Fail(errno.EMSGSIZE)
    assert connected.errors[0].info == 1290


def test_errors_that_are_not_ours_are_malformed_or_ignored() -> None:
    host = quiet_host()
    before = eth0(host).counters.rx_malformed
    feed(host, error_about(4, 3, 3, 0, ipv4.header(IP4[1], IP4[0], 17, 8) + bytes(8)))
    feed(host, error_about(4, 3, 3, 0, bytes(10)))
    feed(host, error_about(6, 1, 4, 0, bytes(10)), ETH_P_IPV6)
    feed(host, error_about(6, 1, 4, 0, ipv6.header(*IP6, 44, 8) + bytes(3)), ETH_P_IPV6)
    assert eth0(host).counters.rx_malformed == before + 4
    feed(host, error_about(4, 3, 3, 0, ipv4.header(*IP4, 17, 8)))
    feed(host, error_about(4, 3, 3, 0, ipv4.header(*IP4, 6, 8) + bytes(4)))
    feed(host, error_about(4, 3, 3, 0, ipv4.header(*IP4, 77, 8) + bytes(4)))
    feed(host, error_about(4, 4, 0, 0, ipv4.header(*IP4, 77, 8) + bytes(4)))
    feed(host, error_about(6, 77, 0, 0, ipv6.header(*IP6, 17, 8) + bytes(8)), ETH_P_IPV6)
    assert eth0(host).counters.rx_malformed == before + 4


def test_an_old_routers_too_big_message_uses_the_plateaus() -> None:
    host = quiet_host()
    feed(host, error_about(4, 3, 4, 0, ipv4.header(*IP4, 17, 1480) + bytes(8)))
    assert host.flow(IP4[1], 17, 100.0).mtu == 1492


# -- IP -----------------------------------------------------------------------------------------------


def test_martians_and_source_routes_are_malformed() -> None:
    host = quiet_host()
    for src in ("224.0.0.1", "255.255.255.255", "127.0.0.1"):
        feed(host, ipv4.header(parse_ip(src), IP4[0], 17, 0))
    feed(host, ipv6.header(ALL_NODES6, IP6[0], 17, 0), ETH_P_IPV6)
    feed(host, ipv4.header_with_options(IP4[1], IP4[0], 17, 0, b"\x83\x07\x04\x0a\0\0\x01\0"))
    assert eth0(host).counters.rx_malformed == 5
    dropped = eth0(host).counters.rx_dropped
    feed(host, ipv4.header(IP4[1], parse_ip("10.0.0.50"), 17, 0))
    feed(host, ipv4.header(IP4[1], parse_ip("127.0.0.1"), 17, 0))
    feed(host, ipv6.header(IP6[1], parse_ip("fd00::50"), 17, 0), ETH_P_IPV6)
    assert eth0(host).counters.rx_dropped == dropped + 3


def test_unfinished_datagrams_are_reported_when_their_time_is_over() -> None:
    host = quiet_host()
    feed(host, ipv4.header(*IP4[::-1], 17, 8, ident=7, fragment=ipv4.IP_MF) + bytes(8))
    feed(host, ipv6.header(*IP6[::-1], 44, 16) + ipv6.fragment_header(17, 0, True, 9) + bytes(8), ETH_P_IPV6)
    feed(host, ipv6.header(*IP6[::-1], 44, 16) + ipv6.fragment_header(17, 8, True, 10) + bytes(8), ETH_P_IPV6)
    assert host.deadline() <= 130.0
    (late4,) = sent(host, 131.0)
    assert icmp.parse(ipv4.parse(late4[14:]).payload, *IP4)[:2] == (11, 1)
    (late6,) = sent(host, 161.0)
    assert parsed6(late6)[1][:2] == (3, 1)


def test_an_atomic_fragment_is_whole() -> None:
    host = quiet_host()
    handle = host.udp_socket(6)
    handle.bind(IP6[0], 9)
    datagram = udp.header(*IP6[::-1], 5, 9, b"whole") + b"whole"
    packet = ipv6.fragment_header(17, 0, False, 9) + datagram
    feed(host, ipv6.header(*IP6[::-1], 44, len(packet)) + packet, ETH_P_IPV6)
    assert handle.recv().data == b"whole"


def test_routing() -> None:
    host = make_host(0)
    assert host.flow(parse_ip("8.8.8.8"), 17, 0.0) == NO_ROUTE
    assert host.add_route(Route(ANY4, 0, "eth0", IP4[1], mtu=1400))
    flow = host.flow(parse_ip("8.8.8.8"), 17, 0.0)
    assert (flow.next_hop, flow.src, flow.mtu) == (IP4[1], IP4[0], 1400)
    assert host.remove_route(Route(ANY4, 0, "eth0", IP4[1], mtu=1400))
    assert host.flow(ANY4, 17, 0.0).dst == parse_ip("127.0.0.1")
    assert host.flow(ANY6, 17, 0.0).dst == parse_ip("::1")
    assert host.flow(IP4[0], 17, 0.0).interface.name == "lo"
    assert host.flow(parse_ip("127.5.5.5"), 17, 0.0).src == parse_ip("127.5.5.5")
    assert host.flow(GROUP4, 17, 0.0).interface.name == "eth0"
    assert host.flow(BROADCAST4, 17, 0.0, interface="eth0").next_hop == BROADCAST4
    assert host.flow(GROUP4, 17, 0.0, interface="eth9") == NO_ROUTE
    eth0(host).up = False
    assert host.flow(IP4[1], 17, 0.0) == NO_ROUTE
    lonely = Host(bytes)
    assert lonely.flow(ANY4, 17, 0.0) == NO_ROUTE
    assert lonely.flow(GROUP4, 17, 0.0) == NO_ROUTE
    bare = lonely.add_interface("eth0", MACS[0])
    lonely.add_route(Route(ANY4, 0, "eth0"))
    assert lonely.flow(IP4[1], 17, 0.0) == NOT_AVAILABLE
    assert lonely.source_for(bare, IP4[1]) is None
    lonely.learn_path_mtu(IP4[1], 1000, 0.0)
    assert lonely.send_error(IP4[1], None, 3, 3, 0, memoryview(b""), 0.0) is None
    assert lonely.deadline() is None


def test_addresses_come_and_go() -> None:
    host = make_host(0)
    eth = eth0(host)
    eth.remove_address(IP4[0], 1.0)
    eth.remove_address(IP6[0], 1.0)
    assert not host.may_bind(IP4[0])
    assert not eth.is_broadcast(parse_ip("10.0.0.255"))
    assert host.flow(IP4[1], 17, 1.0) == NO_ROUTE
    eth.add_address(parse_ip("10.9.0.1"), 31, 1.0)
    eth.add_address(parse_ip("10.8.0.1"), 24, 1.0)
    eth.remove_address(parse_ip("10.9.0.1"), 1.0)
    assert eth.is_broadcast(parse_ip("10.8.0.255"))
    assert host.may_bind(parse_ip("127.3.3.3"))
    assert host.may_bind(GROUP6)


# -- UDP ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
def test_datagrams_with_their_circumstances(version: int) -> None:
    lab = Lab.pair()
    addresses = IP4 if version == 4 else IP6
    ours, theirs = (host.udp_socket(version) for host in lab.hosts)
    assert theirs.bind(addresses[1], 7) is None
    ours.ttl, ours.tos = 33, 0x10
    assert ours.send(bytearray(b"hello"), lab.now, (addresses[1], 7)) == 5
    lab.settle()
    got = theirs.recv()
    assert isinstance(got, Datagram)
    assert (got.data, got.src, got.dst, got.interface, got.hop_limit, got.tos) == (
        b"hello", addresses[0], addresses[1], "eth0", 33, 0x10,
    )  # fmt: skip
    assert theirs.recv() == AGAIN
    assert theirs.connect(got.src, got.src_port, lab.now) is None
    for _ in range(2):
        assert theirs.send(b"answer", lab.now) == 6
    lab.settle()
    assert ours.recv().data == b"answer"
    lab.hosts[1].generation += 1
    assert theirs.send(b"again", lab.now) == 5
    theirs.disconnect()
    assert theirs.send(b"x", lab.now) == NO_DESTINATION


def test_udp_refusals() -> None:
    host = make_host(0)
    handle = host.udp_socket()
    assert handle.send(bytes(66000), 1.0, (IP4[1], 7)) == TOO_BIG
    assert handle.send(b"x", 1.0, (parse_ip("8.8.8.8"), 7)) == NO_ROUTE
    assert handle.connect(parse_ip("8.8.8.8"), 7, 1.0) == NO_ROUTE
    assert handle.bind(IP4[0], 7) == INVALID
    other = host.udp_socket()
    assert other.bind(parse_ip("9.9.9.9"), 7) == NOT_AVAILABLE
    assert other.bind(IP4[0], handle.binding.port) == IN_USE
    host.ports.low = host.ports.high = handle.binding.port
    assert other.connect(IP4[1], 7, 1.0) == IN_USE
    assert host.udp.sockets.keys() == {handle.binding.port}
    assert other.send(b"x", 1.0, (IP4[1], 7)) == IN_USE
    other.freebind, other.dont_fragment = True, True
    assert other.bind(parse_ip("9.9.9.9"), 7) is None
    assert other.send(bytes(2000), 1.0, (IP4[1], 7), IP4[0]) == TOO_BIG
    wild, twin = host.udp_socket(), host.udp_socket()
    wild.reuseport = twin.reuseport = True
    assert wild.bind(ANY4, 9) is twin.bind(ANY4, 9) is None
    assert wild.connect(IP4[1], 7, 1.0) is None
    assert wild.binding.address == IP4[0]
    wild.close(1.0)
    assert host.udp.sockets[9] == [twin]
    handle.close(1.0)
    assert host.udp_socket().close(1.0) is None


def deliver(host: Host, src: bytes, dst: bytes, port: int, data: bytes = b"x", sport: int = 5000) -> None:
    body = udp.header(src, dst, sport, port, data) + data
    if len(src) == 4:
        mac = BROADCAST_MAC if dst[-1] == 255 else multicast_mac(dst) if dst[0] >= 224 else MACS[0]
        feed(host, ipv4.header(src, dst, 17, len(body)) + body, ETH_P_IP, mac)
    else:
        mac = multicast_mac(dst) if dst[0] == 255 else MACS[0]
        feed(host, ipv6.header(src, dst, 17, len(body)) + body, ETH_P_IPV6, mac)


def bound(host: Host, address: bytes, **fields: object) -> UdpSocket:
    handle = host.udp_socket(4 if len(address) == 4 else 6)
    for name, value in {"reuseport": True, **fields}.items():
        setattr(handle, name, value)
    assert handle.bind(address, 53) is None
    return handle


def test_the_best_socket_gets_the_datagram() -> None:
    host = quiet_host()
    wildcard, dual, exact = bound(host, ANY4), bound(host, ANY6, dual=True), bound(host, IP4[0])
    connected, elsewhere = bound(host, IP4[0]), bound(host, ANY4, interface="lo")
    assert connected.connect(IP4[1], 5000, 100.0) is None
    deliver(host, IP4[1], IP4[0], 53)
    deliver(host, IP4[1], IP4[0], 53, sport=6000)
    eth0(host).add_address(parse_ip("10.0.0.3"), 24, 100.0)
    deliver(host, IP4[1], parse_ip("10.0.0.3"), 53)
    deliver(host, IP6[1], IP6[0], 53)
    received = [s._queued // 257 for s in (connected, exact, wildcard, dual, elsewhere)]
    assert received == [1, 1, 1, 1, 0]
    device = bound(host, ANY4, interface="eth0")
    deliver(host, IP4[1], parse_ip("10.0.0.3"), 53)
    assert device.recv().data == b"x"
    v6only = bound(host, ANY6)
    deliver(host, IP4[1], parse_ip("10.0.0.3"), 53)
    assert v6only.recv() == AGAIN


def test_a_reuseport_group_shares_by_peer() -> None:
    host = quiet_host()
    group = [bound(host, IP4[0]) for _ in range(4)]
    for port in range(200):
        deliver(host, IP4[1], IP4[0], 53, sport=1000 + port)
    counts = [handle._queued // 257 for handle in group]
    assert sum(counts) == 200
    assert min(counts) > 20


def test_the_receive_buffer_bounds_the_queue() -> None:
    host = quiet_host()
    handle = bound(host, IP4[0], rcvbuf=1000)
    for _ in range(10):
        deliver(host, IP4[1], IP4[0], 53, bytes(400))
    assert handle.drops == 9
    assert len(handle.recv().data) == 400


def test_broadcasts_and_groups_go_to_every_listener() -> None:
    host = quiet_host()
    one, two, member = bound(host, ANY4), bound(host, ANY4), bound(host, ANY4)
    assert member.join(GROUP4, "eth0", 100.0) is None
    for dst in (parse_ip("10.0.0.255"), BROADCAST4, GROUP4):
        deliver(host, IP4[1], dst, 53)
    assert [handle._queued // 257 for handle in (one, two, member)] == [2, 2, 3]
    deliver(host, IP4[1], GROUP4, 54)
    assert host.udp.no_ports == 1


def test_memberships() -> None:
    host = quiet_host()
    handle = host.udp_socket()
    handle.bind(ANY4, 5353)
    assert handle.join(IP4[1], "eth0", 100.0) == INVALID
    assert handle.join(GROUP4, "eth7", 100.0) == Fail(errno.ENODEV)
    assert handle.join(GROUP4, "eth0", 100.0) is None
    assert handle.join(GROUP4, "eth0", 100.0) == Fail(errno.EADDRINUSE)
    assert handle.join(GROUP6, "eth0", 100.0) is None
    assert handle.join(GROUP4, "lo", 100.0) is None
    reports = sent(host)
    packet = ipv4.parse(reports[0][14:])
    assert (packet.dst, packet.ttl, packet.protocol) == (igmp.V3_ROUTERS, 1, 2)
    assert bytes(packet.payload[-4:]) == GROUP4
    packet6, message = parsed6(reports[1])
    assert (packet6.dst, packet6.hop_limit, message.type) == (mld.V2_ROUTERS, 1, mld.V2_REPORT)
    assert handle.send(b"to all", 100.0, (GROUP4, 5353)) == 6
    (frame,) = sent(host)
    assert bytes(frame[:6]) == multicast_mac(GROUP4)
    assert ipv4.parse(frame[14:]).ttl == 1
    assert handle.recv().data == b"to all"
    handle.multicast_loop = False
    handle.send(b"not to me", 100.0, (GROUP4, 5353))
    handle.multicast_loop = True
    handle.send(b"no member", 100.0, (parse_ip("239.9.9.9"), 5353))
    sent(host)
    assert handle.recv() == AGAIN
    assert handle.leave(parse_ip("239.9.9.9"), "eth0", 100.0) == NOT_AVAILABLE
    handle.close(100.0)
    assert len(sent(host)) == 2


def test_queries_are_answered_in_the_querys_version() -> None:
    host = quiet_host()
    handle = host.udp_socket()
    handle.join(GROUP4, "eth0", 100.0)
    handle.join(GROUP6, "eth0", 100.0)
    sent(host)
    sent(host, 102.0)
    query = igmp._with_sum(bytes((0x11, 10, 0, 0)) + bytes(4))
    head = ipv4.header_with_options(IP4[1], parse_ip("224.0.0.1"), 2, len(query), igmp.ROUTER_ALERT, ttl=1)
    feed(host, head + query, ETH_P_IP, multicast_mac(parse_ip("224.0.0.1")), 103.0)
    (report,) = sent(host, 105.0)
    assert ipv4.parse(report[14:]).dst == GROUP4
    handle.leave(GROUP4, "eth0", 105.0)
    (leave,) = sent(host, 105.0)
    assert ipv4.parse(leave[14:]).dst == igmp.ALL_ROUTERS
    router = parse_ip("fe80::1")
    for src in (router, IP6[1]):
        message = icmp.pack(src, ALL_NODES6, mld.QUERY, 0, 1000 << 16, bytes(16))
        feed(
            host,
            ipv6.header(src, ALL_NODES6, 58, len(message), hop_limit=1) + message,
            ETH_P_IPV6,
            multicast_mac(ALL_NODES6),
            105.0,
        )
    done = [parsed6(frame) for frame in sent(host, 107.0)]
    assert {message.type for _packet, message in done} == {mld.V1_REPORT}
    handle.leave(GROUP6, "eth0", 107.0)
    packet, message = parsed6(sent(host, 107.0)[0])
    assert (packet.dst, message.type) == (parse_ip("ff02::2"), mld.V1_DONE)
    other = igmp.v2_message(igmp.V2_REPORT, GROUP4)
    feed(
        host,
        ipv4.header(IP4[1], parse_ip("224.0.0.1"), 2, len(other)) + other,
        ETH_P_IP,
        multicast_mac(parse_ip("224.0.0.1")),
    )
    assert sent(host, 107.0) == []


# -- raw ----------------------------------------------------------------------------------------------


def test_raw_sockets_filter() -> None:
    host = quiet_host()
    plain, filtered, peer, local, device = (host.raw_socket(4, 1) for _ in range(5))
    other = host.raw_socket(4, 99)
    six = host.raw_socket(6, 58)
    filtered.icmp_filter = 1 << 8
    peer.peer, local.source, device.interface = parse_ip("10.0.0.77"), parse_ip("10.0.0.78"), "lo"
    echo = icmp.pack(*IP4[::-1], 8, 0, 1, b"")
    feed(host, ipv4.header(*IP4[::-1], 1, len(echo)) + echo)
    assert [isinstance(s.recv(), Fail) for s in (plain, filtered, peer, local, device, six)] == [
        False,
        *[True] * 5,
    ]
    assert len(sent(host)) == 1
    plain.rcvbuf = 10
    for _ in range(3):
        feed(host, ipv4.header(*IP4[::-1], 1, len(echo)) + echo)
    assert plain.drops == 2
    sent(host)
    feed(host, ipv4.header(*IP4[::-1], 99, 4) + b"data")
    assert other.recv().data[20:] == b"data"
    assert sent(host) == []
    other.close()
    assert plain.send(b"x", parse_ip("8.8.8.8"), 100.0) == NO_ROUTE
    assert plain.send(bytes(65530), IP4[1], 100.0) == TOO_BIG
    assert six.send(b"odd", IP6[1], 100.0) == 3
    assert plain.send(b"", IP4[1], 100.0) == 0
    feed(host, ipv4.header(*IP4[::-1], 1, 0))
    assert eth0(host).counters.rx_malformed == 1
