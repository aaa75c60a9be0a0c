"""The host: what IP takes in, routing, addresses, raw sockets."""

from one_host import GROUP4, GROUP6, eth0, feed, parsed6, quiet_host, sent
from stack_net import IP4, IP6, MACS, make_host

from ptrace_net.stack import icmp, ipv4, ipv6, udp
from ptrace_net.stack.addresses import ALL_NODES6, ANY4, ANY6, BROADCAST4, parse_ip
from ptrace_net.stack.ethernet import ETH_P_IPV6
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import FAULT, NO_ROUTE, NOT_AVAILABLE, TOO_BIG, Fail
from ptrace_net.stack.route import Route


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
    assert six.send(b"odd!", IP6[1], 100.0) == 4
    assert plain.send(b"", IP4[1], 100.0) == FAULT
    feed(host, ipv4.header(*IP4[::-1], 1, 0))
    assert eth0(host).counters.rx_malformed == 1
