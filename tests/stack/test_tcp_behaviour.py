"""What TCP does on the wire: windows, timers, loss, options, cookies, errors; one segment at a time."""

import errno
import itertools

import pytest
from stack_net import IP4, MACS, Lab, Peer, flags_of, make_host, pump

from ptrace_net.stack import ethernet, icmp, ipv4
from ptrace_net.stack.addresses import ANY4, ANY6, parse_ip
from ptrace_net.stack.frame import FULL_OFFLOAD, Frame
from ptrace_net.stack.result import AGAIN, BROKEN_PIPE, IN_PROGRESS, IN_USE, INVALID, NOT_CONNECTED, Fail
from ptrace_net.stack.tcp import options, wakeups
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, RST, SYN
from ptrace_net.stack.tcp.socket import SHUT_RD, SHUT_RDWR, SHUT_WR, TcpSocket
from ptrace_net.stack.tcp.states import State


def peer_with(config: TcpConfig | None = None, **fields: object) -> Peer:
    return Peer(make_host(0, config=config), **fields)


# -- opening ------------------------------------------------------------------------------------------


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


# -- receiving ----------------------------------------------------------------------------------------


def test_data_out_of_order_is_sacked_and_put_in_order() -> None:
    peer = peer_with()
    handle = peer.open(peer.syn_options(sack=True))
    (dup,) = peer.send(ACK, 6, 1, b"world")
    assert dup.ack - peer.their_isn != 0
    assert [(a - peer.isn, b - peer.isn) for a, b in dup.options.sack] == [(6, 11)]
    (dup,) = peer.send(ACK, 20, 1, b"later")
    assert [(a - peer.isn, b - peer.isn) for a, b in dup.options.sack] == [(20, 25), (6, 11)]
    assert handle.recv(100) == AGAIN
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 11
    assert handle.recv(100) == b"helloworld"
    assert handle.readable_bytes() == 0


def test_overlaps_and_duplicates_change_nothing() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK, 1, 1, b"hello")
    (again,) = peer.send(ACK, 1, 1, b"HELLO")
    assert again.ack == peer.isn + 6
    peer.send(ACK, 3, 1, b"LLO world")
    assert handle.recv(100, peek=True) == b"hello world"
    assert handle.recv(5) == b"hello"
    assert handle.recv(100) == b" world"


def test_a_fin_out_of_order_waits_for_its_data() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK | FIN, 6, 1, b"world")
    assert handle.state is State.ESTABLISHED
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 12
    assert (handle.recv(100), handle.recv(100)) == (b"helloworld", b"")
    assert handle.state is State.CLOSE_WAIT


def test_a_bare_fin_ahead_of_data_is_acknowledged_at_once() -> None:
    peer = peer_with()
    peer.open()
    assert flags_of(peer.send(ACK | FIN, 6, 1)) == "A"


def test_acknowledgments_are_delayed_after_the_start() -> None:
    peer = peer_with(TcpConfig(quick_acks=2))
    peer.open()
    assert flags_of(peer.send(ACK, 1, 1, b"a")) == "A"
    assert flags_of(peer.send(ACK, 2, 1, b"b")) == "A"
    assert peer.send(ACK, 3, 1, b"c") == []
    assert peer.send(ACK, 4, 1, b"d") == []
    assert flags_of(peer.poll(0.041)) == "A"
    assert flags_of(peer.send(ACK, 5, 1, bytes(2920))) == "A"


def test_the_window_closes_and_opens_again() -> None:
    peer = peer_with(TcpConfig(rcvbuf=4000, window_scaling=False))
    handle = peer.open()
    (ack,) = peer.send(ACK, 1, 1, bytes(4000))
    assert ack.window == 0
    (ack,) = peer.send(ACK, 4001, 1, b"beyond")
    assert (ack.ack - peer.isn, ack.window) == (4001, 0)
    assert len(handle.recv(10)) == 10
    assert peer.poll() == []
    assert len(handle.recv(4000)) == 3990
    (update,) = peer.poll()
    assert update.window == 4000


def test_what_reaches_beyond_the_window_is_cut() -> None:
    peer = peer_with(TcpConfig(rcvbuf=1000, window_scaling=False))
    handle = peer.open()
    peer.send(ACK, 1, 1, bytes(600) + b"x" * 900)
    assert len(handle.recv(5000)) == 1000
    peer.send(ACK, 2400, 1, bytes(5))
    assert handle.recv(10) == AGAIN


