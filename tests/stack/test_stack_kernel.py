"""Against the Linux kernel over a TAP, in a network namespace of the test's own."""

import errno
import hashlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from kernel_side import KERNEL, OURS, Rig, kernel_rig
from support.capture import assert_clean

from ptrace_net.devices.capture import Capture, CaptureFile
from ptrace_net.devices.device import Device
from ptrace_net.devices.impair import Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.stack import icmp
from ptrace_net.stack.addresses import format_ip, parse_ip
from ptrace_net.stack.result import AGAIN, Fail
from ptrace_net.stack.tcp import wakeups
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket

FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def allowed() -> str:
    """Why there can be no rig here, or nothing."""
    if not shutil.which("ip"):
        return "ip(8) is not installed"
    try:
        with kernel_rig():
            return ""
    except (OSError, subprocess.SubprocessError) as error:
        return f"no network namespace with a TAP: {error}"


REFUSED = allowed()
pytestmark = pytest.mark.skipif(bool(REFUSED), reason=REFUSED)


@pytest.fixture
def rig() -> Iterator[Rig]:
    with kernel_rig() as made:
        yield made


# -- what the kernel's side does ----------------------------------------------------------------------


def kernel_listener(version: int) -> socket.socket:
    listener = socket.socket(FAMILY[version])
    listener.settimeout(20)
    listener.bind((KERNEL[version], 0))
    listener.listen(64)
    return listener


def kernel_receives(listener: socket.socket) -> str:
    """Accept one connection, read it to its end, and say the digest of what came."""
    connection, _peer = listener.accept()
    with connection, listener:
        connection.settimeout(60)
        digest = hashlib.sha256()
        while chunk := connection.recv(1 << 18):
            digest.update(chunk)
        connection.sendall(b"done")
    return digest.hexdigest()


def kernel_sends(version: int, port: int, data: bytes) -> bytes:
    with kernel_connects(version, port) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100)


def kernel_connects(version: int, port: int) -> socket.socket:
    """Once more where a lossy link has lost every neighbour solicitation (the kernel sends three)."""
    for _ in range(3):
        try:
            return socket.create_connection((format_ip(OURS[version]), port), timeout=60)
        except OSError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
    raise TimeoutError("no neighbour discovery in three times three solicitations")


def kernel_pings(version: int, size: int) -> bytes:
    """The answer to one of ten requests: an interface that has just come up drops the first."""
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
    with socket.socket(FAMILY[version], socket.SOCK_RAW, protocol) as raw:
        raw.settimeout(2)
        ours = format_ip(OURS[version])
        request = icmp.pack(
            parse_ip(KERNEL[version]), OURS[version], 8 if version == 4 else 128, 0, 0x70007, bytes(size)
        )
        for _ in range(10):
            raw.sendto(request, (ours, 0))
            with suppress(TimeoutError):
                return _answer(raw, version)
    raise TimeoutError("no answer to ten requests")


def _answer(raw: socket.socket, version: int) -> bytes:
    while True:
        reply = raw.recv(1 << 16)
        message = reply[20:] if version == 4 else reply
        if message[0] in (0, 129):
            return message


# -- what ours does -----------------------------------------------------------------------------------


def listen(rig: Rig, version: int, port: int = 80, backlog: int = 16) -> TcpSocket:
    listener = rig.host.tcp_socket(version)
    assert listener.bind(OURS[version], port) is None
    assert listener.listen(backlog) is None
    return listener


def accept(rig: Rig, listener: TcpSocket) -> TcpSocket:
    def attempt() -> TcpSocket | None:
        accepted = listener.accept()
        return None if isinstance(accepted, Fail) else accepted

    return rig.run_until(attempt)


def read_all(rig: Rig, handle: TcpSocket, seconds: float = 60.0) -> bytes:
    received: list[bytes] = []

    def turn() -> bool:
        while not isinstance(chunk := handle.recv(1 << 18), Fail):
            if not chunk:
                return True
            received.append(chunk)
        assert chunk == AGAIN
        return False

    rig.run_until(turn, seconds)
    return b"".join(received)


