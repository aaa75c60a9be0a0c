"""Devices and their wrappers: memory, trace, impairment, framing, offload, virtio headers, the switch."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net import device_options
from ptrace_net.devices import framing, hubwire, identity, impairment, virtio
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.describe import describe
from ptrace_net.devices.device import Device, Wrapper
from ptrace_net.devices.impair import Direction, Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.devices.memory import QUEUE_LIMIT, NullDevice, cable, loopback
from ptrace_net.devices.switch import MAX_ADDRESSES, Switch
from ptrace_net.devices.trace import Trace
from ptrace_net.stack import ethernet, ipv4, ipv6, offload
from ptrace_net.stack.addresses import parse_ip, parse_mac
from ptrace_net.stack.checksum import checksum, pseudo_sum
from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame, Malformed, Offload
from ptrace_net.stack.host import Host
from ptrace_net.stack.tcp import segment
from ptrace_net.stack.tcp.layer import TcpLayer
from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, Addressing

MACS = (parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02"))
IP4 = (parse_ip("10.0.0.1"), parse_ip("10.0.0.2"))
IP6 = (parse_ip("fd00::1"), parse_ip("fd00::2"))


def super_frame(
    payload: bytes, ends: tuple[bytes, bytes] = IP4, gso_size: int = 1000, flags: int = PSH | FIN | ACK
) -> Frame:
    """A TCP segment with its checksum left to the device."""
    head = segment.header(Addressing.of(ends[0], 1, ends[1], 2), 0xFFFFFF00, 7, flags, 99, b"", payload, True)
    length = len(head) + len(payload)
    if len(ends[0]) == 4:
        ip, ethertype = ipv4.header(*ends, 6, length, ident=0xFFFF), 0x800
    else:
        ip, ethertype = ipv6.header(*ends, 6, length), 0x86DD
    data = ethernet.header(*MACS, ethertype) + ip + head + payload
    return Frame(data, gso_size, True, False, 14 + len(ip), 16)


def parsed(frame: Frame) -> segment.Segment:
    view = memoryview(frame.data)[14:]
    if view[0] >> 4 == 4:
        packet = ipv4.parse(view)
        return segment.parse(packet.payload, packet.src, packet.dst)
    packet6 = ipv6.parse(view)
    return segment.parse(packet6.payload, packet6.src, packet6.dst)


# -- offload ------------------------------------------------------------------------------------------


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


# -- virtio and hub messages --------------------------------------------------------------------------


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


# -- QEMU's framing -----------------------------------------------------------------------------------


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


# -- plain devices and wrappers -----------------------------------------------------------------------


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


# -- impairment ---------------------------------------------------------------------------------------


def test_impairments_are_written_as_text() -> None:
    found = impairment.parse(
        "delay=20ms,jitter=500us,loss=1%,duplicate=0.5%,reorder=0.25,corrupt=2%,rate=10mbit,limit=50,seed=7"
    )
    assert found == Impairment(0.02, 0.0005, 0.01, 0.005, 0.25, 0.02, 10e6, 50, 7)
    assert impairment.parse("") == Impairment()
    assert impairment.parse("delay=2,rate=900") == Impairment(delay=2.0, rate=900.0)


def test_the_run_s_seed_is_for_links_without_one() -> None:
    asked = device_options.links("stack", (), (), ("eth0:loss=1%", "lo:loss=1%,seed=3"), ())
    assert [each.impairment.seed for each in asked.seeded(7).impairs] == [7, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lag=1s", "unknown impairment 'lag'"),
        ("delay=soon", "not a number"),
        ("delay=1h", "unknown unit 'h'"),
        ("loss=200%", "more than 100%"),
        ("loss=5ms", "unknown unit"),
    ],
)
def test_wrong_impairments_say_what_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        impairment.parse(text)


def through(
    what: Impairment, count: int = 1000, gap: float = 0.001
) -> tuple[Direction, list[tuple[float, Frame]]]:
    """``count`` numbered frames through one direction: when and which came out."""
    direction = Direction(what, random.Random(what.seed))
    out: list[tuple[float, Frame]] = []
    for number in range(count):
        direction.put(Frame(number.to_bytes(4, "big") + bytes(96)), number * gap)
        out += [(number * gap, frame) for frame in direction.take(number * gap)]
    while (at := direction.deadline()) is not None:
        out += [(at, frame) for frame in direction.take(at)]
    return direction, out


def numbers(out: list[tuple[float, Frame]]) -> list[int]:
    return [int.from_bytes(frame.data[:4], "big") for _at, frame in out]


def test_loss_duplication_and_corruption_have_their_chances_and_are_repeatable() -> None:
    what = Impairment(loss=0.1, duplicate=0.05, corrupt=0.02, seed=3)
    direction, out = through(what)
    counters = direction.counters
    assert counters.lost == pytest.approx(100, abs=35)
    assert counters.duplicated == pytest.approx(45, abs=25)
    assert counters.corrupted == pytest.approx(18, abs=15)
    assert len(out) == 1000 - counters.lost + counters.duplicated
    assert through(what)[1] == out
    assert through(Impairment(loss=0.1, seed=4))[1] != through(Impairment(loss=0.1, seed=5))[1]


def test_corruption_flips_one_bit() -> None:
    _direction, out = through(Impairment(corrupt=1.0), 1)
    original = bytes(100)
    assert sum((a ^ b).bit_count() for a, b in zip(out[0][1].data, original, strict=True)) == 1


def test_delay_jitter_and_order() -> None:
    _direction, out = through(Impairment(delay=0.05, jitter=0.01))
    assert numbers(out) == list(range(1000))
    assert all(
        0.039 <= at - number * 0.001 <= 0.061 for (at, _f), number in zip(out, numbers(out), strict=True)
    )
    direction, out = through(Impairment(delay=0.05, reorder=0.1))
    assert numbers(out) != sorted(numbers(out))
    assert direction.counters.reordered == pytest.approx(100, abs=35)
    assert numbers(through(Impairment(reorder=0.1), gap=0.0001)[1]) != list(range(1000))


def test_a_rate_spaces_frames_and_a_full_queue_drops() -> None:
    _direction, out = through(Impairment(rate=80_000), 20, gap=0.0)
    assert [round(at, 6) for at, _frame in out] == [round(0.01 * (n + 1), 6) for n in range(20)]
    direction, out = through(Impairment(rate=80_000, limit=5), 20, gap=0.0)
    assert (len(out), direction.counters.overflowed) == (5, 15)


def test_impaired_devices_cut_large_frames_and_delay_both_ways() -> None:
    near, far = cable(*MACS, offload=FULL_OFFLOAD)
    impaired = Impair(near, Impairment(delay=0.1))
    assert impaired.offload == NO_OFFLOAD
    assert impaired.send(super_frame(bytes(2500)), 1.0)
    assert far.receive(1.0) == []
    assert impaired.deadline() == 1.1
    far.send(super_frame(bytes(2500)), 1.0)
    assert impaired.receive(1.0) == []
    assert len(impaired.receive(1.1)) == 3
    assert len(far.receive(1.1)) == 3
    assert impaired.deadline() is None
    limited = Impair(near, Impairment(delay=1.0, limit=2))
    assert not limited.send(super_frame(bytes(2500)), 2.0)


def test_a_change_concerns_what_is_sent_after_it() -> None:
    near, far = cable(*MACS)
    impaired = Impair(near, Impairment(delay=0.5))
    impaired.send(Frame(b"slow" * 20), 1.0)
    impaired.change(Impairment(loss=1.0))
    impaired.send(Frame(b"lost" * 20), 1.0)
    far.send(Frame(b"lost" * 20), 1.0)
    assert impaired.receive(1.0) == []
    impaired.change(Impairment())
    far.send(Frame(b"here" * 20), 1.1)
    assert [bytes(frame.data[:4]) for frame in impaired.receive(1.1)] == [b"here"]
    assert impaired.receive(1.5) == []
    assert [bytes(frame.data[:4]) for frame in far.receive(1.5)] == [b"slow"]


def test_a_change_of_lo_concerns_the_way_out() -> None:
    """What passes lo passes it once, before and after."""
    impaired = Impair(loopback(), Impairment())
    impaired.change(Impairment(delay=1.0))
    impaired.send(Frame(b"lo" * 40), 1.0)
    assert impaired.receive(1.5) == []
    assert len(impaired.receive(2.0)) == 1


# -- hosts with devices -------------------------------------------------------------------------------


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
