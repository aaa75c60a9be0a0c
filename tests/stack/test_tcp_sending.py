"""Sending TCP on the wire: Nagle, cork, small and closed windows, keep-alive; one segment at a time."""

import errno

from stack_net import flags_of
from tcp_peer import peer_with

from ptrace_net.stack.result import AGAIN, BROKEN_PIPE, Fail
from ptrace_net.stack.tcp import wakeups
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK, SYN
from ptrace_net.stack.tcp.socket import SHUT_WR
from ptrace_net.stack.tcp.states import State


def test_nagle_cork_and_nodelay() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(b"a")
    assert [bytes(r.payload) for r in peer.poll()] == [b"a"]
    handle.send(b"b")
    assert peer.poll() == []
    (sent,) = peer.send(ACK, 1, 2)
    assert bytes(sent.payload) == b"b"
    handle.set_nodelay(True)
    handle.send(b"c")
    assert [bytes(r.payload) for r in peer.poll()] == [b"c"]
    peer.send(ACK, 1, 4)
    handle.set_cork(True)
    handle.send(b"d")
    handle.send(b"e" * 1459)
    handle.send(b"f")
    assert [len(r.payload) for r in peer.poll()] == [1460]
    assert peer.send(ACK, 1, 1464) == []
    assert [bytes(r.payload) for r in peer.poll(0.21)] == [b"f"]
    peer.send(ACK, 1, 1465)
    handle.send(b"g")
    assert peer.poll() == []
    handle.set_cork(False)
    assert [bytes(r.payload) for r in peer.poll()] == [b"g"]
    handle.set_cork(True)
    handle.send(b"h")
    handle.shutdown(SHUT_WR, peer.now)
    assert [(flags_of([r]), bytes(r.payload)) for r in peer.poll()] == [("FA", b"h")]


def test_a_zero_window_is_probed_and_data_flows_when_it_opens() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK, 1, 1, window=0)
    handle.send(b"data")
    assert peer.poll() == []
    probes = 0
    for _ in range(60):
        for reply in peer.poll(5.0):
            assert (len(reply.payload), reply.seq) == (0, peer.their_isn)
            probes += 1
            peer.send(ACK, 1, 1, window=0)
    assert 4 < probes < 20
    assert handle.state is State.ESTABLISHED
    (data,) = peer.send(ACK, 1, 1, window=1000)
    assert bytes(data.payload) == b"data"


def test_a_zero_window_before_fin_is_probed() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK, 1, 1, window=0)
    handle.shutdown(SHUT_WR, peer.now)
    assert peer.poll() == []
    assert flags_of(peer.poll(2.0)) == "A"
    assert flags_of(peer.send(ACK, 1, 1, window=10)) == "FA"


def test_a_silent_peer_with_a_zero_window_is_given_up() -> None:
    peer = peer_with(TcpConfig(retries=3))
    handle = peer.open()
    peer.send(ACK, 1, 1, window=0)
    handle.send(b"data")
    for _ in range(100):
        peer.poll(5.0)
    assert handle.take_error() == Fail(errno.ETIMEDOUT)


def test_a_small_window_is_used_only_when_it_is_worth_it() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(bytes(3000))
    (first, second, third) = peer.poll()
    assert [len(first.payload), len(second.payload), len(third.payload)] == [1460, 1460, 80]
    assert peer.send(ACK, 1, 3001, window=100) == []
    handle.send(bytes(3000))
    assert peer.poll() == []
    (forced,) = peer.poll(2.0)
    assert len(forced.payload) == 100
    small = peer_with(window=500)
    handle = small.open()
    handle.send(bytes(3000))
    assert [len(r.payload) for r in small.poll()] == [500]


def test_acknowledgments_of_what_was_never_sent_are_answered() -> None:
    peer = peer_with()
    handle = peer.open()
    assert flags_of(peer.send(ACK, 1, 500, b"data")) == "A"
    assert handle.recv(10) == AGAIN
    assert peer.send(ACK, 1, -100_000) == []
    peer.now += 0.6
    assert flags_of(peer.send(ACK, 1, -100_000)) == "A"
    assert peer.send(ACK, 1, 0) == []


