"""What passes between runs and to QEMU: the hub's messages, its switch, QEMU's framing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_frames import MACS, super_frame

from ptrace_net.devices import framing, hubwire
from ptrace_net.devices.switch import MAX_ADDRESSES, Switch
from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame, Malformed, Offload


@pytest.mark.parametrize(
    "frame", [Frame(bytes(60)), Frame(bytes(60), verified=True), super_frame(b"x" * 2000)]
)
def test_hub_frames_come_back(frame: Frame) -> None:
    assert hubwire.parse(hubwire.pack_frame(frame)) == frame


def test_hub_hello_comes_back() -> None:
    for able in (NO_OFFLOAD, FULL_OFFLOAD, Offload(tx_checksum=True)):
        hello = hubwire.Hello(MACS[0], able, 4711, "nginx")
        assert hubwire.parse(hubwire.pack_hello(hello)) == hello


@given(st.binary(max_size=60))
def test_hub_messages_are_parsed_or_malformed(data: bytes) -> None:
    for message in (data, b"\1" + data, b"\2" + data, b"\2\1" + data):
        try:
            hubwire.parse(message)
        except Malformed:
            continue


@pytest.mark.parametrize(
    "message",
    [
        b"", b"\3", hubwire.pack_hello(hubwire.Hello(MACS[0], NO_OFFLOAD, 1, "x"))[:-1],
        b"\1\2" + bytes(14), b"\2\0" + bytes(10), b"\2\1\0\0\0\1\0\0" + bytes(30),
        b"\2\1\0\0\0\x20\0\x20" + bytes(30),
        b"\2\0\0\1\0\0\0\0" + bytes(30), b"\2\1\0\1\0\x12\0\0" + bytes(30),
    ],
)  # fmt: skip
def test_broken_hub_messages(message: bytes) -> None:
    with pytest.raises(Malformed):
        hubwire.parse(message)


def test_the_switch_learns_floods_and_forgets() -> None:
    switch: Switch[str] = Switch()
    for port in "abc":
        switch.join(port, FULL_OFFLOAD)
    to_b, to_a = Frame(MACS[1] + MACS[0] + bytes(50)), Frame(MACS[0] + MACS[1] + bytes(50))
    assert switch.forward("a", to_b, 0.0) == [("b", to_b), ("c", to_b)]
    assert switch.forward("b", to_a, 1.0) == [("a", to_a)]
    assert switch.forward("a", to_b, 2.0) == [("b", to_b)]
    assert switch.forward("b", to_b._replace(data=MACS[1] + MACS[1] + bytes(50)), 2.0) == []
    assert len(switch.forward("a", to_b, 400.0)) == 2
    group = Frame(b"\xff" * 6 + b"\x03\0\0\0\0\1" + bytes(50))
    assert len(switch.forward("c", group, 400.0)) == 2
    assert b"\x03\0\0\0\0\1" not in switch.addresses
    switch.leave("a")
    assert MACS[0] not in switch.addresses
    assert switch.forward("b", Frame(b"short"), 400.0) == []
    for number in range(MAX_ADDRESSES + 5):
        switch.forward("b", Frame(MACS[0] + b"\2" + number.to_bytes(5, "big") + bytes(20)), 400.0)
    assert len(switch.addresses) == MAX_ADDRESSES


def test_the_switch_cuts_and_completes_for_ports_without_offload() -> None:
    switch: Switch[int] = Switch()
    for port, able in enumerate((FULL_OFFLOAD, FULL_OFFLOAD, Offload(tx_checksum=True), NO_OFFLOAD)):
        switch.join(port, able)
    big, small = super_frame(bytes(2500)), super_frame(b"x", gso_size=0)
    assert [port for port, _frame in switch.forward(0, big, 0.0)] == [1, 2, 2, 2, 3, 3, 3]
    assert [frame.partial for _port, frame in switch.forward(0, small, 0.0)] == [True, True, False]


@given(st.lists(st.binary(min_size=14, max_size=2000), max_size=8), st.integers(1, 500))
def test_the_stream_may_be_cut_anywhere(frames: list[bytes], step: int) -> None:
    stream = b"".join(map(framing.encode, frames))
    decoder = framing.StreamDecoder()
    found = []
    for at in range(0, len(stream), step):
        found += decoder.feed(stream[at : at + step])
    assert found == frames
    assert decoder.pending == 0


def test_impossible_lengths_end_the_stream() -> None:
    assert framing.StreamDecoder().feed(framing.encode(bytes(65000))[:100]) == []
    for length in (0, 13, framing.MAX_FRAME + 1):
        with pytest.raises(framing.FramingError):
            framing.StreamDecoder().feed(length.to_bytes(4, "big"))
    with pytest.raises(ValueError, match="do not fit"):
        framing.encode(bytes(framing.MAX_FRAME + 1))
