"""Two of our stacks on a bad link (loss, repetition, disorder, corruption): all in order, or an error."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stack_net import IP4, MACS, Lab, pump

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.impair import Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.devices.memory import cable
from ptrace_net.stack import icmp
from ptrace_net.stack.frame import Frame
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.socket import TcpSocket
from ptrace_net.stack.tcp.states import State

CONFIGS = {
    "all": TcpConfig(),
    "reno": TcpConfig(congestion="reno", sack=False),
    "bare": TcpConfig(timestamps=False, sack=False, window_scaling=False),
    "small": TcpConfig(rcvbuf=5000, sndbuf=9000, quick_acks=0),
}


class HostileLink:
    """A one-way link with a fate for every frame, held in a short queue so that they overtake each other."""

    def __init__(self, fate: random.Random, trouble: float) -> None:
        self.fate, self.trouble = fate, trouble
        self.held: list[Frame] = []

    def __call__(self, frame: Frame) -> list[Frame]:
        fate = self.fate
        if fate.random() >= self.trouble:
            out, self.held = [frame, *self.held], []
            return out
        kind = fate.randrange(5)
        if kind == 0:
            return []
        if kind == 1:
            return [frame, frame]
        if kind == 2 and len(self.held) < 5:
            self.held.append(frame)
            return []
        if kind == 3:
            data = bytearray(frame.data)
            data[fate.randrange(14, len(data))] ^= 1 << fate.randrange(8)
            return [Frame(bytes(data))]
        out, self.held = [*self.held, frame], []
        return out


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**32),
    trouble=st.floats(0.0, 0.5),
    size=st.integers(1, 60_000),
    version=st.sampled_from([4, 6]),
    config=st.sampled_from(sorted(CONFIGS)),
)
def test_every_byte_in_order_or_an_error(
    seed: int, trouble: float, size: int, version: int, config: str
) -> None:
    fate = random.Random(seed)
    lab = Lab.pair(config=CONFIGS[config])
    client, server = lab.connect(version)
    lab.links = [HostileLink(fate, trouble), HostileLink(fate, trouble)]
    data = fate.randbytes(size)
    received = pump(lab, client, server, data, seconds=3000)
    complete = received == data and server.recv(1) == b""
    failed = bool(client.tcb.error or server.tcb.error or client.state is State.CLOSED)
    assert data.startswith(received)
    assert complete or failed


@pytest.mark.parametrize("config", sorted(CONFIGS))
@pytest.mark.parametrize("both", [False, True])
def test_a_megabyte_survives_a_bad_link(config: str, both: bool) -> None:
    fate = random.Random(7)
    lab = Lab.pair(config=CONFIGS[config])
    client, server = lab.connect()
    lab.links = [HostileLink(fate, 0.1), HostileLink(fate, 0.1 if both else 0.0)]
    data = fate.randbytes(300_000 if config == "small" else 1_000_000)
    assert pump(lab, client, server, data, seconds=3000) == data


def test_both_directions_at_once() -> None:
    fate = random.Random(3)
    lab = Lab.pair()
    client, server = lab.connect()
    lab.links = [HostileLink(fate, 0.05), HostileLink(fate, 0.05)]
    data = {client: fate.randbytes(300_000), server: fate.randbytes(200_000)}
    sent = dict.fromkeys(data, 0)
    got: dict[TcpSocket, bytearray] = {client: bytearray(), server: bytearray()}

    def turn() -> bool:
        for source, sink in ((client, server), (server, client)):
            taken = (
                source.send(data[source][sent[source] : sent[source] + 20_000])
                if sent[source] < len(data[source])
                else 0
            )
            sent[source] += taken if isinstance(taken, int) and not isinstance(taken, Fail) else 0
            chunk = sink.recv(1 << 20)
            if isinstance(chunk, bytes):
                got[sink] += chunk
        return len(got[client]) == 200_000 and len(got[server]) == 300_000

    assert lab.wait(turn, 2000)
    assert (bytes(got[server]), bytes(got[client])) == (data[client], data[server])


def test_a_dead_link_ends_with_an_error_on_both_sides() -> None:
    lab = Lab.pair(config=TcpConfig(keepalive_time=10.0, keepalive_interval=1.0))
    client, server = lab.connect()
    server.set_keepalive(True, lab.now)
    client.send(bytes(100_000))
    lab.links = [lambda frame: [], lambda frame: []]
    lab.sleep(2000.0)
    assert isinstance(client.take_error(), Fail)
    assert isinstance(server.take_error(), Fail)
    assert not lab.hosts[0].tcp.connections


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), size=st.integers(0, 30_000))
def test_large_datagrams_survive_reordering(seed: int, size: int) -> None:
    fate = random.Random(seed)
    lab = Lab.pair()
    ours, theirs = lab.hosts[0].udp_socket(), lab.hosts[1].udp_socket()
    assert theirs.bind(bytes(4), 7) is None
    lab.links = [lambda frame: [frame], lambda frame: [frame]]
    ours.send(b"resolve", lab.now, (IP4[1], 7))
    lab.settle()
    theirs.recv()
    frames: list[Frame] = []
    lab.links[0] = lambda frame: frames.append(frame) or []
    data = fate.randbytes(size)
    ours.send(data, lab.now, (IP4[1], 7))
    lab.settle()
    fate.shuffle(frames)
    for frame in frames:
        lab.hosts[1].feed(lab.hosts[1].interfaces["eth0"], frame, lab.now)
    assert theirs.recv().data == data


def impaired_pair(impairment: Impairment, **how: object) -> tuple[AttachedHost, AttachedHost]:
    """Two hosts whose cable has the project's own impairment at one end."""
    ends = cable(*MACS, **how)
    hosts = []
    for number, device in enumerate((Impair(ends[0], impairment), ends[1])):
        attached = AttachedHost(Host(random.Random(number).randbytes))
        attached.attach(device, dad=False).add_address(IP4[number], 24, 0.0)
        hosts.append(attached)
    return hosts[0], hosts[1]


