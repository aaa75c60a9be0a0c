"""The hub and the stream device on real sockets of this machine: frames between several stacks."""

import errno
import os
import random
import select
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptrace_net.devices import framing, hub, hubwire, stream
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.device import Device
from ptrace_net.devices.hub import HubDevice, join_hub
from ptrace_net.devices.stream import StreamDevice, connect_stream
from ptrace_net.stack.addresses import format_ip, parse_ip
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket


def mac(number: int) -> bytes:
    return bytes((2, 0, 0, 0, 0, number))


def address(number: int) -> bytes:
    return parse_ip(f"10.7.0.{number}")


class Net:
    """Attached hosts that are served together, by their descriptors."""

    def __init__(self) -> None:
        self.hosts: list[AttachedHost] = []

    def add(self, device: Device) -> AttachedHost:
        number = len(self.hosts) + 1
        attached = AttachedHost(Host(random.Random(number).randbytes))
        attached.attach(device, dad=False).add_address(address(number), 24, time.monotonic())
        self.hosts.append(attached)
        return attached

    def run(self, seconds: float = 0.05) -> None:
        """Serve whoever has something to do, until nobody has for a moment."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            now = time.monotonic()
            busy = [host.service(now) for host in self.hosts]
            descriptors = [fd for host in self.hosts for fd in host.descriptors()]
            if not any(busy) and not select.select(descriptors, [], [], seconds)[0]:
                return

    def transfer(self, source: AttachedHost, target: AttachedHost, data: bytes) -> bytes:
        number = self.hosts.index(target) + 1
        listener = target.host.tcp_socket()
        assert listener.bind(address(number), 80) is None
        assert listener.listen(5) is None
        client = source.host.tcp_socket()
        client.connect(address(number), 80, time.monotonic())
        sent, received, server = 0, b"", None
        end = time.monotonic() + 30
        while time.monotonic() < end:
            for host in self.hosts:
                host.service(time.monotonic())
            if server is None:
                accepted = listener.accept()
                server = accepted if isinstance(accepted, TcpSocket) else None
                continue
            while sent < len(data) and not isinstance(taken := client.send(data[sent:]), Fail):
                sent += taken
                if sent == len(data):
                    client.shutdown(SHUT_WR, time.monotonic())
            chunk = server.recv(1 << 20)
            if chunk == b"":
                break
            received += b"" if isinstance(chunk, Fail) else chunk
        client.close(time.monotonic())
        listener.close(time.monotonic())
        return received


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "hubs" / "lab"


@pytest.fixture
def ports(directory: Path) -> Iterator[list[HubDevice]]:
    """Devices that are closed at the end."""
    made: list[HubDevice] = []
    yield made
    for port in made:
        port.close()


def settle(ports: list[HubDevice]) -> None:
    """Let everybody hear everybody's introduction."""
    for _ in range(3):
        for port in ports:
            assert port.receive(0.0) == []


def test_two_runs_on_one_hub(directory: Path, ports: list[HubDevice]) -> None:
    net = Net()
    ports += [join_hub(directory, mac(number), f"run{number}") for number in (1, 2)]
    first, second = map(net.add, ports)
    data = random.Random(1).randbytes(3_000_000)
    assert net.transfer(first, second, data) == data
    assert [peer.name for peer in ports[0].peers()] == ["run2"]
    assert ports[1].peers()[0].pid == os.getpid()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert max(len(frame) for frame in [data]) > 60_000
    assert ports[0].counters.tx_packets < len(data) // 30_000 + 100


def test_five_runs_on_one_hub(directory: Path, ports: list[HubDevice]) -> None:
    net = Net()
    for number in range(1, 6):
        ports.append(join_hub(directory, mac(number)))
        net.add(ports[-1])
    assert [len(port.links) for port in ports[-1:]] == [4]
    data = random.Random(2).randbytes(200_000)
    for near, far in ((0, 4), (4, 0), (2, 3), (1, 4)):
        assert net.transfer(net.hosts[near], net.hosts[far], data) == data
    assert all(len(port.peers()) == 4 for port in ports)


