"""ICMP: echoes, errors that a host sends, and those that reach its sockets."""

import errno

import pytest
from one_host import eth0, feed, parsed6, quiet_host, sent
from stack_net import IP4, IP6, MACS, Lab

from ptrace_net.stack import icmp, ipv4, ipv6, udp
from ptrace_net.stack.addresses import (
    ALL_NODES6,
    ANY4,
    ANY6,
    BROADCAST4,
    BROADCAST_MAC,
    link_local,
    multicast_mac,
    parse_ip,
)
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.icmp_errors import ErrorBudget
from ptrace_net.stack.result import AGAIN, Fail
from ptrace_net.stack.tcp import wakeups


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
    assert connected.recv() == Fail(errno.EMSGSIZE)
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
