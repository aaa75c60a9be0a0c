"""ARP for IPv4 over Ethernet (RFC 826), and the probes and announcements of RFC 5227."""

import struct
from typing import NamedTuple

from .addresses import ANY4, IP, MAC, ZERO_MAC
from .frame import Malformed

ARPOP_REQUEST = 1
ARPOP_REPLY = 2
_LAYOUT = struct.Struct("!HHBBH6s4s6s4s")
_ETHERNET_IPV4 = (1, 0x0800, 6, 4)


class ArpPacket(NamedTuple):
    operation: int
    sender_mac: MAC
    sender_ip: IP
    target_mac: MAC
    target_ip: IP

    def pack(self) -> bytes:
        return _LAYOUT.pack(*_ETHERNET_IPV4, *self)


def parse(view: memoryview) -> ArpPacket:
    """Malformed where it is short or not for IPv4 over Ethernet."""
    if len(view) < _LAYOUT.size:
        raise Malformed("short ARP packet")
    fields = _LAYOUT.unpack_from(view)
    if fields[:4] != _ETHERNET_IPV4:
        raise Malformed("ARP for another hardware or protocol")
    return ArpPacket(*fields[4:])


def request(mac: MAC, source: IP, target: IP) -> ArpPacket:
    return ArpPacket(ARPOP_REQUEST, mac, source, ZERO_MAC, target)


def probe(mac: MAC, target: IP) -> ArpPacket:
    """Asks whether anybody uses ``target`` without claiming it (RFC 5227, 2.1.1)."""
    return ArpPacket(ARPOP_REQUEST, mac, ANY4, ZERO_MAC, target)


def reply(mac: MAC, packet: ArpPacket) -> ArpPacket:
    """The answer to a request for one of our addresses."""
    return ArpPacket(ARPOP_REPLY, mac, packet.target_ip, packet.sender_mac, packet.sender_ip)