def test_challenges_are_limited() -> None:
    for limits, expected in ((TcpConfig(), 1), (TcpConfig(challenge_limit=3, invalid_ratelimit=0.0), 3)):
        peer = peer_with(limits)
        peer.open()
        answered = sum(len(peer.send(SYN, 5, 0)) for _ in range(10))
        assert answered == expected
        peer.now += 1
        assert len(peer.send(SYN, 5, 0)) == 1


def test_keepalive_probes_and_gives_up() -> None:
    config = TcpConfig(keepalive_time=10.0, keepalive_interval=2.0, keepalive_probes=2)
    peer = peer_with(config)
    handle = peer.open()
    handle.set_keepalive(True, peer.now)
    (probe,) = peer.poll(10.1)
    assert probe.seq == peer.their_isn
    peer.send(ACK, 1, 1)
    assert peer.poll(5.0) == []
    assert len(peer.poll(6.0)) == 1
    assert len(peer.poll(2.1)) == 1
    assert flags_of(peer.poll(2.1)) == "RA"
    assert handle.take_error() == Fail(errno.ETIMEDOUT)
    handle.set_keepalive(False, peer.now)


def test_keepalive_waits_while_data_is_in_flight_and_may_be_switched_off() -> None:
    peer = peer_with(TcpConfig(keepalive_time=0.1, keepalive_interval=0.05))
    handle = peer.open()
    handle.set_keepalive(True, peer.now)
    handle.send(b"data")
    assert all(len(reply.payload) for reply in peer.poll(0.12))
    peer.send(ACK, 1, 5)
    handle.set_keepalive(False, peer.now)
    assert peer.poll(1.0) == []
    fresh = peer.host.tcp_socket()
    fresh.set_keepalive(True, peer.now)
    fresh.set_nodelay(True)
    fresh.set_cork(True)
    fresh.set_rcvbuf(5000)
    fresh.set_sndbuf(5000)
    fresh.connect(peer.src, 1, peer.now)
    assert fresh.tcb.rcv.buffer.limit == fresh.tcb.snd.buffer.limit == 5000


def test_a_segment_waits_for_a_full_one_when_the_window_is_nearly_used() -> None:
    peer = peer_with(window=2000)
    handle = peer.open()
    handle.send(bytes(3000))
    assert [len(r.payload) for r in peer.poll()] == [1460]
    assert [len(r.payload) for r in peer.send(ACK, 1, 1461)] == [1540 - 80, 80][:2]


def test_fin_rides_on_the_last_data_or_goes_alone() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(b"bye")
    handle.shutdown(SHUT_WR, peer.now)
    (last,) = peer.poll()
    assert (flags_of([last]), bytes(last.payload)) == ("FA", b"bye")
    again = peer.poll(1.5)
    assert [(flags_of([r]), bytes(r.payload)) for r in again] == [("FA", b"bye")]
    assert handle.send(b"x") == BROKEN_PIPE


def test_shutdown_while_the_handshake_is_unfinished() -> None:
    peer = peer_with()
    handle = peer.connecting()
    peer.send(SYN, 0, 0)
    handle.shutdown(SHUT_WR, peer.now)
    assert flags_of(peer.poll()) == "FA"
    (syn_ack,) = [r for r in peer.poll(1.5) if r.flags & SYN]
    assert syn_ack.seq == peer.their_isn


def test_writability_comes_back_when_a_third_is_free() -> None:
    peer = peer_with(TcpConfig(sndbuf=3000))
    handle = peer.open()
    assert handle.send(bytes(5000)) == 3000
    assert handle.send(b"x") == AGAIN
    assert not handle.events() & wakeups.POLLOUT
    peer.poll()
    peer.host.take_events()
    peer.send(ACK, 1, 1461)
    assert (handle, wakeups.POLLOUT) in peer.host.take_events()
    assert handle.events() & wakeups.POLLOUT


def test_a_cork_does_not_open_a_closed_window() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.set_cork(True)
    handle.send(b"held")
    assert peer.poll() == []
    peer.send(ACK, 1, 1, window=0)
    assert all(not reply.payload for reply in peer.poll(0.3))
    assert [bytes(r.payload) for r in peer.send(ACK, 1, 1, window=100)] in ([], [b"held"])
    assert handle.state is State.ESTABLISHED