def test_paws_drops_what_is_older_than_the_last_timestamp() -> None:
    peer = peer_with(ts=5000)
    peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1, opts=options.pack_timestamps(5001, syn_ack.options.ts_val))
    (tcb,) = peer.host.tcp.connections.values()
    assert flags_of(peer.send(ACK, 1, 1, b"old", opts=options.pack_timestamps(4000, 0))) == "A"
    assert tcb.rcv.nxt == peer.isn + 1
    peer.send(RST, 1, 0, opts=options.pack_timestamps(4000, 0))
    assert tcb.state is State.CLOSED


def test_shutdown_for_reading_discards() -> None:
    peer = peer_with()
    handle = peer.open()
    assert handle.shutdown(SHUT_RD, peer.now) is None
    assert handle.recv(10) == b""
    peer.send(ACK, 6, 1, b"world")
    (ack,) = peer.send(ACK, 1, 1, b"hello")
    assert ack.ack == peer.isn + 11
    assert handle.recv(10) == b""


def test_a_segment_without_ack_is_dropped() -> None:
    peer = peer_with()
    handle = peer.open()
    assert peer.send(PSH, 1, 0, b"data") == []
    assert handle.recv(10) == AGAIN


# -- sending ------------------------------------------------------------------------------------------


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


def test_the_retransmission_timer_backs_off_and_gives_up() -> None:
    peer = peer_with(TcpConfig(retries=4))
    handle = peer.open()
    handle.send(b"data")
    (_first,) = peer.poll()
    times = []
    start = peer.now
    while handle.state is not State.CLOSED:
        peer.now = peer.host.deadline() or peer.now
        for reply in peer.poll():
            assert bytes(reply.payload) == b"data"
            times.append(peer.now - start)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) == 4
    assert gaps == sorted(gaps)
    assert handle.recv(1) == Fail(errno.ETIMEDOUT)
    assert handle.recv(1) == b""
    assert handle.send(b"x") == BROKEN_PIPE


def test_user_timeout_is_shorter() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.opts.user_timeout = 3.0
    handle.send(b"data")
    peer.poll()
    for _ in range(8):
        peer.poll(1.0)
    assert handle.take_error() == Fail(errno.ETIMEDOUT)


def test_three_duplicate_acknowledgments_resend_at_once() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(bytes(14600))
    assert len(peer.poll()) == 10
    before = handle.info(peer.now).tcpi_snd_cwnd
    assert peer.send(ACK, 1, 1461) == []
    assert peer.send(ACK, 1, 1461) == []
    assert peer.send(ACK, 1, 1461) == []
    (again,) = peer.send(ACK, 1, 1461)
    assert again.seq - peer.their_isn == 1461
    info = handle.info(peer.now)
    assert (info.tcpi_ca_state, info.tcpi_total_retrans) == (3, 1)
    assert info.tcpi_snd_cwnd < before
    (partial,) = peer.send(ACK, 1, 4381)
    assert partial.seq - peer.their_isn == 4381
    peer.send(ACK, 1, 14601)
    assert handle.info(peer.now).tcpi_ca_state == 0


def test_sack_resends_only_the_holes() -> None:
    peer = peer_with()
    handle = peer.open(peer.syn_options(sack=True))
    handle.send(bytes(14600))
    peer.poll()

    def sack(*blocks: tuple[int, int]) -> bytes:
        return options.pack_sack([(peer.their_isn + a, peer.their_isn + b) for a, b in blocks])

    resent = peer.send(ACK, 1, 1, opts=sack((1461, 4381), (5841, 13141)))
    resent += peer.poll()
    assert [r.seq - peer.their_isn for r in resent] == [1, 4381]
    assert handle.info(peer.now).tcpi_sacked == 7
    peer.send(ACK, 1, 1, opts=sack((1461, 99999)))  # beyond what was sent
    peer.send(ACK, 1, 14601)
    assert handle.unsent_bytes() == 0


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


def test_an_idle_connection_restarts_its_window() -> None:
    lab = Lab.pair()
    client, server = lab.connect()
    assert pump_part(lab, client, server, bytes(500_000))
    grown = client.tcb.congestion.cwnd
    lab.sleep(5.0)
    client.send(b"x" * 5000)
    lab.exchange()
    assert client.tcb.congestion.cwnd < grown


