"""Fragmentation and reassembly: any order, overlaps, limits."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stack_net import IP4

from ptrace_net.stack import fragment
from ptrace_net.stack.fragment import Expired, FragmentKey, Reassembler
from ptrace_net.stack.frame import Malformed

KEY = FragmentKey(*IP4, 7, 17)


@given(st.binary(min_size=1, max_size=5000), st.integers(8, 1500), st.randoms(use_true_random=False))
def test_pieces_in_any_order_make_the_whole(data: bytes, room: int, order: random.Random) -> None:
    pieces = list(fragment.split(memoryview(data), room))
    assert all(len(piece.payload) <= room for piece in pieces)
    order.shuffle(pieces)
    reassembler = Reassembler(30.0)
    results = [reassembler.add(KEY, *piece, now=0.0) for piece in pieces]
    assert results[:-1] == [None] * (len(pieces) - 1)
    assert results[-1] == data
    assert reassembler.memory == 0


def test_duplicates_are_ignored_and_overlaps_discard() -> None:
    reassembler = Reassembler(30.0)
    piece = memoryview(bytes(16))
    assert reassembler.add(KEY, 0, True, piece, 0.0) is None
    assert reassembler.add(KEY, 0, True, piece, 0.0) is None
    assert reassembler.memory == 16
    assert reassembler.add(KEY, 8, True, piece, 0.0) is None
    assert (reassembler.memory, reassembler.failures) == (0, 1)


@pytest.mark.parametrize(
    "steps",
    [
        [(16, False, 8), (24, False, 8)],  # two ends
        [(16, False, 8), (24, True, 8)],  # beyond the end
        [(24, True, 8), (8, False, 8)],  # an end before what is there
    ],
)
def test_contradictions_about_the_end_discard(steps: list[tuple[int, bool, int]]) -> None:
    reassembler = Reassembler(30.0)
    for offset, more, size in steps:
        assert reassembler.add(KEY, offset, more, memoryview(bytes(size)), 0.0) is None
    assert (reassembler.memory, reassembler.failures) == (0, 1)


@pytest.mark.parametrize(("offset", "more", "size"), [(65528, False, 9), (0, True, 9), (8, False, 0)])
def test_impossible_fragments_are_malformed(offset: int, more: bool, size: int) -> None:
    with pytest.raises(Malformed):
        Reassembler(30.0).add(KEY, offset, more, memoryview(bytes(size)), 0.0)


def test_time_and_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    reassembler = Reassembler(30.0)
    assert reassembler.deadline() is None
    reassembler.add(KEY, 0, True, memoryview(bytes(8)), 1.0, memoryview(b"packet"))
    reassembler.add(KEY._replace(ident=8), 8, True, memoryview(bytes(8)), 2.0)
    assert reassembler.deadline() == 31.0
    assert reassembler.expire(30.0) == []
    assert reassembler.expire(40.0) == [Expired(KEY, b"packet"), Expired(KEY._replace(ident=8), None)]
    monkeypatch.setattr(fragment, "MEMORY_LIMIT", 100)
    for ident in range(30):
        reassembler.add(KEY._replace(ident=ident), 0, True, memoryview(bytes(16)), 50.0)
        assert reassembler.memory <= 112


def test_no_piece_fits_in_less_than_eight_bytes() -> None:
    with pytest.raises(ValueError, match="no fragment fits"):
        list(fragment.split(memoryview(b"data"), 7))
