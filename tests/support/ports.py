"""Port numbers that are free now and that no other worker of the same test run will pick."""

import os
import random
import socket
from collections.abc import Iterator
from itertools import count

from .procnet import listening

FIRST, PER_WORKER, WORKERS = 12000, 2500, 8  # below the ephemeral range, which starts at 32768


def _candidates() -> Iterator[int]:
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    start = random.randrange(PER_WORKER)
    for step in count():
        yield FIRST + worker * PER_WORKER + (start + step) % PER_WORKER


_next = _candidates()


def _bindable(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody is bound to, over TCP or UDP, IPv4 or IPv6."""
    for port in _next:
        taken = listening(port, "tcp") or listening(port, "udp")
        if not taken and _bindable(port, socket.SOCK_STREAM) and _bindable(port, socket.SOCK_DGRAM):
            return port
    raise RuntimeError("no free port")
