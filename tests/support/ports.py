"""Port numbers that are free now, and that no other worker or test run on this machine will pick.

A port is reserved for the life of this process by an abstract AF_UNIX name, which the kernel gives to one
socket of a network namespace: it says nothing to whoever wants the port itself.
"""

import random
import socket

from .procnet import listening

FIRST, LAST = 12000, 31999  # below the ephemeral range, which starts at 32768

_reserved: list[socket.socket] = []


def _reserve(port: int) -> bool:
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind(f"\0ptrace-net tests use port {port}")
    except OSError:
        name.close()
        return False
    _reserved.append(name)
    return True


def _bindable(port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind(("0.0.0.0", port))
        except OSError:
            return False
    return True


def _free(port: int) -> bool:
    taken = listening(port, "tcp") or listening(port, "udp")
    return not taken and _bindable(port, socket.SOCK_STREAM) and _bindable(port, socket.SOCK_DGRAM)


def free_port() -> int:
    """A port that nobody is bound to, over TCP or UDP, IPv4 or IPv6."""
    ports = range(FIRST, LAST + 1)
    for port in random.sample(ports, len(ports)):
        if _reserve(port) and _free(port):
            return port
    raise RuntimeError("no free port")
