"""The buffers of TCP, against small models: what is to be sent, what was received, what came out of order."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.stack.tcp import reassembly
from ptrace_net.stack.tcp.receivebuffer import ReceiveBuffer
from ptrace_net.stack.tcp.sendbuffer import SendBuffer

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
