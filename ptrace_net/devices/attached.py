"""A host with its devices: moving frames between them until there is nothing to move.

The socket layer's event loop calls ``service`` when a descriptor is readable, a deadline has come, or a
handle was used.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from ..stack.host import Host
from ..stack.interface import Interface
from .device import Device

_ROUNDS = 16
_LATE = 0.001  # seconds that sending may take before timers are told


@dataclass(slots=True)
class AttachedHost:
    """``clock``, where there is one, tells how long sending took: round trips begin when a frame has gone."""

    host: Host
    devices: dict[str, Device] = field(default_factory=dict)
    clock: Callable[[], float] | None = None

    def attach(self, device: Device, dad: bool = True) -> Interface:
        """Give the host an interface for ``device``, under its name."""
        self.devices[device.name] = device
        if device.name in self.host.interfaces:
            return self.host.interfaces[device.name]
        return self.host.add_interface(device.name, device.mac, device.mtu, device.offload, dad)

    def attach_loopback(self, device: Device, now: float) -> Interface:
        self.devices[device.name] = device
        return self.host.add_loopback(now, device.offload)

    def service(self, now: float, rounds: int = _ROUNDS) -> bool:
        """Feed what has arrived and send what is due; True where more may be waiting.

        With one round, whoever holds handles can take what has arrived before a window is full.
        """
        for _ in range(rounds):
            busy = False
            for name, device in self.devices.items():
                interface = self.host.interfaces[name]
                for frame in device.receive(now):
                    self.host.feed(interface, frame, now)
                    busy = True
            for interface, frames in self.host.poll(now):
                device = self.devices[interface.name]
                for frame in frames:
                    device.send(frame, now)
                busy = True
            if busy and self.clock is not None and (late := self.clock() - now) > _LATE:
                self.host.tcp.sent_late(now, late)
                now += late
            if not busy:
                return False
        return True

    def deadline(self) -> float | None:
        """When to call ``service`` at the latest."""
        times = [self.host.deadline(), *(device.deadline() for device in self.devices.values())]
        return min((at for at in times if at is not None), default=None)

    def descriptors(self) -> list[int]:
        """What to poll for input."""
        return [fd for device in self.devices.values() if (fd := device.fileno()) is not None]
