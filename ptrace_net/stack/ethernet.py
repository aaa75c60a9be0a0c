"""Ethernet II framing (linux/if_ether.h): destination, source, type; 14 bytes, no FCS.

802.1Q tags and 802.3 length fields are not for this stack: such frames parse, and nobody takes their type.
"""

from typing import NamedTuple

from .addresses import MAC
from .frame import Malformed

ETH_HLEN = 14
ETH_P_IP = 0x0800
ETH_P_ARP = 0x0806
ETH_P_IPV6 = 0x86DD


class EthernetHeader(NamedTuple):
    dst: MAC
    src: MAC
    type: int


def parse(view: memoryview) -> EthernetHeader:
    """The header of a frame; Malformed where it is shorter than 14 bytes."""
    if len(view) < ETH_HLEN:
        raise Malformed("short Ethernet frame")
    return EthernetHeader(bytes(view[:6]), bytes(view[6:12]), view[12] << 8 | view[13])


def header(dst: MAC, src: MAC, ethertype: int) -> bytes:
    return dst + src + ethertype.to_bytes(2, "big")
