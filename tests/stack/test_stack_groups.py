"""Groups: memberships of sockets, and reports to routers by IGMP and MLD."""

import errno

from one_host import GROUP4, GROUP6, feed, parsed6, quiet_host, sent
from stack_net import IP4, IP6

from ptrace_net.stack import icmp, igmp, ipv4, ipv6, mld
from ptrace_net.stack.addresses import ALL_NODES6, ANY4, multicast_mac, parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.result import AGAIN, INVALID, NOT_AVAILABLE, Fail


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
