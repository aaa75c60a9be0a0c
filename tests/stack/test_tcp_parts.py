"""The parts of TCP by themselves: estimation, congestion, timers, initial sequence numbers, cookies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import IP4

from ptrace_net.stack.tcp import cookies, cubic, options
from ptrace_net.stack.tcp.congestion import NewReno
from ptrace_net.stack.tcp.isn import InitialSequence
from ptrace_net.stack.tcp.options import Options
from ptrace_net.stack.tcp.rtt import RttEstimator
from ptrace_net.stack.tcp.timers import Timer, Timers

u32 = st.integers(0, 0xFFFFFFFF)


def test_rtt_estimation_is_rfc_6298s() -> None:
    rtt = RttEstimator()
    assert rtt.timeout == 1.0
    rtt.sample(0.5)
    assert (rtt.srtt, rtt.rttvar, rtt.rto) == (0.5, 0.25, 1.5)
    rtt.sample(0.1)
    assert rtt.rttvar == pytest.approx(0.25 + (0.4 - 0.25) / 4)
    assert rtt.srtt == pytest.approx(0.45)
    rtt.back_off()
    rtt.back_off()
    assert rtt.timeout == pytest.approx(4 * rtt.rto)
    rtt.progress()
    assert rtt.timeout == pytest.approx(rtt.rto)
    for _ in range(20):
        rtt.back_off()
    assert rtt.timeout == 120.0
    for _ in range(100):
        rtt.sample(0.0001)
    assert rtt.rto == pytest.approx(0.2, abs=0.001)


def test_newreno_windows() -> None:
    reno = NewReno(1000)
    assert (reno.cwnd, reno.in_slow_start) == (10_000, True)
    reno.on_ack(5000, 0.0, 0.1)
    assert reno.cwnd == 15_000
    reno.on_loss(15_000, 0.0)
    assert (reno.cwnd, reno.ssthresh, reno.in_slow_start) == (7500, 7500, False)
    for _ in range(8):
        reno.on_ack(1000, 0.0, 0.1)
    assert reno.cwnd == 8500
    reno.on_timeout(8500, 0.0)
    assert (reno.cwnd, reno.ssthresh) == (1000, 4250)
    reno.on_ack(4000, 0.0, 0.1)
    assert reno.cwnd == 4250
    reno.on_loss(100, 0.0)
    assert reno.ssthresh == 2000
    reno.set_mss(500)
    assert (reno.mss, reno.cwnd) == (500, 1000)
    reno.cwnd = 50_000
    reno.on_idle()
    assert reno.cwnd == 5000


def test_cubic_returns_to_its_old_window_and_probes_beyond() -> None:
    window = cubic.Cubic(1000)
    window.cwnd = 1_000_000
    window.on_loss(1_000_000, 0.0)
    assert window.cwnd == 700_000
    k = (300 / 0.4) ** (1 / 3)
    sizes = {}
    now = 0.0
    while now < 2 * k:
        for _ in range(window.cwnd // 1000):
            window.on_ack(1000, now, 0.1)
        now += 0.1
        sizes[round(now, 2)] = window.cwnd
    near_k = min(sizes, key=lambda at: abs(at - k))
    assert sizes[near_k] == pytest.approx(1_000_000, rel=0.02)
    assert window.cwnd > 1_150_000
    before = window.cwnd
    window.on_loss(before, now)
    window.on_loss(window.cwnd, now)  # below its last maximum: fast convergence
    assert window._w_max < before / 1000


def test_timers() -> None:
    timers = Timers()
    timers.set(Timer.PERSIST, 5.0)
    timers.set(Timer.LINGER, 3.0)
    assert (timers.earliest, timers.running(Timer.PERSIST)) == (3.0, True)
    assert timers.due(4.0) == [Timer.LINGER]
    timers.stop(Timer.PERSIST)
    assert timers.earliest == float("inf")
    timers.set(Timer.PERSIST, 5.0)
    timers.clear()
    assert timers.due(9.0) == []


ENDS = (IP4[0], 80, IP4[1], 4000)


def test_initial_sequence_numbers_move_with_time_and_differ_by_connection() -> None:
    isn = InitialSequence(b"k" * 16)
    assert (isn.number(ENDS, 2.0) - isn.number(ENDS, 1.0)) & 0xFFFFFFFF == 250_000
    assert isn.number(ENDS, 1.0) != isn.number((IP4[0], 81, IP4[1], 4000), 1.0)
    assert isn.number(ENDS, 1.0) != InitialSequence(b"l" * 16).number(ENDS, 1.0)


@given(u32, st.integers(0, 9000), st.integers(0, 10**6))
def test_cookies_carry_the_mss_for_two_minutes(peer_isn: int, mss: int, now: int) -> None:
    jar = cookies.SynCookies(b"k" * 16)
    cookie = jar.make(ENDS, peer_isn, mss, now)
    found = jar.check(ENDS, cookie, peer_isn, now + 60)
    assert found == max((size for size in cookies.MSS_TABLE[4] if size <= mss), default=536)
    assert jar.check(ENDS, cookie, peer_isn, now + 200) is None
    assert jar.check(ENDS, (cookie + 9) & 0xFFFFFFFF, peer_isn, now) is None
    assert jar.check(ENDS, cookie ^ 0x80000000, peer_isn, now) is None


@given(u32, st.one_of(st.none(), st.integers(0, 14)), st.booleans())
def test_timestamps_carry_scale_and_sack(clock: int, wscale: int | None, sack: bool) -> None:
    stamped = cookies.pack_timestamp(clock, Options(1460, wscale, sack, ts_val=1))
    assert (clock - stamped) & 0xFFFFFFFF < 64
    echoed = cookies.unpack_timestamp(Options(ts_val=5, ts_ecr=stamped), 1300)
    assert (echoed.mss, echoed.wscale, echoed.sack_permitted) == (1300, wscale, sack)
    assert cookies.unpack_timestamp(options.NONE, 1300) == Options(mss=1300)
