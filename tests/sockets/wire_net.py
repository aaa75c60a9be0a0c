"""Two hosts of the wire lane on one link, driven by one reactor; programs are sockets of the test."""

import os
import random
import socket
import time
from collections.abc import Callable
from typing import Any

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.device import Device
from ptrace_net.devices.memory import loopback
from ptrace_net.devices.stream import StreamDevice
from ptrace_net.reactor import Reactor
from ptrace_net.sockets.wire.lane import Lane
from ptrace_net.sockets.wire.pump import Pump
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.host import Host
from ptrace_net.stack.tcp.socket import TcpSocket

MACS = (bytes.fromhex("020000000001"), bytes.fromhex("020000000002"))
IPS = (parse_ip("10.0.0.1"), parse_ip("10.0.0.2"))


class Program:
    """What a pump asks about the program's socket, which is the test's own."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.told: list[tuple[str, int]] = []
        self.hidden = False  # as if nobody found its descriptor

    def alive(self) -> bool:
        return self.sock.fileno() >= 0

    def borrow(self) -> int:
        return -1 if self.hidden or self.sock.fileno() < 0 else os.dup(self.sock.fileno())

    def opened(self, error: int) -> None:
        self.told.append(("opened", error))

    def failed(self, error: int) -> None:
        self.told.append(("failed", error))

    def finished(self) -> None:
        self.told.append(("finished", 0))

    @property
    def is_finished(self) -> bool:
        return ("finished", 0) in self.told


class Net:
    """Lanes 0 and 1; ``run`` serves them until a condition holds."""

    def __init__(self, wrap: Callable[[Device], Device] = lambda device: device, mtu: int = 9000) -> None:
        self.reactor = Reactor()
        self.lanes = []
        for number, end in enumerate(socket.socketpair()):
            attached = AttachedHost(Host(random.Random(number).randbytes))
            attached.attach_loopback(loopback(), time.monotonic())
            device = StreamDevice(end, MACS[number], mtu=mtu)
            eth0 = attached.attach(device if number else wrap(device), dad=False)
            eth0.add_address(IPS[number], 24, time.monotonic())
            self.lanes.append(Lane(attached, self.reactor))
        self.serve()

    def serve(self) -> None:
        for lane in self.lanes:
            lane.serve()

    def run(self, condition: Callable[[], Any], seconds: float = 20.0) -> Any:
        end = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < end, "not in time"
            self.reactor.turn(0.05)
        return value

    def idle(self, seconds: float = 0.05) -> None:
        """Serve for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.reactor.turn(0.01)

    def close(self) -> None:
        for lane in self.lanes:
            for device in lane.attached.devices.values():
                device.close()


def pumped(lane: Lane, handle: TcpSocket) -> tuple[socket.socket, Program, Pump]:
    """A program's socket whose bytes go through ``handle``; not started."""
    theirs, ours = socket.socketpair()
    theirs.setblocking(False)
    ours.setblocking(False)
    program = Program(theirs)
    return theirs, program, Pump(handle, ours.detach(), program, lane)


def connection(net: Net) -> tuple[socket.socket, TcpSocket, Program, Pump]:
    """A program's socket on host 0, connected to a bare handle on host 1."""
    listener = net.lanes[1].host.tcp_socket()
    listener.bind(IPS[1], 80)
    listener.listen(8)
    client = net.lanes[0].host.tcp_socket()
    client.connect(IPS[1], 80, time.monotonic())
    net.serve()
    server = net.run(lambda: taken if isinstance(taken := listener.accept(), TcpSocket) else None)
    net.run(lambda: client.events() & 4)
    listener.close(time.monotonic())
    program, asked, pump = pumped(net.lanes[0], client)
    pump.start()
    return program, server, asked, pump
