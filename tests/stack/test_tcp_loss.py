"""Loss of TCP segments: timer, fast retransmit, SACK, tail loss probes, congestion; one segment at a time."""

import errno
import itertools

import pytest
from stack_net import Lab, flags_of
from tcp_peer import measured, peer_with, pump_part, ranges, timestamped

from ptrace_net.stack.result import BROKEN_PIPE, Fail
from ptrace_net.stack.tcp import options
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.segment import ACK
from ptrace_net.stack.tcp.socket import SHUT_WR
from ptrace_net.stack.tcp.states import State


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


def test_an_idle_connection_restarts_its_window() -> None:
    lab = Lab.pair()
    client, server = lab.connect()
    assert pump_part(lab, client, server, bytes(500_000))
    grown = client.tcb.congestion.cwnd
    lab.sleep(5.0)
    client.send(b"x" * 5000)
    lab.exchange()
    assert client.tcb.congestion.cwnd < grown


def test_the_congestion_window_limits_what_is_in_flight() -> None:
    peer = peer_with()
    handle = peer.open()
    handle.send(bytes(60_000))
    assert sum(len(r.payload) for r in peer.poll()) == 14_600
    more = peer.send(ACK, 1, 14_601)
    assert sum(len(r.payload) for r in more) == 29_200


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


def test_only_one_timer_ends_a_connection() -> None:
    peer = peer_with(TcpConfig(retries=0, keepalive_time=0.5))
    handle = peer.open()
    handle.set_keepalive(True, peer.now)
    handle.send(b"data")
    peer.poll()
    peer.poll(5.0)
    assert handle.take_error() == Fail(errno.ETIMEDOUT)


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
