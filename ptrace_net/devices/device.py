"""What every device can do, and the base of those that wrap another."""

from dataclasses import dataclass
from typing import Protocol

from ..stack.addresses import MAC
from ..stack.frame import Frame, Offload


@dataclass(slots=True)
class DeviceCounters:
    """Frames and bytes, as ``struct rtnl_link_stats64`` counts them."""

    rx_packets: int = 0
    rx_bytes: int = 0
    rx_dropped: int = 0
    tx_packets: int = 0
    tx_bytes: int = 0
    tx_dropped: int = 0

    def sent(self, frame: Frame) -> None:
        self.tx_packets += 1
        self.tx_bytes += len(frame.data)

    def received(self, frame: Frame) -> None:
        self.rx_packets += 1
        self.rx_bytes += len(frame.data)


class Device(Protocol):
    """``mtu`` is the largest IP packet; ``offload`` what the stack may leave to the device."""

    @property
    def name(self) -> str: ...
    @property
    def mac(self) -> MAC: ...
    @property
    def mtu(self) -> int: ...
    @property
    def offload(self) -> Offload: ...
    @property
    def counters(self) -> DeviceCounters: ...

    def send(self, frame: Frame, now: float) -> bool:
        """Take a frame; False where it was dropped."""

    def receive(self, now: float) -> list[Frame]:
        """The frames that have arrived; never waits."""

    def deadline(self) -> float | None:
        """When ``receive`` or the device itself has something to do without a wake-up from outside."""

    def fileno(self) -> int | None:
        """The descriptor to poll for input."""

    def close(self) -> None: ...


class Wrapper:
    """A device around a device: everything goes through unchanged."""

    def __init__(self, inner: Device) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def mac(self) -> MAC:
        return self.inner.mac

    @property
    def mtu(self) -> int:
        return self.inner.mtu

    @property
    def offload(self) -> Offload:
        return self.inner.offload

    @property
    def counters(self) -> DeviceCounters:
        return self.inner.counters

    def send(self, frame: Frame, now: float) -> bool:
        return self.inner.send(frame, now)

    def receive(self, now: float) -> list[Frame]:
        return self.inner.receive(now)

    def deadline(self) -> float | None:
        return self.inner.deadline()

    def fileno(self) -> int | None:
        return self.inner.fileno()

    def close(self) -> None:
        self.inner.close()
