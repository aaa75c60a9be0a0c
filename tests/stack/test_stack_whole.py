"""Packets that programs make whole, sums they ask for, and the gateway that turns back what is for others."""

import errno
from functools import partial

import pytest
from stack_net import IP4, IP6, MACS, Lab, pseudo_header, slow_checksum

from ptrace_net.stack import ethernet, icmp, ipv4, ipv6
from ptrace_net.stack.addresses import ANY4, ANY6, parse_ip
from ptrace_net.stack.ethernet import ETH_P_IP, ETH_P_IPV6
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.raw_socket import RawPacket, RawSocket
from ptrace_net.stack.result import FAULT, INVALID, TOO_BIG, Fail
from ptrace_net.stack.route import Route
from ptrace_net.stack.transit import turn_back

ADDRESSES = {4: IP4, 6: IP6}
FAR = {4: parse_ip("192.0.2.9"), 6: parse_ip("2001:db8::9")}
UNASSIGNED = 253  # RFC 3692: for experiments


def resolved(version: int) -> Lab:
    """Two hosts that know each other's link addresses."""
    lab = Lab.pair()
    for host, other in zip(lab.hosts, (1, 0), strict=True):
        eth0 = host.interfaces["eth0"]
        cache = eth0.neighbors4 if version == 4 else eth0.neighbors6
        cache.observe(ADDRESSES[version][other], MACS[other], lab.now)
    lab.settle()
    lab.log.clear()
    return lab


def taken(lab: Lab, raw: RawSocket) -> RawPacket:
    lab.settle()
    packet = raw.recv()
    assert not isinstance(packet, Fail), packet
    return packet


# -- a header of the program's (IP_HDRINCL) -------------------------------------------------------------


@pytest.mark.parametrize(("source", "ident"), [(ANY4, 0), (parse_ip("10.0.0.77"), 0x1234)])
def test_what_linux_fills_in_of_an_ipv4_header(source: bytes, ident: int) -> None:
    lab = resolved(4)
    receiver = lab.hosts[1].raw_socket(4, UNASSIGNED)
    packet = bytearray(ipv4.header(source, IP4[1], UNASSIGNED, 5, ident=ident, ttl=9) + b"whole")
    packet[2:4] = packet[10:12] = b"\xde\xad"
    sender = lab.hosts[0].raw_socket(4, 255)
    assert sender.send_whole(bytes(packet), IP4[1], lab.now) == 25
    got = taken(lab, receiver).data
    assert int.from_bytes(got[2:4], "big") == 25
    assert slow_checksum(got[:20]) == 0
    assert got[12:16] == (IP4[0] if source == ANY4 else source)
    assert (int.from_bytes(got[4:6], "big") == ident) is bool(ident)
    assert (got[8], got[20:]) == (9, b"whole")


def test_an_ipv6_header_goes_as_it_is() -> None:
    lab = resolved(6)
    receiver = lab.hosts[1].raw_socket(6, UNASSIGNED)
    packet = ipv6.header(IP6[0], IP6[1], UNASSIGNED, 5, hop_limit=9) + b"whole"
    assert lab.hosts[0].raw_socket(6, 255).send_whole(packet, IP6[1], lab.now) == 45
    got = taken(lab, receiver)
    assert (got.data, got.src, got.hop_limit) == (b"whole", IP6[0], 9)


def test_whole_packets_that_cannot_go() -> None:
    lab = resolved(4)
    sender = lab.hosts[0].raw_socket(4, 255)
    assert sender.send_whole(b"", IP4[1], lab.now) == INVALID
    assert sender.send_whole(b"\x4f" + bytes(30), IP4[1], lab.now) == INVALID, "a header of 60 bytes"
    assert sender.send_whole(b"\x44" + bytes(30), IP4[1], lab.now) == INVALID, "a header of 16 bytes"
    assert sender.send_whole(b"\x45" + bytes(1500), IP4[1], lab.now) == TOO_BIG
    assert sender.send_whole(b"\x45" + bytes(30), FAR[4], lab.now) == Fail(errno.ENETUNREACH)
    lab.settle()
    assert not lab.log


# -- IPV6_CHECKSUM --------------------------------------------------------------------------------------


def test_the_sum_that_ipv6_checksum_asks_for() -> None:
    """RFC 3542, 3.1: filled in on the way out, looked at on the way in."""
    lab = resolved(6)
    sender, strict, loose = (lab.hosts[at].raw_socket(6, UNASSIGNED) for at in (0, 1, 1))
    sender.checksum_at = strict.checksum_at = 2
    assert sender.send(b"ab\0\0cdefg", IP6[1], lab.now) == 9
    data = taken(lab, strict).data
    assert data[:2] + data[4:] == b"abcdefg"
    assert slow_checksum(pseudo_header(IP6[0], IP6[1], UNASSIGNED, 9) + data) == 0
    assert taken(lab, loose).data == data
    sender.checksum_at = -1
    sender.send(b"wrong sum", IP6[1], lab.now)
    assert taken(lab, loose).data == b"wrong sum"
    assert isinstance(strict.recv(), Fail)
    sender.checksum_at = 4
    assert sender.send(b"short", IP6[1], lab.now) == INVALID


