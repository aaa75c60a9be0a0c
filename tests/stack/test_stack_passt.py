"""Through passt to the loopback of a machine: DHCP, router advertisements, connections out and in.

The machine is a network namespace of the test's own with an interface to nowhere, so nothing leaves it.
"""

import hashlib
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from kernel_side import Namespace
from support.capture import assert_clean
from test_stack_kernel import REFUSED, read_all, write_all

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.capture import Capture, CaptureFile
from ptrace_net.devices.identity import E1000
from ptrace_net.devices.stream import connect_stream
from ptrace_net.stack.addresses import ANY4, link_local, parse_ip
from ptrace_net.stack.dhcp_service import DhcpService
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp import wakeups
from ptrace_net.stack.tcp.socket import TcpSocket

GATEWAY = {4: parse_ip("192.0.2.1"), 6: parse_ip("fd77::1")}
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
FORWARDED = 4080
MTU = 65520

pytestmark = [
    pytest.mark.skipif(bool(REFUSED), reason=REFUSED),
    pytest.mark.skipif(not shutil.which("passt"), reason="passt is not installed"),
]


class PasstRig:
    """Our host on passt's socket, captured; has what the helpers of test_stack_kernel use of a Rig."""

    def __init__(self, namespace: Namespace, path: Path) -> None:
        self.namespace = namespace
        self.attached = AttachedHost(Host(os.urandom))
        self.host = self.attached.host
        self.capture = path.with_suffix(".pcapng")
        self._file = self.capture.open("wb")
        file = CaptureFile(self._file.write, 0.0, clock=time.monotonic)
        self.eth0 = self.attached.attach(Capture(connect_stream(str(path), E1000.mac, mtu=MTU), file))
        assert DhcpService(self.host, self.eth0).start(self.now) is None
        self.eth0.add_address(link_local(E1000.mac), 64, self.now)
        self.eth0.autoconf.start_router_discovery(self.now + 1.1)

    def close(self) -> None:
        """The end, after which nothing may be wrong with what was captured."""
        self.attached.devices["eth0"].close()
        self._file.close()
        assert_clean(self.capture)

    @property
    def now(self) -> float:
        return time.monotonic()

    def run_until(self, condition, seconds: float = 20.0):
        end = self.now + seconds
        while not (value := condition()):
            assert self.now < end, "not in time"
            deadline = self.attached.deadline()
            wait = 0.05 if deadline is None else min(0.05, max(0.0, deadline - self.now))
            select.select(self.attached.descriptors(), [], [], wait)
            self.attached.service(self.now)
        return value


@pytest.fixture
def directory() -> Iterator[Path]:
    """Where passt can make its socket after it has given up root."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def rig(directory: Path) -> Iterator[PasstRig]:
    namespace = Namespace()
    namespace.shell(
        "ip link set lo up", "ip link add d0 type veth peer name d1", "ip addr add 192.0.2.2/24 dev d0",
        "ip -6 addr add fd77::2/64 dev d0 nodad", "ip link set d1 up", "ip link set d0 up",
        "ip route add default via 192.0.2.1", "ip -6 route add default via fd77::1",
    )  # fmt: skip
    path = directory / "passt.sock"
    command = ["passt", "--foreground", "--quiet", "--socket", str(path), "-t", str(FORWARDED), "-u", "none"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    passt = namespace.start(lambda: subprocess.Popen(command, **quiet)).result()
    try:
        end = time.monotonic() + 10
        while not path.exists():
            assert passt.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        made = PasstRig(namespace, path)
        yield made
        made.close()
    finally:
        passt.kill()
        passt.wait()
        namespace.close()


def loopback_listener(version: int) -> socket.socket:
    listener = socket.socket(FAMILY[version])
    listener.settimeout(20)
    listener.bind((LOOPBACK[version], 0))
    listener.listen(5)
    return listener


def read(handle: TcpSocket) -> bytes | None:
    chunk = handle.recv(100)
    return None if isinstance(chunk, Fail) else chunk


def digest_of(listener: socket.socket, size: int) -> None:
    """Answer ``size`` bytes with their digest.

    The client must not half-close: Debian 12's passt then repeats the answer as new data and keeps back the
    FIN (towards Linux guests too).
    """
    connection, _peer = listener.accept()
    with connection, listener:
        connection.settimeout(20)
        digest = hashlib.sha256()
        while size:
            chunk = connection.recv(1 << 18)
            digest.update(chunk)
            size -= len(chunk)
        connection.sendall(digest.digest())
        connection.recv(1)


def test_dhcp_advertisements_and_connections_to_the_loopback(rig: PasstRig) -> None:
    rig.run_until(lambda: parse_ip("192.0.2.2") in rig.eth0.addresses)
    rig.run_until(lambda: any(a.ip[:2] == b"\xfd\x77" and a.usable for a in rig.eth0.addresses.values()))
    for version in (4, 6):
        data = os.urandom(4 << 20)
        listener = rig.namespace.start(loopback_listener, version).result()
        future = rig.namespace.start(digest_of, listener, len(data))
        client = rig.host.tcp_socket(version)
        client.connect(GATEWAY[version], listener.getsockname()[1], rig.now)
        rig.run_until(lambda handle=client: handle.events() & wakeups.POLLOUT)
        assert client.take_error() is None
        write_all(rig, client, data, finish=False)
        assert rig.run_until(lambda handle=client: read(handle)) == hashlib.sha256(data).digest()
        client.close(rig.now)
        rig.run_until(future.done)
        future.result()
    assert rig.eth0.counters.rx_malformed == 0


def local_client(data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", FORWARDED), timeout=20) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        return connection.recv(100)


def test_connections_from_the_loopback(rig: PasstRig) -> None:
    rig.run_until(lambda: parse_ip("192.0.2.2") in rig.eth0.addresses)
    listener = rig.host.tcp_socket(4)
    assert listener.bind(ANY4, FORWARDED) is None
    assert listener.listen(5) is None
    data = os.urandom(2 << 20)
    future = rig.namespace.start(local_client, data)
    server = rig.run_until(lambda: handle if isinstance(handle := listener.accept(), TcpSocket) else None)
    assert read_all(rig, server) == data
    server.send(b"thanks")
    server.close(rig.now)
    rig.run_until(future.done)
    assert future.result() == b"thanks"
