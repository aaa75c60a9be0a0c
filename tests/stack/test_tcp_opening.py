"""Opening TCP connections on the wire: SYN and SYN,ACK, their queues and cookies; one segment at a time."""

import errno

import pytest
from stack_net import IP4, Lab, Peer, flags_of, make_host
from tcp_peer import peer_with, timestamped

from ptrace_net.stack.result import AGAIN, Fail
from ptrace_net.stack.tcp import options, wakeups
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, RST, SYN
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket
from ptrace_net.stack.tcp.states import State


def test_a_syn_is_repeated_with_backoff_and_given_up() -> None:
    peer = peer_with()
    handle = peer.connecting()
    start = peer.now
    times = []
    while handle.state is State.SYN_SENT:
        peer.now = peer.host.deadline() or peer.now
        times += [peer.now - start for reply in peer.poll() if flags_of([reply]) == "S"]
    assert times == pytest.approx([1, 3, 7, 15, 31, 63])
    assert handle.take_error() == Fail(errno.ETIMEDOUT)


def test_a_refused_connection() -> None:
    peer = peer_with()
    handle = peer.connecting()
    assert peer.send(RST, 0, 0) == []
    assert peer.send(RST | ACK, 0, 5) == []
    assert flags_of(peer.send(ACK, 0, 5)) == "R"
    assert peer.send(ACK, 0, 1) == []
    assert handle.state is State.SYN_SENT
    peer.send(RST | ACK, 0, 1)
    assert handle.send(b"x") == Fail(errno.ECONNREFUSED)
    assert handle.recv(1) == b""
    assert handle.events() & wakeups.POLLHUP


def test_data_and_fin_may_come_with_the_syn_ack() -> None:
    peer = peer_with()
    handle = peer.connecting()
    peer.send(SYN | ACK | FIN, 0, 1, b"early")
    assert handle.recv(10) == b"early"
    assert handle.recv(10) == b""
    assert handle.state is State.CLOSE_WAIT


def test_the_syn_ack_is_repeated_for_a_repeated_syn_and_by_time() -> None:
    peer = peer_with()
    peer.listen()
    (first,) = peer.send(SYN, 0, 0)
    (second,) = peer.send(SYN, 0, 0)
    assert first == second
    (third,) = peer.poll(1.1)
    assert third.seq == first.seq
    peer.their_isn = first.seq
    assert flags_of(peer.send(ACK, 1, 77)) == "R"
    assert flags_of(peer.send(ACK, 1 + 70000, 1)) == "A"


def test_a_handshake_that_is_never_finished_is_forgotten() -> None:
    peer = peer_with()
    listener = peer.listen()
    peer.send(SYN, 0, 0)
    for _ in range(20):
        peer.poll(40.0)
    assert not listener.listener.handshakes
    assert not peer.host.tcp.connections


def test_a_reset_ends_a_handshake() -> None:
    peer = peer_with()
    listener = peer.listen()
    peer.send(SYN, 0, 0)
    peer.send(RST, 1, 0)
    assert not listener.listener.handshakes


def test_options_are_negotiated() -> None:
    peer = peer_with(ts=5000)
    peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options(1000, sack=True, wscale=3))
    found = syn_ack.options
    assert (found.mss, found.wscale, found.sack_permitted, found.ts_ecr) == (1460, 7, True, 5000)
    plain = peer_with(TcpConfig(window_scaling=False, timestamps=False, sack=False), ts=5000)
    plain.listen()
    (syn_ack,) = plain.send(SYN, 0, 0, opts=plain.syn_options(1000, sack=True, wscale=3))
    found = syn_ack.options
    assert (found.mss, found.wscale, found.sack_permitted, found.ts_val) == (1460, None, False, None)


def test_the_accept_queue_is_bounded() -> None:
    lab = Lab.pair(config=TcpConfig(syn_cookies=False))
    listener = lab.hosts[1].tcp_socket()
    listener.bind(IP4[1], 80)
    listener.listen(1)
    clients = [lab.hosts[0].tcp_socket() for _ in range(6)]
    for client in clients:
        client.connect(IP4[1], 80, lab.now)
    lab.settle()
    assert len(listener.listener.ready) == 2
    assert lab.hosts[1].take_events()[0] == (listener, wakeups.POLLIN)
    assert listener.events() == wakeups.POLLIN
    for _ in range(6):
        lab.wait(lambda: listener.listener.ready, 100)
        assert isinstance(listener.accept(), TcpSocket)
    assert listener.accept() == AGAIN


