"""Offload: super-segments cut and checksums completed as a device would, virtio's headers for them."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire_frames import IP4, IP6, parsed, super_frame

from ptrace_net.devices import virtio
from ptrace_net.stack import offload
from ptrace_net.stack.checksum import checksum, pseudo_sum
from ptrace_net.stack.frame import Frame, Malformed
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH


@pytest.mark.parametrize("ends", [IP4, IP6])
@given(size=st.integers(1, 9000), gso_size=st.integers(500, 3000))
def test_super_segments_are_cut_as_a_device_would(
    ends: tuple[bytes, bytes], size: int, gso_size: int
) -> None:
    payload = random.Random(size).randbytes(size)
    pieces = [parsed(frame) for frame in offload.to_wire(super_frame(payload, ends, gso_size))]
    assert b"".join(bytes(piece.payload) for piece in pieces) == payload
    assert all(len(piece.payload) == gso_size for piece in pieces[:-1])
    assert [piece.seq for piece in pieces] == [
        (0xFFFFFF00 + at * gso_size) & 0xFFFFFFFF for at in range(len(pieces))
    ]
    assert [piece.flags for piece in pieces] == [ACK] * (len(pieces) - 1) + [PSH | FIN | ACK]


def test_a_super_segment_without_offsets_is_cut_as_well() -> None:
    for ends in (IP4, IP6):
        frame = offload.complete(super_frame(bytes(2500), ends))
        assert [len(parsed(piece).payload) for piece in offload.segment(frame)] == [1000, 1000, 500]


def test_complete_checksums_are_right_and_left_alone() -> None:
    frame = offload.complete(super_frame(b"odd", gso_size=0))
    assert bytes(parsed(frame).payload) == b"odd"
    assert offload.complete(frame) is frame
    assert offload.to_wire(frame) == [frame]
    body = bytes(memoryview(frame.data)[34:])
    assert checksum(body, pseudo_sum(*IP4, 6, len(body))) == 0


@pytest.mark.parametrize(
    "frame",
    [
        Frame(bytes(60)),
        Frame(bytes(60), verified=True),
        super_frame(b"x" * 2000),
        super_frame(b"x", gso_size=0),
        super_frame(bytes(2000), IP6),
    ],
)
def test_virtio_headers_come_back(frame: Frame) -> None:
    head = virtio.pack(frame)
    assert len(head) == 10
    back = virtio.unpack(head + bytes(frame.data))
    assert back == frame
    if frame.gso_size:
        assert head[1] == (virtio.GSO_TCPV4 if frame.data[14] >> 4 == 4 else virtio.GSO_TCPV6)
        assert int.from_bytes(head[2:4], "little") == frame.csum_start + 20


def test_virtio_refusals() -> None:
    for broken in (bytes(23), b"\1\0\0\0\0\0\xff\0\0\0" + bytes(20), b"\0\3\0\0\0\0\0\0\0\0" + bytes(20)):
        with pytest.raises(Malformed):
            virtio.unpack(broken)
