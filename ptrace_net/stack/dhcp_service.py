"""DHCP on an interface: carries the client's messages and applies its leases.

Until there is an address, messages go from 0.0.0.0 to everybody, and replies are asked to be broadcast.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from . import dhcp, ipv4, udp
from .addresses import ANY4, BROADCAST4, IP
from .dhcp_client import Bound, DhcpClient, Event, Lease, Lost, Send
from .frame import Malformed
from .interface import Interface
from .result import Fail
from .route import Route
from .udp_socket import UdpSocket

if TYPE_CHECKING:
    from .host import Host


@dataclass(slots=True, eq=False)
class DhcpService:
    """Runs as one of ``Host.services``; ``dns`` are the servers of the lease."""

    host: "Host"
    interface: Interface
    client: DhcpClient = field(init=False)
    socket: UdpSocket = field(init=False)
    dns: tuple[IP, ...] = ()

    def __post_init__(self) -> None:
        self.client = DhcpClient(self.interface.mac, self.host.random_float)
        self.socket = self.host.udp_socket(4)
        self.socket.interface = self.interface.name

    def start(self, now: float) -> Fail | None:
        """Begin; EADDRINUSE where somebody else has port 68."""
        failed = self.socket.bind(ANY4, dhcp.CLIENT_PORT)
        if failed is None:
            self.interface.configuring = True
            self.client.start(now)
            self.host.services.append(self)
        return failed

    def poll(self, now: float) -> None:
        while not isinstance(datagram := self.socket.recv(), Fail):
            try:
                self._apply(self.client.receive(memoryview(datagram.data), now), now)
            except Malformed:
                self.interface.counters.rx_malformed += 1
        self._apply(self.client.poll(now), now)

    def deadline(self) -> float | None:
        return self.client.deadline()

    def _apply(self, events: list[Event], now: float) -> None:
        for event in events:
            if isinstance(event, Send):
                self._send(event, now)
            elif isinstance(event, Bound):
                self._bound(event.lease, now)
            else:
                self._lost(event, now)

    def _send(self, event: Send, now: float) -> None:
        message = event.message.pack()
        if event.server != BROADCAST4:
            self.socket.send(message, now, (event.server, dhcp.SERVER_PORT))
            return
        source = event.message.ciaddr
        head = udp.header(source, BROADCAST4, dhcp.CLIENT_PORT, dhcp.SERVER_PORT, message)
        packet = ipv4.header(source, BROADCAST4, udp.IPPROTO_UDP, len(head) + len(message))
        self.interface.transmit(BROADCAST4, (packet, head, message), now)

    def _default_route(self, router: IP) -> Route:
        return Route(ANY4, 0, self.interface.name, router, metric=100)

    def _bound(self, lease: Lease, now: float) -> None:
        """A new lease, or an old one renewed."""
        self.dns, self.interface.configuring = lease.dns, False
        if lease.mtu is not None:
            self.interface.mtu = min(self.interface.mtu, lease.mtu)
        if lease.address not in self.interface.addresses:
            self.interface.add_address(lease.address, lease.length, now)
        if lease.router is not None:
            self.host.add_route(self._default_route(lease.router))

    def _lost(self, event: Lost, now: float) -> None:
        lease = event.lease
        self.dns, self.interface.configuring = (), True
        self.interface.remove_address(lease.address, now)
        if lease.router is not None:
            self.host.remove_route(self._default_route(lease.router))
