"""The addresses that a run has: lo, and eth0 as a virtual machine behind a gateway has it (slirp)."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network
from typing import NamedTuple

LO, ETH0 = 1, 2  # interface indices


class Link(NamedTuple):
    """One interface: its addresses with their prefix lengths."""

    ifindex: int
    name: str
    addresses: tuple[tuple[bytes, int], ...]


def _address(text: str) -> bytes:
    return ip_address(text).packed


LOOPBACK = Link(LO, "lo", ((_address("127.0.0.1"), 8), (_address("::1"), 128)))
ETHERNET = Link(
    ETH0, "eth0",
    ((_address("10.0.2.15"), 24), (_address("fec0::5054:98ff:fe76:5433"), 64),
     (_address("fe80::5054:98ff:fe76:5433"), 64)),
)  # fmt: skip
GATEWAY4, GATEWAY6 = _address("10.0.2.2"), _address("fec0::2")
LOOPBACK4, LOOPBACK6 = LOOPBACK.addresses[0][0], LOOPBACK.addresses[1][0]
BROADCAST4 = b"\xff" * 4
ETHERNET_MTU = 1500


class Network:
    """Which addresses are this run's, and which of them a socket is to use."""

    def __init__(self, links: tuple[Link, ...] = (LOOPBACK, ETHERNET)) -> None:
        self.links = links
        self._owner = {address: link.ifindex for link in links for address, _ in link.addresses}
        self._broadcasts = {
            ip_network((address, length), strict=False).broadcast_address.packed: link.ifindex
            for link in links
            for address, length in link.addresses
            if len(address) == 4
        }

    def is_local(self, address: bytes) -> bool:
        """Whether a packet to ``address`` stays in this run."""
        return address in self._owner or (len(address) == 4 and address[0] == 127)

    def mtu_beyond(self, address: bytes) -> int:
        """How long packets to an address that is not the run's may be."""
        return ETHERNET_MTU

    def link_of(self, address: bytes) -> int:
        """The interface of a local address, 0 for none."""
        return self._owner.get(address) or (LO if len(address) == 4 and address[0] == 127 else 0)

    def is_broadcast(self, address: bytes) -> bool:
        return address == BROADCAST4 or address in self._broadcasts

    def has_index(self, index: int) -> bool:
        return any(link.ifindex == index for link in self.links)

    def source_for(self, destination: bytes) -> bytes | None:
        """The address that a socket without one talks to ``destination`` from; None: no route."""
        if self.is_local(destination):
            return destination if destination in self._owner else LOOPBACK4
        return self._outside(destination)

    def source_on(self, index: int, destination: bytes) -> bytes | None:
        """The address that a packet to a group, or to a neighbour, has if it leaves by that interface."""
        links = [link for link in self.links if link.ifindex == index != LO]
        source = _fitting(links, destination) or self.source_for(destination)
        return LOOPBACK4 if source is None and index == LO and len(destination) == 4 else source

    def _outside(self, destination: bytes) -> bytes | None:
        """The address of eth0 that faces the world."""
        return _fitting((link for link in self.links if link.ifindex != LO), destination)


def _fitting(links: Iterable[Link], destination: bytes) -> bytes | None:
    """An address of the destination's family: link-local for what is not beyond the link."""
    link_local = needs_scope(destination)
    for link in links:
        for address, _ in link.addresses:
            if len(address) == len(destination) and is_link_local(address) == link_local:
                return address
    return None


def is_link_local(address: bytes) -> bool:
    return len(address) == 16 and address[0] == 0xFE and address[1] & 0xC0 == 0x80


def needs_scope(address: bytes) -> bool:
    """Whether an address means nothing without an interface: link-local, or a group of such a scope."""
    if len(address) == 4:
        return False
    return is_link_local(address) or (address[0] == 0xFF and address[1] & 0xF in (1, 2))


def is_multicast(address: bytes) -> bool:
    return 224 <= address[0] <= 239 if len(address) == 4 else address[0] == 0xFF