def test_a_full_syn_queue_drops_without_cookies() -> None:
    peer = peer_with(TcpConfig(syn_cookies=False, max_syn_backlog=4))
    listener = peer.listen()
    for port in range(10):
        peer.peer_port = 5000 + port
        peer.send(SYN, 0, 0)
    assert len(listener.listener.handshakes) == 4
    assert listener.listener.overflows == 6


@pytest.mark.parametrize("ts", [None, 77_000])
def test_a_full_syn_queue_answers_with_cookies(ts: int | None) -> None:
    peer = peer_with(TcpConfig(max_syn_backlog=1), ts=ts)
    listener = peer.listen(1)
    peer.send(SYN, 0, 0)
    peer.peer_port = 5001
    peer.send(SYN, 0, 0)
    for port in range(7):
        peer.peer_port = 6000 + port
        peer.send(SYN, 0, 0)
    peer.peer_port = 5500
    (cookie,) = peer.send(SYN, 0, 0, opts=peer.syn_options(1400, sack=True, wscale=4))
    assert flags_of([cookie]) == "SA"
    assert cookie.options.sack_permitted is (ts is not None)
    assert len(listener.listener.handshakes) <= 8
    peer.their_isn = cookie.seq
    echo = options.pack_timestamps(ts + 5, cookie.options.ts_val) if ts else b""
    assert flags_of(peer.send(ACK, 1, 99, opts=echo)) == "R"
    peer.send(ACK | PSH, 1, 1, b"hello", opts=echo)
    handle = listener.accept()
    assert isinstance(handle, TcpSocket)
    assert handle.recv(10) == b"hello"
    assert handle.tcb.snd.peer_mss in (1300, 536, 1220)
    assert handle.tcb.snd.wscale == (4 if ts else -1)
    statistics = peer.host.tcp.statistics
    assert (statistics.cookies_received, statistics.cookies_failed) == (1, 1)


def test_cookies_respect_the_accept_queue() -> None:
    peer = peer_with(TcpConfig(max_syn_backlog=0))
    listener = peer.listen(0)
    answers = {}
    for port in (5000, 5001):
        peer.peer_port = port
        (answers[port],) = peer.send(SYN, 0, 0)
    for port, answer in answers.items():
        peer.peer_port, peer.their_isn = port, answer.seq
        peer.send(ACK, 1, 1)
    assert len(listener.listener.ready) == 1
    assert listener.listener.overflows == 1


def test_closing_a_listener_resets_what_nobody_accepted() -> None:
    peer = peer_with()
    listener = peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0)
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1)
    listener.close(peer.now)
    assert flags_of(peer.poll()) == "RA"
    assert flags_of(peer.send(SYN, 0, 0)) == "RA"


def test_a_listener_of_a_group_may_leave() -> None:
    host = make_host(0)
    group = [host.tcp_socket() for _ in range(2)]
    for handle in group:
        handle.reuseport = True
        assert handle.bind(IP4[0], 80) is None
        assert handle.listen(1) is None
    group[0].close(1.0)
    assert host.tcp.listeners == {(IP4[0], 80): [group[1].listener]}
    group[1].close(1.0)
    assert not host.tcp.listeners


def test_a_syn_with_fin_is_ignored() -> None:
    peer = peer_with()
    listener = peer.listen()
    assert peer.send(SYN | FIN, 0, 0) == []
    assert not listener.listener.handshakes


def test_a_newer_timestamp_reopens_time_wait() -> None:
    for ts_val, flags in ((6000, "SA"), (4000, "A")):
        peer = peer_with(ts=5000)
        handle = timestamped(peer)
        tcb = handle.tcb
        handle.shutdown(SHUT_WR, peer.now)
        peer.poll()
        peer.send(ACK | FIN, 1, 2, opts=options.pack_timestamps(5003, 1))
        assert tcb.state is State.TIME_WAIT
        peer.listen()
        replies = peer.send(SYN, -1000, 0, opts=options.pack_syn(options.Options(1460, ts_val=ts_val)))
        assert flags_of(replies) == flags


def test_a_listener_whose_owner_is_gone_refuses() -> None:
    """Asked when a SYN comes: the owner gives the listener up, and the next one, or nobody, has the port."""
    peer = Peer(make_host(0))
    listener = peer.listen()
    asked = []

    def gone() -> bool:
        asked.append(listener.state)
        listener.close(peer.now)
        return True

    listener.listener.gone = gone
    replies = peer.send(SYN, 0, 0)
    assert [reply.flags & RST for reply in replies] == [RST]
    assert len(asked) == 1
