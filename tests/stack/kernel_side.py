"""A network namespace of the test's own, with a TAP in it: the Linux kernel as the other end.

Threads have their own namespace, so the kernel's side runs in threads of this process; the TAP is opened
there and used here.
"""

import ctypes
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.device import Device
from ptrace_net.devices.identity import E1000
from ptrace_net.devices.tap import open_tap
from ptrace_net.stack.addresses import parse_ip
from ptrace_net.stack.host import Host

CLONE_NEWNET = 0x40000000
KERNEL = {4: "10.9.0.1", 6: "fd09::1"}
OURS = {4: parse_ip("10.9.0.2"), 6: parse_ip("fd09::2")}
_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Namespace:
    """Runs functions in threads that live in a new network namespace."""

    def __init__(self) -> None:
        self._fd = self._in_thread(self._create).result()

    @staticmethod
    def _create() -> int:
        _check(_libc.unshare(CLONE_NEWNET))
        return os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)

    @staticmethod
    def _in_thread(function: Callable[[], Any]) -> "Future[Any]":
        future: Future[Any] = Future()

        def body() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # handed to whoever waits
                future.set_exception(error)

        threading.Thread(target=body, daemon=True).start()
        return future

    def start(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """Run ``function`` in the namespace; the result comes with the future."""

        def enter() -> Any:
            _check(_libc.setns(self._fd, CLONE_NEWNET))
            return function(*arguments)

        return self._in_thread(enter)

    def shell(self, *commands: str) -> None:
        """Run commands there; CalledProcessError where one fails."""
        for command in commands:
            self.start(self._run, command).result()

    @staticmethod
    def _run(command: str) -> None:
        subprocess.run(command.split(), check=True, capture_output=True, timeout=20)

    def close(self) -> None:
        os.close(self._fd)


class Rig:
    """Our host on the TAP; ``run_until`` drives it while the kernel does its part."""

    def __init__(self, namespace: Namespace, device: Device) -> None:
        self.namespace = namespace
        self.attached = AttachedHost(Host(os.urandom), clock=time.monotonic)
        self.host = self.attached.host
        interface = self.attached.attach(device, dad=False)
        for version, length in ((4, 24), (6, 64)):
            interface.add_address(OURS[version], length, self.now)

    @property
    def now(self) -> float:
        return time.monotonic()

    def step(self, patience: float = 0.05) -> None:
        deadline = self.attached.deadline()
        wait = patience if deadline is None else min(patience, max(0.0, deadline - self.now))
        select.select(self.attached.descriptors(), [], [], wait)
        self.attached.service(self.now)

    def run_until(self, condition: Callable[[], Any], seconds: float = 30.0) -> Any:
        """Serve until ``condition`` returns something true; TimeoutError otherwise."""
        end = self.now + seconds
        while not (value := condition()):
            if self.now > end:
                raise TimeoutError
            self.step()
        return value

    def result(self, future: "Future[Any]", seconds: float = 30.0) -> Any:
        """What the kernel's side says, while ours is served."""
        self.run_until(future.done, seconds)
        return future.result()


@contextmanager
def kernel_rig(
    mtu: int = 1500, segmentation: bool = True, wrap: Callable[[Device], Device] = lambda device: device
) -> Iterator[Rig]:
    """A namespace with tap0 and a host of ours on it; OSError where the machine does not allow it."""
    namespace = Namespace()
    try:
        namespace.shell("ip link set lo up", "ip tuntap add dev tap0 mode tap", f"ip link set tap0 mtu {mtu}")
        namespace.shell(f"ip addr add {KERNEL[4]}/24 dev tap0", "ip link set tap0 up")
        if mtu >= 1280:
            namespace.shell(f"ip -6 addr add {KERNEL[6]}/64 dev tap0 nodad")
        tap = namespace.start(
            lambda: open_tap("tap0", E1000.mac, mtu=mtu, segmentation=segmentation)
        ).result()
        rig = Rig(namespace, wrap(tap))
        try:
            yield rig
        finally:
            tap.close()
    finally:
        namespace.close()
