"""How fast the stack is on real devices: ``python tests/stack/measure_links.py`` (as root, for the TAP).

Over the TAP the Linux kernel is the other end; over the hub it is a second process with our stack.
"""

import multiprocessing
import multiprocessing.synchronize
import os
import select
import socket
import sys
import tempfile
import time
from pathlib import Path

from kernel_side import KERNEL, OURS, kernel_rig
from stack_net import IP4, MACS

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.hub import join_hub
from ptrace_net.stack.addresses import format_ip, parse_ip
from ptrace_net.stack.host import Host
from ptrace_net.stack.result import Fail
from ptrace_net.stack.tcp.socket import SHUT_WR, TcpSocket

SIZE = 500 << 20
CHUNK = bytes(1 << 18)


def report(name: str, size: int, wall: float, cpu: float) -> None:
    rate = size * 8 / wall / 1e9
    print(f"{name:32} {rate:6.2f} Gbit/s {cpu / size * 1e9:6.2f} s of CPU per GB", flush=True)


def kernel_source(port: int) -> None:
    with socket.create_connection((format_ip(OURS[4]), port)) as connection:
        for _ in range(SIZE // len(CHUNK)):
            connection.sendall(CHUNK)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(1)


def kernel_sink(listener: socket.socket) -> None:
    connection, _peer = listener.accept()
    while connection.recv(1 << 20):
        pass


def drain(handle: TcpSocket) -> int:
    """How many bytes there were; -1 at the end of the stream."""
    total = 0
    while not isinstance(chunk := handle.recv(1 << 20), Fail):
        if not chunk:
            return -1
        total += len(chunk)
    return total


def fill(handle: TcpSocket, left: int) -> int:
    """How many bytes were taken."""
    total = 0
    while left > total and not isinstance(taken := handle.send(CHUNK), Fail):
        total += taken
    return total


def tap(segmentation: bool) -> None:
    name = "TAP, offload" if segmentation else "TAP, plain frames"
    with kernel_rig(segmentation=segmentation) as rig:
        listener = rig.host.tcp_socket()
        listener.bind(OURS[4], 80)
        listener.listen(1)
        # another process, or the kernel's side would share our interpreter
        source = multiprocessing.get_context("fork").Process(target=kernel_source, args=(80,))
        rig.namespace.start(source.start).result()
        server = rig.run_until(lambda: h if isinstance(h := listener.accept(), TcpSocket) else None)
        start, cpu = time.monotonic(), time.process_time()
        rig.run_until(lambda: drain(server) < 0, 300)
        report(f"{name}, from the kernel", SIZE, time.monotonic() - start, time.process_time() - cpu)
        server.close(rig.now)
        rig.run_until(lambda: not source.is_alive())

        kernel = rig.namespace.start(lambda: socket.create_server((KERNEL[4], 0))).result()
        sink = multiprocessing.get_context("fork").Process(target=kernel_sink, args=(kernel,))
        sink.start()
        client = rig.host.tcp_socket()
        client.connect(parse_ip(KERNEL[4]), kernel.getsockname()[1], rig.now)
        rig.run_until(lambda: client.events() & 4)
        start, cpu, sent = time.monotonic(), time.process_time(), 0
        while sent < SIZE:
            sent += fill(client, SIZE - sent)
            rig.step()
        client.shutdown(SHUT_WR, rig.now)
        rig.run_until(lambda: drain(client) < 0)
        report(f"{name}, to the kernel", SIZE, time.monotonic() - start, time.process_time() - cpu)
        sink.join()


def on_hub(directory: str, number: int, mtu: int) -> AttachedHost:
    attached = AttachedHost(Host(os.urandom))
    device = join_hub(Path(directory), MACS[number], mtu=mtu)
    attached.attach(device, dad=False).add_address(IP4[number], 24, time.monotonic())
    return attached


def serve(attached: AttachedHost) -> None:
    deadline = attached.deadline()
    wait = 0.05 if deadline is None else min(0.05, max(0.0, deadline - time.monotonic()))
    select.select(attached.descriptors(), [], [], wait)
    attached.service(time.monotonic())


def hub_sink(directory: str, ready: "multiprocessing.synchronize.Event") -> None:
    attached = on_hub(directory, 1, 1500)
    listener = attached.host.tcp_socket()
    listener.bind(IP4[1], 80)
    listener.listen(1)
    ready.set()
    while not isinstance(server := listener.accept(), TcpSocket):
        serve(attached)
    while drain(server) >= 0:
        serve(attached)
    server.close(time.monotonic())
    for _ in range(5):
        serve(attached)


def hub() -> None:
    with tempfile.TemporaryDirectory() as directory:
        context = multiprocessing.get_context("fork")
        ready = context.Event()
        other = context.Process(target=hub_sink, args=(directory, ready))
        other.start()
        ready.wait()
        attached = on_hub(directory, 0, 1500)
        client = attached.host.tcp_socket()
        client.connect(IP4[1], 80, time.monotonic())
        start, cpu, sent = time.monotonic(), time.process_time(), 0
        while sent < SIZE:
            sent += fill(client, SIZE - sent)
            serve(attached)
        client.shutdown(SHUT_WR, time.monotonic())
        while drain(client) >= 0:
            serve(attached)
        report("hub, two processes", SIZE, time.monotonic() - start, time.process_time() - cpu)
        other.join()


if __name__ == "__main__":
    names = sys.argv[1:] or ["tap", "plain", "hub"]
    for chosen in names:
        {"tap": lambda: tap(True), "plain": lambda: tap(False), "hub": hub}[chosen]()
