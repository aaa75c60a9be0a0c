"""UDP: datagrams with their circumstances, refusals, and which socket gets what."""

import pytest
from one_host import GROUP4, eth0, feed, quiet_host
from stack_net import IP4, IP6, MACS, Lab, make_host

from ptrace_net.stack import ipv4, ipv6, udp
from ptrace_net.stack.addresses import ANY4, ANY6, BROADCAST4, BROADCAST_MAC, multicast_mac, parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import AGAIN, IN_USE, INVALID, NO_DESTINATION, NO_ROUTE, NOT_AVAILABLE, TOO_BIG
from ptrace_net.stack.udp_socket import Datagram, UdpSocket


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