def test_a_transfer_over_the_impairment_wrapper_takes_its_time_and_arrives() -> None:
    near, far = impaired_pair(
        Impairment(delay=0.02, loss=0.02, reorder=0.02, duplicate=0.01, corrupt=0.01, rate=50e6)
    )
    listener = far.host.tcp_socket()
    listener.bind(IP4[1], 80)
    listener.listen(1)
    client = near.host.tcp_socket()
    client.connect(IP4[1], 80, 0.0)
    data = random.Random(1).randbytes(500_000)
    now, sent, received, server = 0.0, 0, b"", None
    while len(received) < len(data):
        near.service(now)
        far.service(now)
        near.service(now)
        accepted = listener.accept()
        server = accepted if isinstance(accepted, TcpSocket) else server
        taken = client.send(data[sent : sent + 65536])
        sent += taken if isinstance(taken, int) and not isinstance(taken, Fail) else 0
        chunk = server.recv(1 << 20) if server else b""
        received += chunk if isinstance(chunk, bytes) else b""
        times = [at for side in (near, far) if (at := side.deadline()) is not None]
        now = max(now + 0.0001, min(times, default=now))
        assert now < 300
    assert received == data
    assert now > 0.02 * 2 + len(data) * 8 / 50e6
    assert client.info(now).tcpi_rtt > 35_000


def test_errors_quote_icmp_correctly() -> None:
    """An ICMP error for a datagram to a closed port comes back to the connected sender."""
    lab = Lab.pair()
    ours = lab.hosts[0].udp_socket()
    assert ours.connect(IP4[1], 9, lab.now) is None
    ours.send(b"anybody?", lab.now)
    lab.settle()
    failed = ours.recv()
    assert failed == Fail(icmp.error_verdict(4, 3, 3).errno)
