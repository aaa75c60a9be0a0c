"""TCP on the wire: sequence numbers, options, segments."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import IP4, IP6, pseudo_header, slow_checksum

from ptrace_net.stack.frame import Malformed
from ptrace_net.stack.tcp import options, segment, sequence
from ptrace_net.stack.tcp.options import Options
from ptrace_net.stack.tcp.segment import Addressing

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