def pump_part(lab: Lab, source: TcpSocket, sink: TcpSocket, data: bytes) -> bool:
    """Send without closing; whether everything came."""
    sent = received = 0
    while received < len(data):
        taken = source.send(data[sent : sent + 65536]) if sent < len(data) else AGAIN
        sent += taken if isinstance(taken, int) else 0
        lab.sleep(0.01)
        chunk = sink.recv(1 << 20)
        received += len(chunk) if isinstance(chunk, bytes) else 0
    return True


def test_the_congestion_window_limits_what_is_in_flight() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(bytes(60_000))
    assert sum(len(r.payload) for r in peer.poll()) == 14_600
    more = peer.send(ACK, 1, 14_601)
    assert sum(len(r.payload) for r in more) == 29_200


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


def test_a_lost_fin_is_resent_alone() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(b"bye")
    peer.poll()
    handle.shutdown(SHUT_WR, peer.now)
    assert flags_of(peer.poll()) == "FA"
    peer.send(ACK, 1, 4)
    (again,) = peer.poll(2.0)
    assert (flags_of([again]), len(again.payload)) == ("FA", 0)


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


# -- errors and path MTU ------------------------------------------------------------------------------


def icmp_about(peer: Peer, kind: int, code: int, rest: int, sequence: int) -> None:
    """An ICMP error that quotes a segment from the host."""


    quoted = ipv4.header(peer.dst, peer.src, 6, 1480, fragment=ipv4.IP_DF)
    quoted += peer.local_port.to_bytes(2, "big") + peer.peer_port.to_bytes(2, "big")
    quoted += (sequence & 0xFFFFFFFF).to_bytes(4, "big")
    router = parse_ip("10.0.0.77")
    message = icmp.error(router, peer.dst, kind, code, rest, quoted)
    packet = ipv4.header(router, peer.dst, 1, len(message)) + message
    peer.host.feed(
        peer.host.interfaces["eth0"], Frame(ethernet.header(MACS[0], MACS[1], 0x800) + packet), peer.now
    )


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


@pytest.mark.parametrize(("code", "ends"), [(1, False), (3, True)])
def test_icmp_ends_a_handshake_only_where_it_is_final(code: int, ends: bool) -> None:
    peer = peer_with()
    listener = peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0)
    icmp_about(peer, 3, code, 0, syn_ack.seq)
    assert bool(listener.listener.handshakes) != ends


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


# -- handles ------------------------------------------------------------------------------------------


def test_calls_on_handles() -> None:
    host = make_host(0)
    handle = host.tcp_socket()
    assert handle.recv(1) == NOT_CONNECTED
    assert handle.send(b"x") == BROKEN_PIPE
    assert handle.accept() == INVALID
    assert handle.shutdown(SHUT_RDWR, 1.0) == NOT_CONNECTED
    assert handle.events() == wakeups.POLLOUT | wakeups.POLLHUP
    assert handle.local() is handle.remote() is handle.info(1.0) is handle.take_error() is None
    assert (handle.readable_bytes(), handle.unsent_bytes()) == (0, 0)
    assert handle.bind(parse_ip("9.9.9.9"), 1) == Fail(errno.EADDRNOTAVAIL)
    assert handle.listen(-5) is None
    assert handle.listen(10**9) is None
    assert handle.local()[0] == ANY4
    assert handle.listener.backlog == 4096
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EISCONN)
    assert handle.bind(IP4[0], 5) == INVALID
    assert handle.events() == 0
    assert handle.shutdown(SHUT_RD, 1.0) is None
    assert (handle.state, handle.local()) == (State.CLOSED, None)
    handle.close(1.0)
    named = host.tcp_socket()
    assert named.bind(IP4[0], 80) is None
    assert named.listen(1) is None
    named.shutdown(SHUT_RD, 1.0)
    assert named.local() == (IP4[0], 80)
    assert named.listen(1) is None


def test_calls_while_connecting_and_connected() -> None:
    peer = peer_with()
    handle = peer.connecting()
    assert handle.send(b"x") == AGAIN
    assert handle.recv(1) == AGAIN
    assert handle.events() == 0
    assert handle.remote() is None
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EALREADY)
    assert handle.listen(1) == INVALID
    peer.send(SYN | ACK, 0, 1)
    assert handle.connect(IP4[1], 1, 1.0) == Fail(errno.EISCONN)
    assert handle.remote() == (IP4[1], peer.peer_port)
    assert handle.local() == (IP4[0], peer.local_port)
    assert handle.events() == wakeups.POLLOUT
    handle.shutdown(SHUT_RDWR, peer.now)
    peer.poll()
    assert handle.events() & (wakeups.POLLHUP | wakeups.POLLIN | wakeups.POLLRDHUP)


