"""The neighbors of a host: ARP, NDP, duplicate addresses, routers and their redirects."""

import errno

from one_host import eth0, feed, parsed6, quiet_host, sent
from stack_net import IP4, IP6, MACS, make_host

from ptrace_net.stack import icmp, ipv6, ndp
from ptrace_net.stack.addresses import (
    ALL_NODES6,
    ANY4,
    ANY6,
    BROADCAST_MAC,
    link_local,
    multicast_mac,
    parse_ip,
    solicited_node,
)
from ptrace_net.stack.arp import ARPOP_REPLY, ARPOP_REQUEST, ArpPacket
from ptrace_net.stack.ethernet import ETH_P_ARP, ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.neighbor import State
from ptrace_net.stack.result import Fail
from ptrace_net.stack.source import AddressState


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
