"""The parts of TCP by themselves, against small models."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import IP4, IP6, pseudo_header, slow_checksum

from ptrace_net.stack.frame import Malformed
from ptrace_net.stack.tcp import cookies, cubic, options, reassembly, segment, sequence
from ptrace_net.stack.tcp.congestion import NewReno
from ptrace_net.stack.tcp.isn import InitialSequence
from ptrace_net.stack.tcp.options import Options
from ptrace_net.stack.tcp.receivebuffer import ReceiveBuffer
from ptrace_net.stack.tcp.recovery import Phase, Recovery
from ptrace_net.stack.tcp.rtt import RttEstimator
from ptrace_net.stack.tcp.sack import Scoreboard
from ptrace_net.stack.tcp.segment import Addressing
from ptrace_net.stack.tcp.sendbuffer import SendBuffer
from ptrace_net.stack.tcp.timers import Timer, Timers

u32 = st.integers(0, 0xFFFFFFFF)


@given(st.integers(0, 1 << 40), st.integers(-(1 << 31), (1 << 31) - 1))
def test_sequence_numbers_unwrap_to_the_nearest(near: int, distance: int) -> None:
    assert sequence.unwrap(sequence.wire(near + distance), near) == near + distance


def test_later_is_circular() -> None:
    assert sequence.later(5, 0xFFFFFFF0)
    assert not sequence.later(0xFFFFFFF0, 5)
    assert not sequence.later(5, 5)


@given(
    st.one_of(st.none(), st.integers(1, 65535)),
    st.one_of(st.none(), st.integers(0, 14)),
    st.booleans(),
    st.one_of(st.none(), st.tuples(u32, u32)),
)
def test_syn_options_come_back(mss, wscale, sack, times) -> None:
    sent = Options(mss, wscale, sack, (), *(times or (None, 0)))
    packed = options.pack_syn(sent)
    assert len(packed) % 4 == 0
    assert options.parse(memoryview(packed)) == sent._replace(mss=mss or 536)


@given(u32, u32, st.lists(st.tuples(u32, u32), max_size=3))
def test_timestamps_and_sack_come_back(ts_val: int, ts_ecr: int, blocks: list[tuple[int, int]]) -> None:
    packed = options.pack_timestamps(ts_val, ts_ecr) + options.pack_sack(blocks)
    found = options.parse(memoryview(packed))
    assert (found.ts_val, found.ts_ecr, found.sack) == (ts_val, ts_ecr, tuple(blocks))
    assert len(packed) % 4 == 0


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", options.NONE),
        (b"\0\2\4\5\xb4", options.NONE),
        (b"\2", options.NONE),
        (b"\2\1\0\0", options.NONE),
        (b"\2\x09\0\0", options.NONE),
        (b"\2\3\5\0", options.NONE),
        (b"\3\4\1\1", options.NONE),
        (b"\4\3\0\0", options.NONE),
        (b"\5\4\0\0", options.NONE),
        (b"\x0a\4\0\0", options.NONE),
        (b"\x08\4\0\0", options.NONE),
        (b"\3\3\x63\0", Options(wscale=14)),
        (b"\xfe\4zz\2\4\1\2", Options(mss=258)),
    ],
)
def test_odd_options(data: bytes, expected: Options) -> None:
    assert options.parse(memoryview(data)) == expected


@given(
    st.sampled_from([IP4, IP6]),
    u32,
    u32,
    st.integers(0, 255),
    st.integers(0, 65535),
    st.binary(max_size=99),
    st.sampled_from([b"", options.pack_timestamps(7, 9)]),
)
def test_segments_come_back_with_the_slow_checksum(ends, seq, ack, flags, window, payload, opts) -> None:
    addressing = Addressing.of(ends[0], 1000, ends[1], 2000)
    whole = segment.header(addressing, seq, ack, flags, window, opts, payload, False) + payload
    assert slow_checksum(pseudo_header(*ends, 6, len(whole)) + whole) == 0
    parsed = segment.parse(memoryview(whole), *ends)
    assert (parsed.src_port, parsed.dst_port, parsed.seq, parsed.ack, parsed.flags, parsed.window) == (
        1000, 2000, seq, ack, flags, window,
    )  # fmt: skip
    assert bytes(parsed.payload) == payload
    assert parsed.length == len(payload) + bool(flags & 1) + bool(flags & 2)
    partial = segment.header(addressing, seq, ack, flags, window, opts, payload, True)
    assert (
        int.from_bytes(partial[16:18], "big") == slow_checksum(pseudo_header(*ends, 6, len(whole))) ^ 0xFFFF
    )


def test_broken_segments_are_malformed() -> None:
    whole = segment.header(Addressing.of(IP4[0], 1, IP4[1], 2), 0, 0, 2, 0, b"", b"", False)
    for broken in (
        whole[:19],
        whole[:12] + b"\x40" + whole[13:],
        whole[:12] + b"\xf0" + whole[13:],
        whole[:-1] + b"x",
    ):
        with pytest.raises(Malformed):
            segment.parse(memoryview(broken), *IP4)
    assert str(segment.parse(memoryview(whole), *IP4)) == "[S] seq 0 ack 0 win 0 len 0"


# -- buffers ------------------------------------------------------------------------------------------

writes = st.lists(st.one_of(st.binary(max_size=20), st.binary(min_size=4096, max_size=9000)), max_size=12)


@given(writes, st.lists(st.integers(0, 40000), max_size=8), st.data())
def test_the_send_buffer_is_a_window_on_what_was_written(chunks, acks, data) -> None:
    buffer, model = SendBuffer(1000, 30000), b""
    for number, chunk in enumerate(chunks):
        given_as = (bytes, bytearray, memoryview)[number % 3](chunk)
        taken = buffer.write(given_as)
        model += chunk[:taken]
        assert taken == min(len(chunk), 30000 - (len(model) - taken - (buffer.base - 1000)))
        if acks:
            buffer.acknowledge(1000 + acks.pop())
        assert len(buffer) == buffer.end - buffer.base
        assert buffer.end == 1000 + len(model)
        if len(buffer):
            start = data.draw(st.integers(buffer.base, buffer.end - 1))
            size = data.draw(st.integers(1, buffer.end - start))
            assert bytes(buffer.peek(start, size)) == model[start - 1000 : start - 1000 + size]
    buffer.clear()
    assert len(buffer) == 0
    assert buffer.room == 30000


@given(
    st.lists(
        st.one_of(st.binary(min_size=1, max_size=20), st.binary(min_size=2048, max_size=5000)), max_size=10
    ),
    st.lists(st.integers(0, 7000), max_size=12),
)
def test_the_receive_buffer_is_a_queue(chunks: list[bytes], reads: list[int]) -> None:
    buffer, model = ReceiveBuffer(100000), b""
    for chunk in chunks:
        buffer.append(memoryview(chunk))
        model += chunk
        if reads:
            size = reads.pop()
            assert buffer.peek(size) == model[:size]
            assert buffer.read(size) == model[:size]
            model = model[size:]
        assert len(buffer) == len(model)
        assert buffer.free == 100000 - len(model)
    assert buffer.read(1 << 20) == model
    buffer.append(memoryview(b"x"))
    buffer.clear()
    assert len(buffer) == 0


@given(st.binary(min_size=1, max_size=9000), st.randoms(use_true_random=False))
def test_reassembly_puts_any_cover_in_order(data: bytes, order: random.Random) -> None:
    store, buffer, position = reassembly.Reassembly(), ReceiveBuffer(1 << 20), 0
    cuts = [(order.randrange(len(data)), order.randrange(1, 3000)) for _ in range(60)]
    received = [False] * len(data)
    for start, size in [*cuts, (0, len(data))]:
        piece = data[start : start + size]
        if start > position:
            store.insert(start, memoryview(piece))
            for at in range(start, start + len(piece)):
                received[at] = True
            runs = store._runs()
            assert runs == sorted(runs)
            for left, right in store.blocks(4):
                assert all(received[left:right])
        elif start + len(piece) > position:
            buffer.append(memoryview(piece)[position - start :])
            position = store.take(start + len(piece), buffer)
    assert position == len(data)
    assert buffer.read(1 << 20) == data
    assert (len(store), store.size, store.blocks(4)) == (0, 0, [])


def test_reassembly_is_bounded_and_names_the_newest_block_first(monkeypatch: pytest.MonkeyPatch) -> None:
    store = reassembly.Reassembly()
    for start in (10, 30, 50):
        assert store.insert(start, memoryview(bytes(5)))
    assert store.blocks(2) == [(50, 55), (30, 35)]
    assert store.insert(15, memoryview(bytes(15)))
    assert store.blocks(4) == [(10, 35), (50, 55)]
    assert not store.insert(12, memoryview(bytes(5)))
    monkeypatch.setattr(reassembly, "MAX_PIECES", 4)
    assert not store.insert(90, memoryview(b"x"))


# -- estimation and congestion ------------------------------------------------------------------------


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


# -- loss ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 200), st.integers(1, 30)), max_size=30), st.integers(0, 240))
def test_the_scoreboard_is_a_set_of_bytes(blocks: list[tuple[int, int]], una: int) -> None:
    board, model = Scoreboard(), set()
    for start, size in blocks:
        fresh = set(range(start, start + size)) - model
        assert board.add(start, start + size) is bool(fresh)
        model |= fresh
    board.advance(una)
    model = {at for at in model if at >= una}
    assert board.sacked == len(model)
    assert {at for a, b in board.ranges for at in range(a, b)} == model
    assert board.highest == (max(model) + 1 if model else 0)
    assert board.covered(20, 120) == len(model & set(range(20, 120)))
    missing = [at for at in range(una, 250) if at not in model]
    hole = board.hole(una, 250)
    assert (hole[0] if hole else None) == (missing[0] if missing else None)
    if hole:
        assert set(range(*hole)) <= set(missing)
        assert hole[1] == 250 or hole[1] in model
    board.clear()
    assert (board.sacked, board.highest) == (0, 0)


def test_three_ranges_or_two_segments_above_mean_lost() -> None:
    board = Scoreboard()
    board.add(100, 110)
    assert board.lost_edge(100) == 0
    board.add(300, 501)
    assert board.lost_edge(100) == 300
    small = Scoreboard()
    for start in (10, 30, 50):
        small.add(start, start + 1)
    assert small.lost_edge(100) == 10


def test_recovery_with_sack_resends_the_holes_once() -> None:
    recovery = Recovery(100, sack=True)
    for start in (100, 300, 400, 500):
        recovery.board.add(start, start + 100)
    assert recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.phase is Phase.RECOVERY
    assert recovery.pipe(0, 1000) == 1000 - 400 - 200
    holes = []
    while lost := recovery.next_lost(0, 100):
        holes.append(lost)
        recovery.resent(*lost, 1000)
    assert holes == [(0, 100), (200, 300)]
    assert recovery.pipe(0, 1000) == 600
    # what was sent after the retransmissions arrives, they do not
    recovery.board.add(1000, 1400)
    assert not recovery.on_ack(0, 1500, advanced=False, duplicate=True)
    assert recovery.next_lost(0, 50) == (0, 50)
    recovery.resent(0, 50, 1500)
    assert recovery.next_lost(0, 100) == (50, 100)
    recovery.board.add(50, 100)
    assert recovery.next_lost(0, 100) == (200, 300)
    assert recovery.pipe(0, 1500) > 0
    recovery.on_ack(1500, 1500, advanced=True, duplicate=False)
    assert (recovery.phase, recovery.next_lost(1500, 100)) == (Phase.OPEN, None)


def test_recovery_forgets_retransmissions_that_arrived() -> None:
    recovery = Recovery(100, sack=True)
    recovery.board.add(100, 500)
    recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    recovery.resent(0, 100, 1000)
    recovery.board.add(1000, 1400)
    recovery.on_ack(600, 1400, advanced=True, duplicate=False)
    assert not recovery.again


def test_recovery_without_sack_is_newreno() -> None:
    recovery = Recovery(100)
    for _ in range(2):
        assert not recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.pipe(0, 1000) == 800
    assert recovery.on_ack(0, 1000, advanced=False, duplicate=True)
    assert recovery.next_lost(0, 500) == (0, 100)
    recovery.resent(0, 100, 1000)
    assert not recovery.on_ack(300, 1000, advanced=True, duplicate=False)
    assert recovery.next_lost(300, 500) == (300, 400)
    assert not recovery.on_ack(1000, 1000, advanced=True, duplicate=False)
    assert recovery.phase is Phase.OPEN
    assert not recovery.on_ack(1000, 1000, advanced=False, duplicate=False)


def test_after_a_timeout_everything_is_lost() -> None:
    recovery = Recovery(100)
    recovery.on_timeout(0, 500)
    assert (recovery.phase, recovery.pipe(0, 500)) == (Phase.LOSS, 0)
    assert recovery.next_lost(0, 200) == (0, 200)
    recovery.resent(0, 200, 500)
    assert recovery.pipe(0, 500) == 200


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


# -- sequence numbers and cookies ---------------------------------------------------------------------

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