def test_a_handle_may_be_used_again_after_a_failure() -> None:
    peer = peer_with()
    handle = peer.connecting()
    peer.send(RST | ACK, 0, 1)
    assert handle.connect(peer.src, peer.peer_port, peer.now) == IN_PROGRESS
    (syn,) = peer.poll()
    peer.their_isn = syn.seq
    peer.send(RST | ACK, 0, 1)
    assert handle.listen(1) is None


def test_bind_and_listen_conflicts() -> None:
    host = make_host(0)
    one, two = host.tcp_socket(), host.tcp_socket()
    one.reuseaddr = two.reuseaddr = True
    assert one.bind(ANY4, 80) is None
    assert two.bind(IP4[0], 80) is None
    assert one.listen(1) is None
    assert two.listen(1) == IN_USE
    three = host.tcp_socket()
    assert three.bind(IP4[0], 80) == IN_USE
    one.close(0.0)
    assert two.listen(1) is None


def test_the_same_four_tuple_twice_and_no_port_left() -> None:
    lab = Lab.pair()
    client, _server = lab.connect()
    twin = lab.hosts[0].tcp_socket()
    twin.reuseaddr = True
    client.binding.reuseaddr = True
    assert twin.bind(*client.local()) is None
    assert twin.connect(IP4[1], 80, lab.now) == Fail(errno.EADDRNOTAVAIL)
    lab.hosts[0].ports.low = lab.hosts[0].ports.high = client.local()[1]
    assert lab.hosts[0].tcp_socket().connect(IP4[1], 80, lab.now) == Fail(errno.EADDRNOTAVAIL)
    assert lab.hosts[0].tcp_socket().bind(ANY4, 0) == IN_USE
    assert lab.hosts[0].tcp_socket().listen(1) == IN_USE
    assert lab.hosts[0].tcp_socket().connect(parse_ip("8.8.8.8"), 80, lab.now) == Fail(errno.ENETUNREACH)


def test_listeners_are_chosen_by_address_device_and_family() -> None:
    lab = Lab.pair()
    host = lab.hosts[1]
    dual = host.tcp_socket(6)
    dual.dual = True
    assert dual.bind(ANY6, 80) is None
    assert dual.listen(5) is None
    elsewhere = host.tcp_socket(4)
    elsewhere.interface, elsewhere.reuseport = "lo", True
    dual.binding.reuseport = True
    assert elsewhere.bind(ANY4, 80) is None
    assert elsewhere.listen(5) is None
    client = lab.hosts[0].tcp_socket()
    client.connect(IP4[1], 80, lab.now)
    lab.settle()
    assert isinstance(dual.accept(), TcpSocket)
    assert elsewhere.accept() == AGAIN
    dual.dual = dual.listener.dual = False
    refused = lab.hosts[0].tcp_socket()
    refused.connect(IP4[1], 80, lab.now)
    lab.settle()
    assert refused.take_error() == Fail(errno.ECONNREFUSED)


def test_abort_and_linger_zero_reset() -> None:
    for action in ("abort", "linger"):
        peer = peer_with()
        handle = peer.open()
        if action == "abort":
            handle.abort(peer.now)
        else:
            handle.linger = 0
            handle.close(peer.now)
        assert flags_of(peer.poll()) == "RA"


def test_a_socket_can_connect_to_itself_by_loopback() -> None:
    lab = Lab.pair()
    handle = lab.hosts[0].tcp_socket()
    assert handle.bind(parse_ip("127.0.0.1"), 5000) is None
    handle.connect(parse_ip("127.0.0.1"), 5000, lab.now)
    lab.settle()
    assert handle.state is State.ESTABLISHED
    handle.send(b"to myself")
    lab.settle()
    assert handle.recv(100) == b"to myself"


@pytest.mark.parametrize("version", [4, 6])
def test_offload_crosses_in_one_piece(version: int) -> None:
    lab = Lab.pair(offload=FULL_OFFLOAD)
    client, server = lab.connect(version)
    data = bytes(range(256)) * 4096
    assert pump(lab, client, server, data) == data
    largest = max(len(frame.data) for _number, frame in lab.log)
    assert largest > 60_000
    assert all(frame.partial for _number, frame in lab.log if len(frame.data) > 200)