@pytest.mark.parametrize(("protocol", "zero"), [(UNASSIGNED, b"\0\0"), (17, b"\xff\xff")])
def test_a_sum_of_zero(protocol: int, zero: bytes) -> None:
    """UDP means by it that there is none (RFC 8200, 8.1)."""
    lab = resolved(6)
    sender, receiver = (lab.hosts[at].raw_socket(6, protocol) for at in (0, 1))
    sender.checksum_at = 2
    sender.send(bytes(6), IP6[1], lab.now)
    first = taken(lab, receiver).data[2:4]
    sender.send(bytes(4) + first, IP6[1], lab.now)
    assert taken(lab, receiver).data == b"\0\0" + zero + first


@pytest.mark.parametrize("version", [4, 6])
def test_icmp_without_type_and_code(version: int) -> None:
    lab = resolved(version)
    sender = lab.hosts[0].raw_socket(version, 1 if version == 4 else 58)
    answers = [sender.send(bytes(size), ADDRESSES[version][1], lab.now) for size in range(5)]
    assert answers == [FAULT, FAULT, *((2, 3) if version == 4 else (INVALID, INVALID)), 4]


# -- what is said of packets that went out --------------------------------------------------------------


def test_errors_about_packets_of_raw_sockets() -> None:
    lab = resolved(4)
    sender, other = (lab.hosts[0].raw_socket(4, protocol) for protocol in (UNASSIGNED, 99))
    sender.send(b"nobody wants it", IP4[1], lab.now)
    lab.settle()
    [report] = sender.failures
    assert (report.errno, report.dst, report.offender) == (errno.ENOPROTOOPT, IP4[1], IP4[1])
    assert not other.failures


# -- a gateway that leads nowhere -----------------------------------------------------------------------


def passing(version: int, hops: int, dst: bytes) -> Frame:
    src = ADDRESSES[version][0]
    if version == 4:
        packet = ipv4.header(src, dst, UNASSIGNED, 4, ttl=hops) + b"data"
        return Frame(ethernet.header(MACS[1], MACS[0], ETH_P_IP) + packet)
    packet = ipv6.header(src, dst, UNASSIGNED, 4, hop_limit=hops) + b"data"
    return Frame(ethernet.header(MACS[1], MACS[0], ETH_P_IPV6) + packet)


@pytest.mark.parametrize(
    ("version", "hops", "kind", "code"),
    [
        (4, 1, icmp.ICMP_TIME_EXCEEDED, 0), (4, 2, icmp.ICMP_DEST_UNREACH, 13),
        (6, 1, icmp.ICMPV6_TIME_EXCEED, 0), (6, 2, icmp.ICMPV6_DEST_UNREACH, 1),
    ],
)  # fmt: skip
def test_a_gateway_answers_what_is_for_others(version: int, hops: int, kind: int, code: int) -> None:
    """RFC 1812, 5.2.7 and 5.3.1; a host says nothing, and nobody answers what is for a group."""
    lab = resolved(version)
    gateway, eth0 = lab.hosts[1], lab.hosts[1].interfaces["eth0"]
    lab.hosts[0].add_route(Route(ANY4 if version == 4 else ANY6, 0, "eth0", ADDRESSES[version][1]))
    dropped = eth0.counters.rx_dropped
    gateway.feed(eth0, passing(version, hops, FAR[version]), lab.now)
    assert eth0.counters.rx_dropped == dropped + 1
    gateway.transit = partial(turn_back, gateway)
    group = parse_ip("239.1.2.3" if version == 4 else "ff0e::1:2")
    gateway.feed(eth0, passing(version, hops, group), lab.now)
    assert eth0.counters.rx_dropped == dropped + 2
    listener = lab.hosts[0].raw_socket(version, icmp.IPPROTO_ICMP if version == 4 else icmp.IPPROTO_ICMPV6)
    gateway.feed(eth0, passing(version, hops, FAR[version]), lab.now)
    data = taken(lab, listener).data
    answer = data[20:] if version == 4 else data
    assert (answer[0], answer[1]) == (kind, code)
    assert answer[8:] == bytes(passing(version, hops, FAR[version]).data[14:])
    assert isinstance(listener.recv(), Fail)


def test_a_gateway_says_nothing_of_errors() -> None:
    lab = resolved(4)
    gateway = lab.hosts[1]
    gateway.transit = partial(turn_back, gateway)
    message = icmp.pack(IP4[0], FAR[4], icmp.ICMP_DEST_UNREACH, 1, 0, bytes(28))
    packet = ipv4.header(IP4[0], FAR[4], icmp.IPPROTO_ICMP, len(message)) + message
    gateway.feed(
        gateway.interfaces["eth0"], Frame(ethernet.header(MACS[1], MACS[0], ETH_P_IP) + packet), lab.now
    )
    lab.settle()
    assert not lab.log