def test_a_run_that_ends_is_forgotten(directory: Path, ports: list[HubDevice]) -> None:
    ports += [join_hub(directory, mac(number)) for number in (1, 2, 3)]
    settle(ports)
    ports.pop().close()
    settle(ports)
    assert [len(port.links) for port in ports] == [1, 1]
    assert len(list(directory.glob("*.port"))) == 2


def test_the_socket_of_a_run_that_died_is_removed(directory: Path, ports: list[HubDevice]) -> None:
    directory.mkdir(parents=True, mode=0o700)
    dead = directory / "1-dead.port"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(dead))
    odd = directory / "2-odd.port"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(odd))
        other.listen(1)
        ports.append(join_hub(directory, mac(1)))
    assert not dead.exists()
    assert odd.exists()
    assert not ports[0].links


def test_a_hub_of_others_is_refused(
    directory: Path, ports: list[HubDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    ports.append(join_hub(directory, mac(1)))
    monkeypatch.setattr(hub, "_peer_uid", lambda connection: os.geteuid() + 1)
    ports.append(join_hub(directory, mac(2)))
    ports[0].receive(0.0)
    assert not ports[0].links
    directory.chmod(0o755)
    with pytest.raises(PermissionError, match="must belong to the user alone"):
        join_hub(directory, mac(3))
    directory.chmod(0o700)


def test_nonsense_ends_the_connection(directory: Path, ports: list[HubDevice]) -> None:
    ports.append(join_hub(directory, mac(1)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.connect(str(ports[0].path))
        ports[0].receive(0.0)
        assert hubwire.parse(stranger.recv(100)).mac == mac(1)
        stranger.send(b"nonsense")
        ports[0].receive(0.0)
        assert not ports[0].links


def test_a_slow_peer_costs_frames_not_memory(
    directory: Path, ports: list[HubDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "BACKLOG", 20)
    ports += [join_hub(directory, mac(number)) for number in (1, 2)]
    settle(ports)
    frame = Frame(mac(2) + mac(1) + bytes(9000))
    sent = sum(ports[0].send(frame, 0.0) for _ in range(1000))
    assert 20 <= sent < 1000
    assert ports[0].counters.tx_dropped == 1000 - sent
    received = []
    for _ in range(200):
        received += ports[1].receive(0.0)
        ports[0].receive(0.0)
    assert len(received) == sent
    while ports[0].send(frame, 0.0):
        assert not ports[0].counters.rx_packets
    ports.pop().close()
    assert ports[0].receive(0.0) == []
    assert not ports[0].links


def test_a_peer_that_vanishes_while_frames_wait(directory: Path, ports: list[HubDevice]) -> None:
    ports += [join_hub(directory, mac(number)) for number in (1, 2)]
    settle(ports)
    ports.pop().close()
    assert not ports[0].send(Frame(mac(2) + mac(1) + bytes(100)), 0.0)
    assert not ports[0].links
    assert ports[0].send(Frame(mac(2) + mac(1) + bytes(100)), 0.0)
    assert (ports[0].deadline(), ports[0].fileno()) == (None, ports[0]._watch.fd)


OTHER_RUN = """
import sys, time, select
from pathlib import Path
from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.hub import join_hub
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.host import Host
attached = AttachedHost(Host(__import__("os").urandom))
attached.attach(join_hub(Path(sys.argv[1]), bytes((2, 0, 0, 0, 0, 9))), dad=False).add_address(
    parse_ip("10.7.0.9"), 24, time.monotonic())
echo = attached.host.udp_socket()
echo.bind(bytes(4), 7)
print("ready", flush=True)
end = time.monotonic() + 20
while time.monotonic() < end:
    select.select(attached.descriptors(), [], [], 0.1)
    attached.service(time.monotonic())
    while hasattr(datagram := echo.recv(), "data"):
        echo.send(datagram.data, time.monotonic(), (datagram.src, datagram.src_port))
        attached.service(time.monotonic())
        if datagram.data == b"end":
            sys.exit(0)
"""


def test_two_processes_on_one_hub(directory: Path, ports: list[HubDevice]) -> None:
    net = Net()
    ports.append(join_hub(directory, mac(1)))
    ours = net.add(ports[0])
    with subprocess.Popen([sys.executable, "-c", OTHER_RUN, str(directory)], stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout.readline() == b"ready\n"
            handle = ours.host.udp_socket()
            for message in (b"x" * 5000, b"end"):
                handle.send(message, time.monotonic(), (parse_ip("10.7.0.9"), 7))
                end = time.monotonic() + 10
                while isinstance(got := handle.recv(), Fail):
                    assert time.monotonic() < end
                    net.run(0.02)
                assert got.data == message
            assert other.wait(10) == 0
        finally:
            other.kill()
    assert ports[0].counters.rx_packets > 2


# -- streams ------------------------------------------------------------------------------------------


@pytest.fixture
def streams() -> Iterator[tuple[StreamDevice, StreamDevice]]:
    pair = [StreamDevice(end, mac(number + 1), mtu=9000) for number, end in enumerate(socket.socketpair())]
    yield pair[0], pair[1]
    for device in pair:
        device.close()


def test_two_stacks_on_a_stream(streams: tuple[StreamDevice, StreamDevice]) -> None:
    net = Net()
    near, far = map(net.add, streams)
    data = random.Random(3).randbytes(2_000_000)
    assert net.transfer(near, far, data) == data
    assert streams[0].counters.tx_bytes == streams[1].counters.rx_bytes
    assert streams[0].deadline() is None
    assert net.run(0.0) is None


def test_a_stream_that_is_not_read_costs_frames_not_memory(
    streams: tuple[StreamDevice, StreamDevice],
) -> None:
    near, far = streams
    frame = Frame(bytes(60_000))
    sent = sum(near.send(frame, 0.0) for _ in range(200))
    assert 60 < sent < 100
    assert near.counters.tx_dropped == 200 - sent
    received = 0
    for _ in range(100):
        received += len(far.receive(0.0))
        near.receive(0.0)
    assert received == sent
    assert near.send(frame, 0.0)


def test_a_turn_of_reading_is_bounded(
    streams: tuple[StreamDevice, StreamDevice], monkeypatch: pytest.MonkeyPatch
) -> None:
    near, far = streams
    monkeypatch.setattr(stream, "_READS", 2)
    monkeypatch.setattr(stream, "_READ_SIZE", 64)
    for _ in range(4):
        far.send(Frame(bytes(60)), 0.0)
    assert [len(near.receive(0.0)) for _ in range(3)] == [2, 2, 0]


def test_the_end_of_a_stream_is_noticed(streams: tuple[StreamDevice, StreamDevice]) -> None:
    near, far = streams
    far.connection.close()
    assert near.receive(0.0) == []
    assert near.error.errno == errno.ECONNRESET
    assert not near.send(Frame(bytes(60)), 0.0)
    assert near.receive(0.0) == []


def test_writing_to_a_stream_that_has_ended(streams: tuple[StreamDevice, StreamDevice]) -> None:
    near, far = streams
    far.connection.close()
    assert near.send(Frame(bytes(60)), 0.0)
    assert near.error.errno == errno.EPIPE


def test_a_stream_out_of_step_is_given_up(streams: tuple[StreamDevice, StreamDevice]) -> None:
    near, far = streams
    far.connection.send(bytes(8))
    assert near.receive(0.0) == []
    assert isinstance(near.error, framing.FramingError)


def test_a_stream_to_nobody(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        connect_stream(str(tmp_path / "nobody"), mac(1))
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "somebody"))
        listener.listen(1)
        device = connect_stream(str(tmp_path / "somebody"), mac(1))
        assert format_ip(address(1)) == "10.7.0.1"
        device.close()
