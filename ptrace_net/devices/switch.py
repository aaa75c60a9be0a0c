"""The hub's decisions: a learning switch (IEEE 802.1D, 7.8) without spanning tree.

Ports are any hashable values; ``forward`` says to which of them a frame goes.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from ..stack import offload
from ..stack.addresses import MAC
from ..stack.ethernet import ETH_HLEN
from ..stack.frame import Frame, Offload

AGING = 300.0
MAX_ADDRESSES = 4096
Port = TypeVar("Port", bound=Hashable)


class Learned(NamedTuple, Generic[Port]):
    port: Port
    until: float


@dataclass(slots=True)
class Switch(Generic[Port]):
    ports: dict[Port, Offload] = field(default_factory=dict)
    addresses: dict[MAC, Learned[Port]] = field(default_factory=dict)

    def join(self, port: Port, offload: Offload) -> None:
        self.ports[port] = offload

    def leave(self, port: Port) -> None:
        self.ports.pop(port, None)
        self.addresses = {mac: known for mac, known in self.addresses.items() if known.port != port}

    def forward(self, source: Port, frame: Frame, now: float) -> list[tuple[Port, Frame]]:
        """Where a frame that came in at ``source`` goes; cut into plain frames for ports without offload."""
        if len(frame.data) < ETH_HLEN:
            return []
        self.learn(bytes(frame.data[6:12]), source, now)
        targets = self.targets(bytes(frame.data[:6]), frame, now)
        return [(port, piece) for port, piece in targets if port != source]

    def targets(self, dst: MAC, frame: Frame, now: float) -> list[tuple[Port, Frame]]:
        """The port that has an address, or all of them."""
        known = self.addresses.get(dst)
        ports = [known.port] if known is not None and known.until > now else list(self.ports)
        return [(port, piece) for port in ports for piece in _fit(frame, self.ports[port])]

    def learn(self, mac: MAC, port: Port, now: float) -> None:
        """Note where an address was heard; groups never send, and a port must have joined."""
        if mac[0] & 1 or port not in self.ports:
            return
        self.addresses.pop(mac, None)
        if len(self.addresses) >= MAX_ADDRESSES:
            del self.addresses[next(iter(self.addresses))]
        self.addresses[mac] = Learned(port, now + AGING)


def _fit(frame: Frame, able: Offload) -> list[Frame]:
    """The frame as a port takes it."""
    if frame.gso_size and not able.segmentation:
        return offload.segment(frame)
    return [frame if able.tx_checksum else offload.complete(frame)]
