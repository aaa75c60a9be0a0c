"""Devices without a file descriptor: ``lo``, a cable between two hosts of one process, and none at all."""

from collections import deque
from dataclasses import dataclass, field

from ..stack.addresses import MAC, ZERO_MAC
from ..stack.frame import FULL_OFFLOAD, NO_OFFLOAD, Frame, Offload
from .device import DeviceCounters

QUEUE_LIMIT = 4096


@dataclass(slots=True, eq=False)
class MemoryDevice:
    """Sends into ``outgoing`` and receives from ``incoming``; both are bounded queues."""

    name: str
    mac: MAC
    mtu: int
    offload: Offload = NO_OFFLOAD
    incoming: deque[Frame] = field(default_factory=deque)
    outgoing: deque[Frame] = field(default_factory=deque)
    counters: DeviceCounters = field(default_factory=DeviceCounters)

    def send(self, frame: Frame, now: float) -> bool:
        if len(self.outgoing) >= QUEUE_LIMIT:
            self.counters.tx_dropped += 1
            return False
        self.counters.sent(frame)
        self.outgoing.append(frame)
        return True

    def receive(self, now: float) -> list[Frame]:
        frames = list(self.incoming)
        self.incoming.clear()
        for frame in frames:
            self.counters.received(frame)
        return frames

    def deadline(self) -> float | None:
        return 0.0 if self.incoming else None

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        self.incoming.clear()


def loopback(name: str = "lo", mtu: int = 65536, offload: Offload = FULL_OFFLOAD) -> MemoryDevice:
    """What is sent comes back."""
    queue: deque[Frame] = deque()
    return MemoryDevice(name, ZERO_MAC, mtu, offload, queue, queue)


def cable(
    mac_a: MAC, mac_b: MAC, name: str = "eth0", mtu: int = 1500, offload: Offload = NO_OFFLOAD
) -> tuple[MemoryDevice, MemoryDevice]:
    """Two ends, each of which receives what the other sends."""
    a_to_b: deque[Frame] = deque()
    b_to_a: deque[Frame] = deque()
    return (
        MemoryDevice(name, mac_a, mtu, offload, b_to_a, a_to_b),
        MemoryDevice(name, mac_b, mtu, offload, a_to_b, b_to_a),
    )


@dataclass(slots=True, eq=False)
class NullDevice:
    """The backend ``none``: nobody is there."""

    name: str
    mac: MAC
    mtu: int = 1500
    offload: Offload = NO_OFFLOAD
    counters: DeviceCounters = field(default_factory=DeviceCounters)

    def send(self, frame: Frame, now: float) -> bool:
        self.counters.tx_dropped += 1
        return False

    def receive(self, now: float) -> list[Frame]:
        return []

    def deadline(self) -> float | None:
        return None

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        """There is nothing to close."""
