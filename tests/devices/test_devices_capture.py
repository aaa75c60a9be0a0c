"""Captures: what the pcapng file says of itself, and what tshark makes of it."""

import json
import random
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ptrace_net.devices import pcapng
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.capture import Capture, CaptureFile
from ptrace_net.devices.device import Device
from ptrace_net.devices.memory import NullDevice, cable, loopback
from ptrace_net.stack import icmp
from ptrace_net.stack.addresses import format_ip, parse_ip, parse_mac
from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame, Offload
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.socket import TcpSocket

MACS = (parse_mac("02:00:00:00:00:01"), parse_mac("02:00:00:00:00:02"))
ADDRESSES = {4: (parse_ip("10.0.0.1"), parse_ip("10.0.0.2")), 6: (parse_ip("fd00::1"), parse_ip("fd00::2"))}
CHECKS = [
    option
    for name in ("ip.check_checksum", "tcp.check_checksum", "udp.check_checksum")
    for option in ("-o", f"{name}:TRUE")
]


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """The file as (type, body), its framing checked."""
    found, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert length % 4 == 0
        assert struct.unpack_from("<I", data, at + length - 4) == (length,)
        found.append((kind, data[at + 8 : at + length - 4]))
        at += length
    return found


def test_blocks_are_framed_and_padded() -> None:
    data = pcapng.section_header("ptrace-net", "a comment")
    data += pcapng.interface_description("eth0", MACS[0], "a device", speed=10**9)
    for size in range(5):
        data += pcapng.enhanced_packet(0, 1 << 40, bytes(size), pcapng.OUTBOUND, "nginx[12]", 3, 900)
    data += pcapng.enhanced_packet(0, 0, b"plain")
    data += pcapng.interface_statistics(0, 1 << 40, 6, 3)
    found = blocks(data)
    assert [kind for kind, _body in found] == [0x0A0D0D0A, 1, 6, 6, 6, 6, 6, 6, 5]
    assert struct.unpack_from("<IIIII", found[2][1]) == (0, 256, 0, 0, 900)
    assert len(found[7][1]) == 20 + 8


class Pair:
    """Two attached hosts on a captured cable."""

    def __init__(self, write: Callable[[bytes], object], offload: Offload) -> None:
        self.now = 0.0
        self.file = CaptureFile(write, 1_700_000_000.0)
        near, far = cable(*MACS, offload=offload)
        self.sides = [self._side(0, self.captured(near)), self._side(1, far)]
        self.sides[0].attach_loopback(self.captured(loopback()), 0.0)

    def captured(self, device: Device) -> Capture:
        return Capture(device, self.file, lambda frame, way: f"client[17] {'-><-'[2 * (way == 1) :][:2]}")

    @staticmethod
    def _side(number: int, device: Device) -> AttachedHost:
        attached = AttachedHost(Host(random.Random(number).randbytes))
        interface = attached.attach(device, dad=False)
        for version, length in ((4, 24), (6, 64)):
            interface.add_address(ADDRESSES[version][number], length, 0.0)
        return attached

    def run(self, steps: int = 10) -> None:
        for _ in range(steps):
            for side in (*self.sides, self.sides[0]):
                side.service(self.now)
            self.now += 0.01

    def transfer(self, version: int, data: bytes, address: bytes | None = None) -> bytes:
        target = address or ADDRESSES[version][1]
        server_host = self.sides[0 if address else 1].host
        listener = server_host.tcp_socket(version)
        assert listener.bind(target, 80) is None
        assert listener.listen(1) is None
        client = self.sides[0].host.tcp_socket(version)
        client.connect(target, 80, self.now)
        self.run(3)
        server = listener.accept()
        assert isinstance(server, TcpSocket)
        received, sent = b"", 0
        while len(received) < len(data):
            taken = client.send(data[sent:]) if sent < len(data) else 0
            sent += 0 if isinstance(taken, Fail) else taken
            self.run(1)
            chunk = server.recv(1 << 20)
            received += b"" if isinstance(chunk, Fail) else chunk
        client.close(self.now)
        self.run(2)
        server.close(self.now)
        listener.close(self.now)
        self.run(10)
        return received