def write_all(
    rig: Rig, handle: TcpSocket, data: bytes, seconds: float = 60.0, finish: bool = True
) -> None:
    sent = 0

    def turn() -> bool:
        nonlocal sent
        while sent < len(data):
            taken = handle.send(data[sent : sent + (1 << 18)])
            if isinstance(taken, Fail):
                assert taken == AGAIN
                return False
            sent += taken
        return True

    rig.run_until(turn, seconds)
    if finish:
        handle.shutdown(SHUT_WR, rig.now)


def connect(rig: Rig, version: int, port: int) -> TcpSocket:
    handle = rig.host.tcp_socket(version)
    handle.connect(parse_ip(KERNEL[version]), port, rig.now)
    rig.run_until(lambda: handle.events() & wakeups.POLLOUT)
    assert handle.take_error() is None
    return handle


def to_us(rig: Rig, version: int, data: bytes, seconds: float = 60.0) -> None:
    listener = listen(rig, version)
    future = rig.namespace.start(kernel_sends, version, 80, data)
    server = accept(rig, listener)
    assert read_all(rig, server, seconds) == data
    server.send(b"done")
    server.close(rig.now)
    listener.close(rig.now)
    assert rig.result(future) == b"done"
    rig.attached.service(rig.now)


def to_kernel(rig: Rig, version: int, data: bytes, seconds: float = 60.0) -> TcpSocket:
    listener = rig.namespace.start(kernel_listener, version).result()
    future = rig.namespace.start(kernel_receives, listener)
    client = connect(rig, version, listener.getsockname()[1])
    write_all(rig, client, data, seconds)
    assert rig.result(future, seconds) == hashlib.sha256(data).hexdigest()
    assert read_all(rig, client) == b"done"
    client.close(rig.now)
    rig.attached.service(rig.now)
    return client


# -- tests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [56, 4000])
def test_ping_both_ways(rig: Rig, version: int, size: int) -> None:
    reply = rig.result(rig.namespace.start(kernel_pings, version, size))
    assert (reply[4:8], len(reply)) == (b"\0\7\0\7", size + 8)
    protocol, request, answer = (1, 8, 0) if version == 4 else (58, 128, 129)
    raw = rig.host.raw_socket(version, protocol)
    target = parse_ip(KERNEL[version])
    raw.send(icmp.pack(OURS[version], target, request, 0, 0x10002, bytes(size)), target, rig.now)

    def answered() -> bool:
        packet = raw.recv()
        if isinstance(packet, Fail):
            return False
        body = packet.data[20:] if version == 4 else packet.data
        message = icmp.parse(memoryview(body), target, OURS[version])
        return message.type == answer and len(message.body) == size

    assert rig.run_until(answered, 20)


@pytest.mark.parametrize("segmentation", [True, False], ids=["offload", "plain"])
@pytest.mark.parametrize("version", [4, 6])
def test_transfers_both_ways(version: int, segmentation: bool) -> None:
    data = os.urandom(8 << 20)
    with kernel_rig(segmentation=segmentation) as rig:
        to_us(rig, version, data)
        client = to_kernel(rig, version, data)
        assert client.tcb is None
        assert rig.attached.host.interfaces["eth0"].counters.rx_malformed == 0


@pytest.mark.parametrize(("mtu", "version"), [(576, 4), (9000, 4), (1280, 6), (9000, 6)])
def test_small_and_large_mtus(mtu: int, version: int) -> None:
    data = os.urandom(2 << 20)
    with kernel_rig(mtu=mtu, segmentation=False) as rig:
        to_us(rig, version, data)
        to_kernel(rig, version, data)


def hostile(device: Device) -> Device:
    return Impair(
        device, Impairment(delay=0.001, loss=0.05, reorder=0.05, duplicate=0.01, corrupt=0.01, seed=1)
    )


@pytest.mark.parametrize("version", [4, 6])
def test_transfers_under_loss_and_reordering(version: int) -> None:
    data = os.urandom(1 << 20)
    with kernel_rig(segmentation=False, wrap=hostile) as rig:
        to_us(rig, version, data)
        to_kernel(rig, version, data)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_hundred_megabytes_under_loss_and_reordering() -> None:
    data = os.urandom(100 << 20)
    with kernel_rig(segmentation=False, wrap=hostile) as rig:
        to_us(rig, 4, data, 280)
        to_kernel(rig, 4, data, 280)


