"""The network of a run whose flows go out without packets: a stack, and a gateway that answers for itself.

Programs are shown its interfaces, and raw and ping sockets work on it: they reach lo, the run's own
addresses, and the gateway, which is a second stack at the other end of a cable. It leads nowhere, and says
so: what lies beyond is filtered.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.devices.attached import AttachedHost
from ptrace_net.devices.identity import E1000, derived_mac
from ptrace_net.devices.memory import cable, loopback
from ptrace_net.sockets.emulated.network import GATEWAY4, GATEWAY6
from ptrace_net.stack.addresses import ANY4, ANY6, link_local
from ptrace_net.stack.host import Host
from ptrace_net.stack.route import Route
from ptrace_net.stack.transit import turn_back

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.network import Network

_GATEWAY_MAC = derived_mac(E1000.mac, -0x33 + 2)
_ROUNDS = 16


@dataclass(slots=True)
class Shown(AttachedHost):
    """``gateway`` is served with the host."""

    host: Host = field(default_factory=lambda: Host(os.urandom))
    gateway: AttachedHost = field(default_factory=lambda: AttachedHost(Host(os.urandom)))

    def service(self, now: float, rounds: int = _ROUNDS) -> bool:
        for _ in range(rounds):
            more = AttachedHost.service(self, now, 1)
            if not (self.gateway.service(now, 1) or more):
                return False
        return True

    def deadline(self) -> float | None:
        times = (AttachedHost.deadline(self), self.gateway.deadline())
        return min((at for at in times if at is not None), default=None)


def shown(network: Network, now: float) -> Shown:
    """A stack with the addresses of the socket layer, and its gateway."""
    found = Shown()
    found.attach_loopback(loopback(), now)
    attach_gateway(found, network, now)
    return found


def attach_gateway(found: Shown, network: Network, now: float) -> None:
    """eth0 with the addresses of the socket layer, and the gateway at the other end."""
    host, gateway = found.host, found.gateway
    gateway.host.transit = partial(turn_back, gateway.host)
    ours, theirs = cable(E1000.mac, _GATEWAY_MAC)
    interface, other = found.attach(ours, dad=False), gateway.attach(theirs, dad=False)
    for address, length in next(link.addresses for link in network.links if link.name == ours.name):
        interface.add_address(address, length, now)
    for address, length in ((GATEWAY4, 24), (GATEWAY6, 64), (link_local(_GATEWAY_MAC), 64)):
        other.add_address(address, length, now)
    interface.dad = True
    host.add_route(Route(ANY4, 0, ours.name, GATEWAY4))
    host.add_route(Route(ANY6, 0, ours.name, GATEWAY6, metric=1024))
