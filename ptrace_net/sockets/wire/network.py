"""The addresses and routes of a run on the wire: those of the stack, which DHCP and routers may change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.network import Link, Network
from ptrace_net.stack.ip_output import Flow
from ptrace_net.stack.tcp.segment import IPPROTO_TCP

if TYPE_CHECKING:
    from ptrace_net.stack.host import Host


class WireNetwork(Network):
    """A picture of the stack's interfaces; ``generation`` says of when."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self.generation = host.generation
        super().__init__(
            tuple(
                Link(
                    interface.index,
                    interface.name,
                    tuple((a.ip, a.length) for a in interface.addresses.values() if a.usable),
                )
                for interface in host.interfaces.values()
            )
        )

    def mtu_beyond(self, address: bytes) -> int:
        """As far as it is known: a router may have said that something was too big."""
        flow = self._host.flow(address, IPPROTO_TCP, time.monotonic())
        return flow.mtu if isinstance(flow, Flow) else super().mtu_beyond(address)

    def _outside(self, destination: bytes) -> bytes | None:
        """The source that the route to ``destination`` has (RFC 6724)."""
        flow = self._host.flow(destination, IPPROTO_TCP, time.monotonic())
        return flow.src if isinstance(flow, Flow) else None