def test_tcp_info_is_that_of_the_connection() -> None:
    lab = Lab.pair()
    client, server = lab.connect()
    data = bytes(200_000)
    assert pump(lab, client, server, data) == data
    info = client.info(lab.now)
    assert info.tcpi_state == State.FIN_WAIT_2.value
    assert info.tcpi_bytes_acked >= len(data)
    assert info.tcpi_options == 7
    assert info.tcpi_bytes_sent == len(data)
    assert info.tcpi_snd_mss == 1448
    theirs = server.info(lab.now)
    assert theirs.tcpi_bytes_received == len(data)
    assert theirs.tcpi_segs_in >= theirs.tcpi_data_segs_in > 100
    fresh = peer_with().connecting()
    assert fresh.info(100.0).tcpi_options == 0
    assert fresh.info(100.0).tcpi_min_rtt == 0xFFFFFFFF


def test_max_seg_and_reno_are_the_users_choice() -> None:
    peer = peer_with()
    listener = peer.listen()
    listener.opts.max_seg = 600
    listener.opts.congestion = "reno"
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1)
    handle = listener.accept()
    handle.send(bytes(1800))
    assert [len(r.payload) for r in peer.poll()] == [600, 600, 600]
    assert handle.tcb.congestion.name == "reno"


# -- corners ------------------------------------------------------------------------------------------


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


def test_segments_to_a_broadcast_address_are_ignored() -> None:
    peer = peer_with()
    peer.listen()
    peer.dst = parse_ip("10.0.0.255")
    assert peer.send(SYN, 0, 0) == []


def test_buffer_sizes_change_while_connected() -> None:
    handle = peer_with().open()
    handle.set_rcvbuf(5000)
    handle.set_sndbuf(6000)
    assert (handle.tcb.rcv.buffer.limit, handle.tcb.snd.buffer.limit) == (5000, 6000)


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


def test_only_one_timer_ends_a_connection() -> None:
    peer = peer_with(TcpConfig(retries=0, keepalive_time=0.5))
    handle = peer.open()
    handle.set_keepalive(True, peer.now)
    handle.send(b"data")
    peer.poll()
    peer.poll(5.0)
    assert handle.take_error() == Fail(errno.ETIMEDOUT)


def test_data_exactly_beyond_the_window_is_acknowledged_and_dropped() -> None:
    peer = peer_with(TcpConfig(rcvbuf=1000, window_scaling=False))
    handle = peer.open()
    assert flags_of(peer.send(ACK, 1001, 1, b"beyond")) == "A"
    assert handle.recv(10) == AGAIN


def test_after_the_peers_fin_old_data_is_acknowledged_and_new_dropped() -> None:
    peer = peer_with()
    handle = peer.open()
    peer.send(ACK | FIN, 1, 1, b"last")
    assert peer.send(ACK, 6, 1, b"more") == []
    assert flags_of(peer.send(ACK, 1, 1, b"last")) == "A"
    assert flags_of(peer.send(ACK, 1, 1, b"last and more")) == "A"
    assert (handle.recv(10), handle.recv(10)) == (b"last", b"")


def test_a_syn_with_fin_is_ignored() -> None:
    peer = peer_with()
    listener = peer.listen()
    assert peer.send(SYN | FIN, 0, 0) == []
    assert not listener.listener.handshakes


def timestamped(peer: Peer) -> TcpSocket:
    """A connection with timestamps."""
    listener = peer.listen()
    (syn_ack,) = peer.send(SYN, 0, 0, opts=peer.syn_options())
    peer.their_isn = syn_ack.seq
    peer.send(ACK, 1, 1, opts=options.pack_timestamps(peer.ts + 1, syn_ack.options.ts_val))
    handle = listener.accept()
    assert isinstance(handle, TcpSocket)
    listener.close(peer.now)
    return handle


@pytest.mark.parametrize(("echo", "measured"), [(0, False), (None, True), (-(10**7), False)])
def test_echoed_timestamps_measure_retransmissions(echo: int | None, measured: bool) -> None:
    peer = peer_with(ts=5000)
    handle = timestamped(peer)
    handle.send(b"data")
    peer.poll()
    before = handle.tcb.rtt.latest
    (again,) = peer.poll(1.5)
    peer.poll(0.07)
    value = again.options.ts_val if echo is None else echo and again.options.ts_val + echo
    peer.send(ACK, 1, 5, opts=options.pack_timestamps(5002, value & 0xFFFFFFFF))
    assert (handle.tcb.rtt.latest != before) is measured
    if measured:
        assert handle.tcb.rtt.latest == pytest.approx(0.07, abs=0.01)


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


# -- tail loss probes ---------------------------------------------------------------------------------