def tshark(path: Path, *options: str) -> str:
    command = ["tshark", "-n", "-r", str(path), "-d", "tcp.port==80,data", *CHECKS, *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


@pytest.fixture
def needs_tshark() -> None:
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")


@pytest.mark.parametrize("offload", [NO_OFFLOAD, FULL_OFFLOAD], ids=["plain", "offload"])
def test_tshark_finds_nothing_wrong(tmp_path: Path, offload: Offload, needs_tshark: None) -> None:
    path = tmp_path / "capture.pcapng"
    data = random.Random(1).randbytes(300_000)
    with path.open("wb") as file:
        pair = Pair(file.write, offload)
        for version in (4, 6):
            addresses = ADDRESSES[version]
            assert pair.transfer(version, data) == data
            raw = pair.sides[0].host.raw_socket(version, 1 if version == 4 else 58)
            raw.send(
                icmp.pack(*addresses, 8 if version == 4 else 128, 0, 1, bytes(3000)), addresses[1], pair.now
            )
            datagrams = pair.sides[0].host.udp_socket(version)
            datagrams.send(bytes(2001), pair.now, (addresses[1], 9))
            datagrams.join(parse_ip("239.1.1.1" if version == 4 else "ff15::7"), "eth0", pair.now)
            pair.run()
        assert pair.transfer(4, data, parse_ip("127.0.0.1")) == data
        pair.file.finish(pair.now)
    sums = ("ip", "tcp", "udp", "icmp", "icmpv6", "igmp")
    analysis = ("retransmission", "out_of_order", "lost_segment", "duplicate_ack", "ack_lost_segment")
    wrong = ["_ws.malformed", "_ws.expert.severity == error"]
    wrong += [f"{name}.checksum.status == 0" for name in sums]
    wrong += [f"tcp.analysis.{name}" for name in analysis]
    assert tshark(path, "-Y", " || ".join(wrong)) == ""
    protocols = set(":".join(tshark(path, "-T", "fields", "-e", "frame.protocols").split()).split(":"))
    assert {"arp", "ip", "ipv6", "tcp", "udp", "icmp", "icmpv6", "igmp"} <= protocols


def test_tshark_reads_names_comments_and_directions(tmp_path: Path, needs_tshark: None) -> None:
    path = tmp_path / "capture.pcapng"
    with path.open("wb") as file:
        pair = Pair(file.write, NO_OFFLOAD)
        assert pair.transfer(4, b"hello") == b"hello"
        assert pair.transfer(4, b"hello", parse_ip("127.0.0.1")) == b"hello"
    packets = json.loads(tshark(path, "-T", "json", "-Y", "tcp.flags.syn == 1 && tcp.flags.ack == 0"))
    layers = [packet["_source"]["layers"] for packet in packets]
    assert [layer["frame"]["frame.interface_id_tree"]["frame.interface_name"] for layer in layers] == [
        "eth0",
        "lo",
    ]
    assert "client[17]" in json.dumps(layers[0])
    assert layers[0]["frame"]["frame.time_epoch"].startswith("1700000000.0")
    assert layers[0]["ip"]["ip.src"] == format_ip(ADDRESSES[4][0])


def test_dropped_frames_are_counted_with_the_next_one() -> None:
    out: list[bytes] = []
    file = CaptureFile(out.append, 0.0)

    class Full(NullDevice):
        full = True

        def send(self, frame: Frame, now: float) -> bool:
            return not self.full

    device = Full("eth0", MACS[0])
    captured = Capture(device, file)
    assert not captured.send(Frame(bytes(60)), 0.0)
    assert not captured.send(Frame(bytes(60)), 0.0)
    device.full = False
    assert captured.send(Frame(bytes(60)), 1.0)
    file.finish(2.0)
    kinds = blocks(b"".join(out))
    packet, statistics = kinds[2][1], kinds[3][1]
    assert struct.pack("<HHQ", pcapng.EPB_DROPCOUNT, 8, 2) in packet
    assert struct.pack("<HHQ", pcapng.ISB_IFDROP, 8, 2) in statistics
    assert struct.pack("<HHQ", pcapng.ISB_IFRECV, 8, 1) in statistics


def test_a_reader_that_goes_away_ends_the_capture_not_the_traffic() -> None:
    written: list[bytes] = []

    def write(block: bytes) -> None:
        if len(written) == 3:
            raise BrokenPipeError
        written.append(block)

    file = CaptureFile(write, 0.0)
    near, far = cable(*MACS)
    captured = Capture(near, file)
    for _ in range(5):
        assert captured.send(Frame(bytes(60)), 0.0)
    assert len(far.receive(0.0)) == 5
    assert isinstance(file.error, BrokenPipeError)
    assert len(written) == 3
