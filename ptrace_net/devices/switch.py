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
        dst, src = bytes(frame.data[:6]), bytes(frame.data[6:12])
        if not src[0] & 1:
            self._learn(src, source, now)
        known = self.addresses.get(dst)
        if known is not None and known.until > now:
            targets = [known.port] if known.port != source else []
        else:
            targets = [port for port in self.ports if port != source]
        return [(port, piece) for port in targets for piece in _fit(frame, self.ports[port])]

    def _learn(self, mac: MAC, port: Port, now: float) -> None:
        self.addresses.pop(mac, None)
        if len(self.addresses) >= MAX_ADDRESSES:
            del self.addresses[next(iter(self.addresses))]
        self.addresses[mac] = Learned(port, now + AGING)


def _fit(frame: Frame, able: Offload) -> list[Frame]:
    """The frame as a port takes it."""
    if frame.gso_size and not able.segmentation:
        return offload.segment(frame)
    return [frame if able.tx_checksum else offload.complete(frame)]
