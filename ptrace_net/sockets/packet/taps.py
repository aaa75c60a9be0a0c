"""Who sees the frames of a network: packet sockets, by way of devices that tell what they carry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ptrace_net.devices.device import Device, Wrapper

if TYPE_CHECKING:
    from ptrace_net.sockets.wire.lane import Lane
    from ptrace_net.stack.frame import Frame

PACKET_HOST, PACKET_BROADCAST, PACKET_MULTICAST, PACKET_OTHERHOST, PACKET_OUTGOING = range(5)


class Listener(Protocol):
    """A packet socket."""

    def sees(self, index: int, data: bytes, kind: int) -> None:
        """A frame on a link; ``kind`` is PACKET_*."""


class Taps:
    """The listeners of all devices; these are wrapped when the first one comes."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self._listeners: list[Listener] = []
        self._tapped = False

    def add(self, listener: Listener) -> None:
        if not self._tapped:
            devices = self.lane.attached.devices
            for name, device in devices.items():
                devices[name] = Tapped(device, self)
            self._tapped = True
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, name: str, data: bytes, outgoing: bool) -> None:
        if not self._listeners:
            return
        interface = self.lane.host.interfaces[name]
        kind = PACKET_OUTGOING if outgoing else _kind(data[:6], interface.mac)
        for listener in list(self._listeners):
            listener.sees(interface.index, data, kind)


class Tapped(Wrapper):
    """A device that tells what it sends and what has arrived."""

    def __init__(self, inner: Device, taps: Taps) -> None:
        super().__init__(inner)
        self._taps = taps

    def send(self, frame: Frame, now: float) -> bool:
        self._taps.tell(self.name, bytes(frame.data), outgoing=True)
        return self.inner.send(frame, now)

    def receive(self, now: float) -> list[Frame]:
        frames = self.inner.receive(now)
        for frame in frames:
            self._taps.tell(self.name, bytes(frame.data), outgoing=False)
        return frames


def _kind(destination: bytes, own: bytes) -> int:
    """eth_type_trans()."""
    if destination == own:
        return PACKET_HOST
    if destination == b"\xff" * 6:
        return PACKET_BROADCAST
    return PACKET_MULTICAST if destination[0] & 1 else PACKET_OTHERHOST
