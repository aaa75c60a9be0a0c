"""Devices and their wrappers: memory, trace, and hosts that are attached to them."""

import random

import pytest
from wire_frames import IP6, MACS, super_frame

from ptrace_net.devices import identity
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.describe import describe
from ptrace_net.devices.device import Device, Wrapper
from ptrace_net.devices.memory import QUEUE_LIMIT, NullDevice, cable, loopback
from ptrace_net.devices.trace import Trace
from ptrace_net.stack import offload
from ptrace_net.stack.addresses import parse_ip, parse_mac
from ptrace_net.stack.frame import FULL_OFFLOAD, Frame
from ptrace_net.stack.host import Host
from ptrace_net.stack.tcp.layer import TcpLayer


def test_loopback_and_cable_deliver_and_are_bounded() -> None:
    lo = loopback()
    assert lo.send(Frame(b"x" * 20), 0.0)
    assert lo.deadline() == 0.0
    assert lo.receive(0.0) == [Frame(b"x" * 20)]
    near, far = cable(*MACS)
    for _ in range(QUEUE_LIMIT):
        assert near.send(Frame(bytes(60)), 0.0)
    assert not near.send(Frame(bytes(60)), 0.0)
    assert len(far.receive(0.0)) == QUEUE_LIMIT
    assert (near.counters.tx_packets, near.counters.tx_dropped, far.counters.rx_bytes) == (
        QUEUE_LIMIT,
        1,
        60 * QUEUE_LIMIT,
    )
    assert far.deadline() is far.fileno() is None
    near.close()


def test_nobody_is_there() -> None:
    device = NullDevice("eth0", MACS[0])
    assert not device.send(Frame(bytes(60)), 0.0)
    assert device.receive(0.0) == []
    assert device.deadline() is device.fileno() is device.close() is None
    assert device.counters.tx_dropped == 1


def test_a_wrapper_passes_everything_through() -> None:
    near, far = cable(*MACS, name="eth7", mtu=9000, offload=FULL_OFFLOAD)
    wrapped: Device = Wrapper(near)
    assert (wrapped.name, wrapped.mac, wrapped.mtu, wrapped.offload) == ("eth7", MACS[0], 9000, FULL_OFFLOAD)
    assert wrapped.send(Frame(bytes(60)), 0.0)
    far.send(Frame(bytes(61)), 0.0)
    assert wrapped.deadline() == 0.0
    assert wrapped.receive(0.0) == [Frame(bytes(61))]
    assert wrapped.fileno() is None
    assert wrapped.counters is near.counters
    wrapped.close()


def test_identities() -> None:
    assert identity.E1000.mac == parse_mac("52:54:98:76:54:33")
    assert identity.derived_mac(identity.E1000.mac, 1) == parse_mac("52:54:98:76:54:34")
    assert identity.derived_mac(parse_mac("52:54:98:76:ff:ff"), 1) == parse_mac("52:54:98:76:00:00")


def test_the_trace_has_a_line_for_every_frame() -> None:
    lines: list[str] = []
    near, far = cable(*MACS)
    traced = Trace(near, lines.append)
    traced.send(super_frame(bytes(2500)), 5.0)
    far.send(offload.complete(super_frame(b"x", IP6, gso_size=0)), 5.0)
    traced.receive(5.25)
    Trace(NullDevice("eth1", MACS[0]), lines.append).send(Frame(b"odd"), 0.0)
    assert lines == [
        "  0.000000 eth0 -> 02:00:00:00:00:02 > 02:00:00:00:00:01 IP 10.0.0.1.1 > 10.0.0.2.2: "
        "TCP [FPA] seq 4294967040 ack 7 win 99 len 2500, 3 segments of 1000",
        "  0.250000 eth0 <- 02:00:00:00:00:02 > 02:00:00:00:00:01 IP6 fd00::1.1 > fd00::2.2: "
        "TCP [FPA] seq 4294967040 ack 7 win 99 len 1",
        "  0.000000 eth1 -> malformed (short Ethernet frame), 3 bytes (dropped)",
    ]
    assert "ethertype 0x88cc" in describe(Frame(MACS[0] + MACS[1] + b"\x88\xcc"))


def test_an_attached_host_talks_to_itself_over_its_loopback() -> None:
    attached = AttachedHost(Host(random.Random(1).randbytes))
    attached.attach_loopback(loopback(), 0.0)
    ours, theirs = attached.host.udp_socket(), attached.host.udp_socket()
    assert theirs.bind(parse_ip("127.0.0.1"), 7) is None
    ours.send(b"hello", 1.0, (parse_ip("127.0.0.1"), 7))
    assert attached.deadline() == 0.0
    assert not attached.service(1.0)
    assert theirs.recv().data == b"hello"
    assert attached.descriptors() == []
    assert attached.attach(loopback()).name == "lo"


def test_service_returns_after_a_while_even_if_the_talk_never_ends() -> None:
    attached = AttachedHost(Host(random.Random(1).randbytes))
    attached.attach_loopback(loopback(), 0.0)
    host = attached.host
    echo, other = host.udp_socket(), host.udp_socket()
    address = parse_ip("127.0.0.1")
    echo.bind(address, 7)
    other.bind(address, 8)

    class Echo:
        def poll(self, now: float) -> None:
            for handle in (echo, other):
                if hasattr(datagram := handle.recv(), "data"):
                    handle.send(datagram.data, now, (datagram.src, datagram.src_port))

        def deadline(self) -> None:
            return None

    host.services.append(Echo())
    echo.send(b"for ever", 1.0, (address, 8))
    assert attached.service(1.0)


def test_an_attached_host_with_a_clock_says_how_long_sending_took(monkeypatch: pytest.MonkeyPatch) -> None:
    """5 ms for each frame: the turn goes on at that time, and connections are told."""
    times, now = [], 1.0
    attached = AttachedHost(Host(random.Random(1).randbytes), clock=lambda: now)
    monkeypatch.setattr(TcpLayer, "sent_late", lambda _tcp, *told: times.append(told))

    class Slow(Wrapper):
        def send(self, frame: Frame, now_: float) -> bool:
            nonlocal now
            now += 0.005
            times.append(now_)
            return super().send(frame, now_)

    attached.attach_loopback(Slow(loopback()), 1.0)
    ours = attached.host.udp_socket()
    ours.send(b"nobody", 1.0, (parse_ip("127.0.0.1"), 7))
    attached.service(1.0)
    assert times == [1.0, (1.0, pytest.approx(0.005)), 1.005, (1.005, pytest.approx(0.005))]
