"""The TAP device's handling of its descriptor; traffic over a real one is in test_stack_kernel."""

import errno
import os
import socket
from collections.abc import Iterator

import pytest

from ptrace_net.devices import virtio
from ptrace_net.devices.identity import E1000
from ptrace_net.devices.tap import TapDevice, open_tap
from ptrace_net.stack.frame import Frame


@pytest.fixture
def ends() -> Iterator[tuple[TapDevice, socket.socket]]:
    """A device on one end of a datagram pair, which keeps boundaries as a TAP does."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    near.setblocking(False)
    far.setblocking(False)
    with far:
        device = TapDevice(near.detach(), "tap0", E1000.mac)
        yield device, far
        device.close()


def test_frames_pass_with_their_headers(ends: tuple[TapDevice, socket.socket]) -> None:
    device, far = ends
    assert device.send(Frame(bytes(60), verified=True), 0.0)
    assert far.recv(100) == bytes((virtio.DATA_VALID,)) + bytes(69)
    far.send(bytes(70))
    far.send(b"short")
    assert device.receive(0.0) == [Frame(bytes(60))]
    assert (device.fileno(), device.deadline()) == (device.fd, None)
    counters = device.counters
    assert (counters.tx_packets, counters.rx_packets, counters.rx_dropped) == (1, 1, 1)


def test_a_batch_is_bounded(ends: tuple[TapDevice, socket.socket]) -> None:
    device, _far = ends
    os.set_blocking(device.fd, False)
    reader, writer = os.pipe()
    os.close(writer)
    os.dup2(reader, device.fd)
    os.close(reader)
    assert device.receive(0.0) == []  # the end of a pipe reads as empty frames: none of them is one
    assert device.counters.rx_dropped > 0


def test_a_full_queue_drops_and_other_errors_end_the_device(ends: tuple[TapDevice, socket.socket]) -> None:
    device, far = ends
    while device.send(Frame(bytes(2000)), 0.0):
        assert device.counters.tx_packets < 10_000
    assert (device.counters.tx_dropped, device.error) == (1, None)
    far.close()
    assert not device.send(Frame(bytes(60)), 0.0)
    assert device.error.errno in (errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE)
    assert device.fileno() is None


def test_reading_from_what_is_gone_ends_the_device(ends: tuple[TapDevice, socket.socket]) -> None:
    device, _far = ends
    writer = os.open("/dev/null", os.O_WRONLY)
    os.dup2(writer, device.fd)
    os.close(writer)
    assert device.receive(0.0) == []
    assert device.error.errno == errno.EBADF


@pytest.mark.skipif(not os.access("/dev/net/tun", os.R_OK | os.W_OK), reason="/dev/net/tun is not accessible")
def test_what_is_no_tap_cannot_be_opened() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match=r"Invalid argument|Device or resource busy|not permitted"):
        open_tap("lo", E1000.mac)
    assert len(os.listdir("/proc/self/fd")) == before
