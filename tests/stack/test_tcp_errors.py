"""ICMP errors about TCP segments, and path MTU."""

import errno

import pytest
from stack_net import Lab, Peer, make_host
from tcp_peer import icmp_about, peer_with

from ptrace_net.stack import icmp
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import SYN
from ptrace_net.stack.tcp.states import State


@pytest.mark.parametrize(("code", "number"), [(1, errno.EHOSTUNREACH), (3, errno.ECONNREFUSED)])
def test_icmp_ends_a_connection_attempt(code: int, number: int) -> None:
    peer = peer_with()
    handle = peer.connecting()
    handle.recverr = True
    icmp_about(peer, 3, code, 0, peer.their_isn + 5000)
    assert handle.state is State.SYN_SENT
    icmp_about(peer, 3, code, 0, peer.their_isn)
    assert handle.take_error() == Fail(number)
    assert [report.errno for report in handle.errors] == [number]
    icmp_about(peer, 3, code, 0, peer.their_isn)


@pytest.mark.parametrize(
    ("version", "kind", "code", "ends"),
    [(4, 3, 1, True), (4, 3, 3, False), (4, 11, 0, True), (6, 1, 3, False), (6, 1, 4, True),
     (6, 3, 0, False)],
)
def test_icmp_ends_a_handshake_that_the_peer_has_begun(
    version: int, kind: int, code: int, ends: bool
) -> None:
    peer = peer_with(version=version)
    listener = peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0)
    icmp_about(peer, kind, code, 0, syn_ack.seq + 1)  # not about the SYN-ACK
    assert listener.listener.handshakes
    icmp_about(peer, kind, code, 0, syn_ack.seq)
    assert bool(listener.listener.handshakes) != ends


def test_icmp_ends_a_simultaneous_open() -> None:
    peer = peer_with()
    handle = peer.connecting()
    (syn_ack,) = peer.send(SYN, 0, 0)
    assert handle.state is State.SYN_RECEIVED
    icmp_about(peer, 3, 1, 0, syn_ack.seq)
    assert handle.take_error() == Fail(errno.EHOSTUNREACH)


def test_icmp_is_a_hint_for_an_established_connection() -> None:
    peer = peer_with(TcpConfig(retries=2))
    handle = peer.open()
    handle.send(b"data")
    peer.poll()
    icmp_about(peer, 3, 3, 0, peer.their_isn + 1)
    assert handle.state is State.ESTABLISHED
    for _ in range(20):
        peer.poll(1.0)
    assert handle.take_error() == Fail(errno.ECONNREFUSED)


def test_a_smaller_path_mtu_cuts_segments_and_resends() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(bytes(4000))
    assert [len(r.payload) for r in peer.poll()] == [1460, 1460, 1080]
    icmp_about(peer, 3, 4, 1000, peer.their_isn + 1)
    icmp_about(peer, 3, 4, 1400, peer.their_isn + 1)
    resent = peer.poll()
    assert resent[0].seq == peer.their_isn + 1
    assert {len(r.payload) for r in resent} <= {960, 160, 0}
    assert handle.info(peer.now).tcpi_pmtu == 1000
    connecting = Peer(make_host(0))
    client = connecting.connecting()
    icmp_about(connecting, 3, 4, 1200, connecting.their_isn)
    assert client.tcb.flow.mtu == 1200


def test_a_smaller_path_mtu_of_ipv6_is_no_less_than_1280() -> None:
    peer = peer_with(version=6)
    handle = peer.open()
    handle.send(bytes(4000))
    assert [len(r.payload) for r in peer.poll()] == [1440, 1440, 1120]
    icmp_about(peer, icmp.ICMPV6_PKT_TOOBIG, 0, 1400, peer.their_isn - 5)  # of no segment in flight
    assert handle.info(peer.now).tcpi_pmtu == 1500
    icmp_about(peer, icmp.ICMPV6_PKT_TOOBIG, 0, 600, peer.their_isn + 1)
    assert handle.info(peer.now).tcpi_pmtu == 1280
    resent = peer.poll()
    assert resent[0].seq == peer.their_isn + 1
    assert {len(r.payload) for r in resent} == {1220, 340}


def test_nobody_there_is_host_unreachable() -> None:
    lab = Lab.pair()
    client = lab.hosts[0].tcp_socket()
    client.connect(parse_ip("10.0.0.99"), 80, lab.now)
    lab.sleep(4.0)
    assert client.take_error() == Fail(errno.EHOSTUNREACH)
    six = lab.hosts[0].tcp_socket(6)
    six.connect(parse_ip("fd00::99"), 80, lab.now)
    lab.sleep(4.0)
    assert six.take_error() == Fail(errno.EHOSTUNREACH)