def measured(peer: Peer) -> TcpSocket:
    """A connection with SACK that has measured a round trip of 10 ms."""
    handle = peer.open(peer.syn_options(sack=True))
    handle.set_nodelay(True)
    handle.send(b"x")
    peer.poll()
    peer.poll(0.01)
    peer.send(ACK, 1, 2)
    assert handle.tcb.rtt.srtt == pytest.approx(0.01, abs=0.01)
    return handle


def ranges(peer: Peer, *blocks: tuple[int, int]) -> bytes:
    return options.pack_sack([(peer.their_isn + a, peer.their_isn + b) for a, b in blocks])


def test_a_silent_tail_is_probed_long_before_the_timeout() -> None:
    peer = peer_with()
    handle = measured(peer)
    handle.send(bytes(4000))
    assert len(peer.poll()) == 3
    (probe,) = peer.poll(0.05)
    assert probe.seq - peer.their_isn == 4002 - 1460
    before = handle.tcb.congestion.cwnd
    assert peer.send(ACK, 1, 4002) == []
    assert handle.tcb.congestion.cwnd < before  # the probe has repaired a loss


def test_a_probe_that_was_not_needed_costs_nothing() -> None:
    peer = peer_with()
    handle = measured(peer)
    handle.send(bytes(4000))
    peer.poll()
    assert len(peer.poll(0.05)) == 1
    before = handle.tcb.congestion.cwnd
    peer.send(ACK, 1, 4002, opts=ranges(peer, (2542, 4002)))
    assert handle.tcb.congestion.cwnd >= before


def test_a_probe_carries_new_data_where_there_is_some() -> None:
    peer = peer_with()
    handle = measured(peer)
    handle.send(bytes(30_000))
    flight = len(peer.poll())
    (probe,) = peer.poll(0.05)
    assert probe.seq - peer.their_isn == 2 + flight * 1460
    before = handle.tcb.congestion.cwnd
    peer.send(ACK, 1, 2 + (flight + 1) * 1460)
    assert handle.tcb.congestion.cwnd >= before


def test_timers_wait_from_when_the_segments_left() -> None:
    """A burst that took 40 ms: its probe, its timeout and its round trip begin after that."""
    peer = peer_with()
    handle = measured(peer)
    handle.send(bytes(4000))
    peer.poll()
    peer.host.tcp.sent_late(peer.now, 0.04)
    assert peer.poll(0.05) == []
    assert len(peer.poll(0.04)) == 1
    peer.send(ACK, 1, 4002)
    srtt = handle.tcb.rtt.srtt
    handle.send(b"timed")
    peer.poll()
    peer.host.tcp.sent_late(peer.now, 0.04)
    peer.poll(0.05)
    peer.send(ACK, 1, 4007)
    assert handle.tcb.rtt.srtt == pytest.approx(srtt * 7 / 8 + 0.01 / 8)
    handle.send(b"again")
    peer.poll()
    due = list(handle.tcb.timers.at)
    timed = handle.tcb.snd.timed
    peer.host.tcp.sent_late(peer.now + 1, 0.04)  # nothing was sent then
    assert handle.tcb.timers.at == due
    handle.send(b"more")
    peer.poll(0.01)
    peer.host.tcp.sent_late(peer.now, 0.04)
    assert handle.tcb.snd.timed == timed  # which left in time


def test_what_a_probe_overtook_is_lost() -> None:
    peer = peer_with()
    handle = measured(peer)
    handle.send(bytes(4000))
    peer.poll()
    (probe,) = peer.poll(0.05)
    end = probe.seq - peer.their_isn + len(probe.payload)
    resent = peer.send(ACK, 1, 2, opts=ranges(peer, (2922, end)))
    assert [reply.seq - peer.their_isn for reply in resent + peer.poll()] == [2, 1462]


def test_what_arrives_again_is_reported() -> None:
    peer = peer_with()
    peer.open(peer.syn_options(sack=True))
    peer.send(ACK, 1, 1, b"hello")
    (again,) = peer.send(ACK, 1, 1, b"hello")
    assert [(a - peer.isn, b - peer.isn) for a, b in again.options.sack] == [(1, 6)]
    (partly,) = peer.send(ACK, 3, 1, b"llo world")
    assert [(a - peer.isn, b - peer.isn) for a, b in partly.options.sack] == [(3, 6)]
    (ahead,) = peer.send(ACK, 20, 1, b"later")
    assert [(a - peer.isn, b - peer.isn) for a, b in ahead.options.sack] == [(20, 25)]


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
