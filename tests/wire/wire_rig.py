"""A network namespace of the test's own with a TAP: the Linux kernel on its one end, runs on the other.

The kernel has 10.0.2.2 and fec0::2, where a run expects its gateway. Nothing leaves the namespace.
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from support import leftovers
from support.namespace import _enter, _unshare
from support.runner import PTRACE_NET, Runner

KERNEL = {4: "10.0.2.2", 6: "fec0::2"}
OURS = {4: "10.0.2.15", 6: "fec0::15"}
TAP = ("--device", "eth0=tap:tap0")
SETUP = """
set -e
ip link set lo up
ip tuntap add dev tap0 mode tap
ip link set tap0 mtu $MTU
ip addr add 10.0.2.2/24 dev tap0
[ $MTU -lt 1280 ] || ip -6 addr add fec0::2/64 dev tap0 nodad
ip link set tap0 up
echo ready
exec cat
"""


class Rig:
    """``kernel`` runs programs natively in the namespace, ``net`` under ptrace-net, packets on the TAP."""

    def __init__(self, enter: tuple[str, ...], folder: Path) -> None:
        self.enter, self.folder = enter, folder
        self.kernel = Runner("kernel", (), enter)

    def net(self, *options: str, device: tuple[str, ...] = TAP) -> Runner:
        return Runner("wire", (*PTRACE_NET, "--net", "stack", *device, *options, "--"), self.enter)

    def captured(self, device: tuple[str, ...] = TAP) -> tuple[Runner, Path]:
        """A run of which every frame of eth0 is captured."""
        path = self.folder / "eth0.pcapng"
        return self.net("--capture", f"eth0={path}", device=device), path


@contextmanager
def rig(folder: Path, mtu: int = 1500) -> Iterator[Rig]:
    """RuntimeError with the reason where namespaces and TAPs cannot be made."""
    with subprocess.Popen(
        [*_unshare(), "sh", "-c", SETUP], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, env={**os.environ, "MTU": str(mtu)},
    ) as holder:  # fmt: skip
        said = holder.stdout.readline()
        if said != "ready\n":
            raise RuntimeError(f"no namespace with a TAP: {said.strip()}")
        leftovers.spared.add(holder.pid)
        try:
            yield Rig(tuple(_enter(holder.pid)), folder)
        finally:
            holder.stdin.close()
            leftovers.spared.discard(holder.pid)


def refused(folder: Path) -> str:
    """Why there can be no rig here, or nothing."""
    try:
        with rig(folder):
            return ""
    except (RuntimeError, OSError) as error:
        return str(error)


def until(attempt: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What ``attempt`` returns once it is true."""
    end = time.monotonic() + seconds
    while not (value := attempt()):
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)
    return value


def said(done: "subprocess.CompletedProcess[bytes]") -> str:
    """The output of a program that ended well."""
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    return done.stdout.decode()
