"""The DHCPv4 client's state machine (RFC 2131, figure 5), without INIT-REBOOT.

``poll`` returns the messages that are due, ``receive`` takes what came to port 68; both return events.  Time
and transaction ids are the caller's.  Who carries the messages (broadcast from 0.0.0.0, unicast when
renewing) is host code: ``Send.server`` says where to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

from . import dhcp
from .addresses import BROADCAST4, IP, MAC, is_any
from .dhcp import DhcpMessage

FIRST_RETRY, MAX_RETRY = 4.0, 64.0
MAX_REQUESTS = 4
MIN_RENEW_RETRY = 60.0
DEFAULT_LEASE = 3600
_WANTED = bytes((dhcp.SUBNET_MASK, dhcp.ROUTER, dhcp.DNS_SERVER, dhcp.INTERFACE_MTU))


class ClientState(Enum):
    INIT = "INIT"
    SELECTING = "SELECTING"
    REQUESTING = "REQUESTING"
    BOUND = "BOUND"
    RENEWING = "RENEWING"
    REBINDING = "REBINDING"


@dataclass(frozen=True, slots=True)
class Lease:
    """What the server gave; times are points in time."""

    address: IP
    length: int
    server: IP
    router: IP | None
    dns: tuple[IP, ...]
    mtu: int | None
    renew_at: float
    rebind_at: float
    expires_at: float


class Send(NamedTuple):
    message: DhcpMessage
    server: IP  #: destination address, 255.255.255.255 where nobody is known yet


class Bound(NamedTuple):
    lease: Lease


class Lost(NamedTuple):
    lease: Lease


Event: TypeAlias = Send | Bound | Lost


@dataclass(slots=True)
class DhcpClient:
    """``random`` returns a float in [0, 1); it chooses transaction ids and spreads retries."""

    mac: MAC
    random: Callable[[], float]
    state: ClientState = ClientState.INIT
    lease: Lease | None = None
    _offer: DhcpMessage | None = None
    _xid: int = 0
    _tries: int = 0
    _began: float = 0.0
    _next: float | None = None

    def start(self, now: float) -> None:
        """Begin to look for a server; the first message is due at once."""
        self.state, self._next, self._tries = ClientState.INIT, now, 0

    def deadline(self) -> float | None:
        return self._next

    def poll(self, now: float) -> list[Event]:
        """Whatever the clock asks for."""
        if self._next is None or now < self._next:
            return []
        return _DUE[self.state](self, now)

    def receive(self, data: memoryview, now: float) -> list[Event]:
        """A datagram that came to port 68; ``frame.Malformed`` where it is not DHCP."""
        message = dhcp.parse(data)
        ours = message.op == dhcp.BOOTREPLY and message.xid == self._xid and message.chaddr == self.mac
        if not ours or message.address(dhcp.SERVER_ID) is None:
            return []
        handler = _RECEIVED.get((self.state, message.type))
        return handler(self, message, now) if handler else []

    # -- timers ---------------------------------------------------------------------------------------

    def _discover(self, now: float) -> list[Event]:
        if self.state is ClientState.INIT:
            self._xid, self._began = int(self.random() * 0x100000000), now
        self.state = ClientState.SELECTING
        self._backoff(now)
        return [self._send(dhcp.DISCOVER, now)]

    def _request(self, now: float) -> list[Event]:
        if self._tries >= MAX_REQUESTS or self._offer is None:
            self.start(now)
            return self.poll(now)
        self._backoff(now)
        server = self._offer.options[dhcp.SERVER_ID]
        return [self._send(dhcp.REQUEST, now, {
            dhcp.REQUESTED_ADDRESS: self._offer.yiaddr, dhcp.SERVER_ID: server})]

    def _renew(self, now: float) -> list[Event]:
        """T1 asks the server, T2 anybody, and at the end the address is gone (RFC 2131, 4.4.5)."""
        lease = self.lease
        if lease is None or now >= lease.expires_at:
            return self._lose(now)
        if self.state is ClientState.BOUND:
            self._xid, self._began = int(self.random() * 0x100000000), now
        rebinding = now >= lease.rebind_at
        self.state = ClientState.REBINDING if rebinding else ClientState.RENEWING
        limit = lease.expires_at if rebinding else lease.rebind_at
        self._next = min(limit, now + max(MIN_RENEW_RETRY, (limit - now) / 2))
        server = BROADCAST4 if rebinding else lease.server
        return [self._send(dhcp.REQUEST, now, ciaddr=lease.address, server=server)]

    def _backoff(self, now: float) -> None:
        delay = min(FIRST_RETRY * 2**self._tries, MAX_RETRY)
        self._tries += 1
        self._next = now + delay + 2 * self.random() - 1

    def _send(
        self, kind: int, now: float, extra: dict[int, bytes] | None = None, *, ciaddr: IP = bytes(4),
        server: IP = BROADCAST4,
    ) -> Send:
        options = {
            dhcp.MESSAGE_TYPE: bytes((kind,)), dhcp.CLIENT_ID: b"\x01" + self.mac, **(extra or {}),
            dhcp.MAX_SIZE: (1500).to_bytes(2, "big"), dhcp.PARAMETER_LIST: _WANTED,
        }
        secs = min(int(now - self._began), 0xFFFF)
        message = DhcpMessage(
            dhcp.BOOTREQUEST, self._xid, self.mac, secs, ciaddr, broadcast=is_any(ciaddr), options=options
        )
        return Send(message, server)

    # -- replies --------------------------------------------------------------------------------------

    def _offered(self, message: DhcpMessage, now: float) -> list[Event]:
        self._offer, self.state, self._tries = message, ClientState.REQUESTING, 0
        return self._request(now)

    def _acknowledged(self, message: DhcpMessage, now: float) -> list[Event]:
        self.lease = _lease(message, self._began)
        self.state, self._next = ClientState.BOUND, self.lease.renew_at
        return [Bound(self.lease)]

    def _refused(self, message: DhcpMessage, now: float) -> list[Event]:
        return self._lose(now)

    def _lose(self, now: float) -> list[Event]:
        lost: list[Event] = [Lost(self.lease)] if self.lease else []
        self.lease = None
        self.start(now)
        return lost + self.poll(now)


def _lease(message: DhcpMessage, began: float) -> Lease:
    seconds = message.seconds(dhcp.LEASE_TIME) or DEFAULT_LEASE
    mask = message.address(dhcp.SUBNET_MASK) or b"\xff\xff\xff\x00"
    servers = message.options.get(dhcp.DNS_SERVER, b"")
    mtu = int.from_bytes(message.options.get(dhcp.INTERFACE_MTU, b"")[:2], "big")
    return Lease(
        message.yiaddr, int.from_bytes(mask, "big").bit_count(), message.options[dhcp.SERVER_ID][:4],
        message.address(dhcp.ROUTER), tuple(servers[at : at + 4] for at in range(0, len(servers) - 3, 4)),
        mtu if mtu >= 68 else None, began + (message.seconds(dhcp.RENEWAL_TIME) or seconds / 2),
        began + (message.seconds(dhcp.REBINDING_TIME) or seconds * 7 / 8), began + seconds,
    )


_DUE: dict[ClientState, Callable[[DhcpClient, float], list[Event]]] = {
    ClientState.INIT: DhcpClient._discover,
    ClientState.SELECTING: DhcpClient._discover,
    ClientState.REQUESTING: DhcpClient._request,
    ClientState.BOUND: DhcpClient._renew,
    ClientState.RENEWING: DhcpClient._renew,
    ClientState.REBINDING: DhcpClient._renew,
}
_Handler: TypeAlias = Callable[[DhcpClient, DhcpMessage, float], list[Event]]
_RECEIVED: dict[tuple[ClientState, int], _Handler] = {
    (ClientState.SELECTING, dhcp.OFFER): DhcpClient._offered,
    (ClientState.REQUESTING, dhcp.ACK): DhcpClient._acknowledged,
    (ClientState.REQUESTING, dhcp.NAK): DhcpClient._refused,
    (ClientState.RENEWING, dhcp.ACK): DhcpClient._acknowledged,
    (ClientState.RENEWING, dhcp.NAK): DhcpClient._refused,
    (ClientState.REBINDING, dhcp.ACK): DhcpClient._acknowledged,
    (ClientState.REBINDING, dhcp.NAK): DhcpClient._refused,
}
