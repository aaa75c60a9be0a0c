"""Random calls on many sockets over a bad link: nothing raises, nothing spins, nothing is left behind."""

import random

import pytest
from stack_net import IP4, IP6, Lab, make_host
from test_stack_hostile import HostileLink

from ptrace_net.stack.frame import FULL_OFFLOAD, NO_OFFLOAD
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.config import TcpConfig
from ptrace_net.stack.tcp.socket import TcpSocket

CONFIG = TcpConfig(max_syn_backlog=4, retries=6, keepalive_time=20.0, keepalive_interval=2.0)


class Chaos:
    """Two hosts with listeners, and a mob of sockets that do anything at any time."""

    def __init__(self, seed: int) -> None:
        self.fate = random.Random(seed)
        offload = self.fate.choice((NO_OFFLOAD, FULL_OFFLOAD))
        self.lab = Lab([make_host(number, 1500, offload, CONFIG) for number in (0, 1)])
        trouble = self.fate.choice((0.0, 0.05, 0.3))
        if not offload.segmentation:
            self.lab.links = [HostileLink(self.fate, trouble), HostileLink(self.fate, trouble)]
        self.listeners = [self._listener(host, version) for host in self.lab.hosts for version in (4, 6)]
        self.sockets: list[TcpSocket] = []

    @staticmethod
    def _listener(host: Host, version: int) -> TcpSocket:
        listener = host.tcp_socket(version)
        assert listener.bind(bytes(4 if version == 4 else 16), 80) is None
        assert listener.listen(3) is None
        return listener

    def act(self) -> None:
        """One call by somebody."""
        fate, now = self.fate, self.lab.now
        if len(self.sockets) < 12 and fate.random() < 0.3:
            self._open()
        for listener in self.listeners:
            if isinstance(accepted := listener.accept(), TcpSocket):
                self.sockets.append(accepted)
        if not self.sockets:
            return
        chosen = fate.choice(self.sockets)
        kind = fate.randrange(12)
        if kind <= 3:
            chosen.send(fate.randbytes(fate.choice((1, 100, 2000, 70_000))))
        elif kind <= 6:
            chosen.recv(fate.choice((1, 100, 1 << 20)), peek=fate.random() < 0.2)
        elif kind == 7:
            chosen.shutdown(fate.randrange(3), now)
        elif kind == 8:
            (chosen.close if fate.random() < 0.8 else chosen.abort)(now)
            self.sockets.remove(chosen)
        elif kind == 9:
            fate.choice((chosen.set_cork, chosen.set_nodelay))(fate.random() < 0.5)
        elif kind == 10:
            chosen.set_keepalive(fate.random() < 0.7, now)
            chosen.set_rcvbuf(fate.choice((2000, 50_000)))
        else:
            chosen.info(now)
            chosen.events()
            chosen.take_error()

    def _open(self) -> None:
        number, version = self.fate.randrange(2), self.fate.choice((4, 6))
        handle = self.lab.hosts[number].tcp_socket(version)
        target = (IP4 if version == 4 else IP6)[1 - number if self.fate.random() < 0.9 else number]
        handle.connect(target, self.fate.choice((80, 80, 80, 81)), self.lab.now)
        self.sockets.append(handle)

    def serve(self) -> None:
        """Let frames pass for a while, and time go on."""
        for _ in range(self.fate.randrange(4)):
            self.lab.exchange()
        self.lab.now += self.fate.choice((0.0, 0.001, 0.05, 1.0))
        self.lab.log.clear()

    def end(self) -> None:
        """Everybody closes; in the end the machine is as it was."""
        for handle in (*self.sockets, *self.listeners):
            handle.close(self.lab.now)
        for _ in range(4000):
            self.lab.exchange()
            times = [at for host in self.lab.hosts if (at := host.tcp.deadline()) is not None]
            if not times:
                break
            self.lab.now = max(self.lab.now + 0.001, min(times))
            self.lab.log.clear()


def assert_nothing_is_left(host: Host) -> None:
    assert not host.tcp.connections
    assert not host.tcp.listeners
    assert host.tcp.deadline() is None
    assert not host.tcp_bindings._bindings


def run(seed: int, steps: int = 400) -> None:
    chaos = Chaos(seed)
    for _ in range(steps):
        chaos.act()
        chaos.serve()
        for host in chaos.lab.hosts:
            for _ in range(2):  # timers set by calls that are as old as they are long are due in the second
                host.poll(chaos.lab.now)
            deadline = host.deadline()
            assert deadline is None or deadline > chaos.lab.now, "the host spins"
    chaos.end()
    for host in chaos.lab.hosts:
        assert_nothing_is_left(host)


@pytest.mark.parametrize("seed", range(25))
def test_chaos(seed: int) -> None:
    run(seed)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_much_chaos() -> None:
    for seed in range(1000, 1400):
        run(seed)


def test_a_failed_call_leaves_no_binding() -> None:
    host = make_host(0)
    handle = host.tcp_socket()
    assert isinstance(handle.connect(bytes((9, 9, 9, 9)), 80, 1.0), Fail)
    handle.close(1.0)
    assert_nothing_is_left(host)