def many_clients(count: int, port: int) -> int:
    """Open ``count`` connections at once and exchange a line on each."""
    clients = [socket.create_connection((format_ip(OURS[4]), port), timeout=30) for _ in range(count)]
    for number, client in enumerate(clients):
        client.sendall(f"{number:4d}".encode())
    answers = sum(client.recv(10) == f"{number:4d}".encode() for number, client in enumerate(clients))
    for client in clients:
        client.close()
    return answers


def test_five_hundred_connections_at_once(rig: Rig) -> None:
    listener = listen(rig, 4, backlog=1000)
    future = rig.namespace.start(many_clients, 500, 80)
    handles: list[TcpSocket] = []

    def turn() -> bool:
        while isinstance(accepted := listener.accept(), TcpSocket):
            handles.append(accepted)
        for handle in list(handles):
            data = handle.recv(100)
            if isinstance(data, bytes):
                if data:
                    handle.send(data)
                else:
                    handle.close(rig.now)
                    handles.remove(handle)
        return future.done()

    rig.run_until(turn)
    assert future.result() == 500


def refused(port: int) -> str:
    try:
        socket.create_connection((format_ip(OURS[4]), port), timeout=5)
    except OSError as error:
        return type(error).__name__
    return "connected"


def test_refusals_both_ways(rig: Rig) -> None:
    assert rig.result(rig.namespace.start(refused, 1)) == "ConnectionRefusedError"
    handle = rig.host.tcp_socket()
    handle.connect(parse_ip(KERNEL[4]), 1, rig.now)
    rig.run_until(lambda: handle.events() & wakeups.POLLERR)
    assert str(handle.take_error()).startswith("ECONNREFUSED")
    datagrams = rig.host.udp_socket()
    datagrams.connect(parse_ip(KERNEL[4]), 1, rig.now)
    datagrams.send(b"anybody?", rig.now)
    rig.run_until(lambda: datagrams.error)
    assert str(datagrams.recv()).startswith("ECONNREFUSED")


def test_a_tap_that_is_removed_ends_its_device(rig: Rig) -> None:
    rig.namespace.shell("ip link del tap0")
    device = rig.attached.devices["eth0"]
    rig.run_until(lambda: device.error, 5)
    assert rig.attached.descriptors() == []
    rig.attached.service(rig.now)


def udp_echo(version: int) -> tuple[int, Callable[[], None]]:
    echo = socket.socket(FAMILY[version], socket.SOCK_DGRAM)
    echo.settimeout(20)
    echo.bind((KERNEL[version], 0))

    def serve() -> None:
        with echo:
            data, peer = echo.recvfrom(1 << 16)
            echo.sendto(data[::-1], peer)

    return echo.getsockname()[1], serve


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("size", [1, 20_000])
def test_datagrams_both_ways(rig: Rig, version: int, size: int) -> None:
    port, serve = rig.namespace.start(udp_echo, version).result()
    future = rig.namespace.start(serve)
    handle = rig.host.udp_socket(version)
    data = os.urandom(size)
    handle.send(data, rig.now, (parse_ip(KERNEL[version]), port))
    rig.result(future)
    got = rig.run_until(lambda: None if isinstance(d := handle.recv(), Fail) else d, 5)
    assert got.data == data[::-1]


@pytest.mark.parametrize("segmentation", [True, False], ids=["offload", "plain"])
def test_tshark_finds_nothing_wrong_in_the_capture(tmp_path: Path, segmentation: bool) -> None:
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    path = tmp_path / "kernel.pcapng"
    with path.open("wb") as file:
        capture = CaptureFile(file.write, 0.0, clock=time.monotonic)
        with kernel_rig(segmentation=segmentation, wrap=lambda device: Capture(device, capture)) as rig:
            for version in (4, 6):
                data = bytes(1 << 20)
                to_us(rig, version, data)
                to_kernel(rig, version, data)
    assert_clean(path)
