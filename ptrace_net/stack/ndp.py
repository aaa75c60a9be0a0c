"""Neighbor Discovery messages (RFC 4861, RFC 8106): layouts and options; neighbor.py and autoconf.py act.

Every message must come with hop limit 255, code 0 and options of non-zero length (RFC 4861, 7.1).
"""

import struct
from typing import NamedTuple

from .addresses import IP, MAC, is_multicast
from .frame import Malformed

ROUTER_SOLICIT, ROUTER_ADVERT, NEIGHBOR_SOLICIT, NEIGHBOR_ADVERT, REDIRECT = 133, 134, 135, 136, 137
SOURCE_LINK, TARGET_LINK, PREFIX_INFO, MTU_OPTION, RDNSS = 1, 2, 3, 5, 25
NA_ROUTER, NA_SOLICITED, NA_OVERRIDE = 1 << 31, 1 << 30, 1 << 29
PREFIX_ONLINK, PREFIX_AUTO = 0x80, 0x40
INFINITE = 0xFFFFFFFF
_PREFIX = struct.Struct("!BBBBIII16s")


class Neighbor(NamedTuple):
    """A solicitation or advertisement; ``mac`` is its link-layer address option."""

    target: IP
    mac: MAC | None
    flags: int = 0


class Prefix(NamedTuple):
    network: IP
    length: int
    on_link: bool
    autonomous: bool
    valid: int  #: seconds, INFINITE for ever
    preferred: int


class RouterAdvert(NamedTuple):
    hop_limit: int
    managed: bool
    other: bool
    lifetime: int  #: seconds; 0: no default router
    reachable: int  #: milliseconds, 0 unspecified
    retrans: int  #: milliseconds, 0 unspecified
    mac: MAC | None
    mtu: int | None
    prefixes: tuple[Prefix, ...]
    dns: tuple[IP, ...]


class Redirect(NamedTuple):
    target: IP
    destination: IP
    mac: MAC | None


def parse_options(body: memoryview) -> dict[int, list[memoryview]]:
    """Options by type, each with its two leading bytes; Malformed on a zero or excessive length."""
    options: dict[int, list[memoryview]] = {}
    at = 0
    while at < len(body):
        if at + 2 > len(body) or not body[at + 1] or at + body[at + 1] * 8 > len(body):
            raise Malformed("NDP option length")
        end = at + body[at + 1] * 8
        options.setdefault(body[at], []).append(body[at:end])
        at = end
    return options


def _link_address(options: dict[int, list[memoryview]], kind: int) -> MAC | None:
    return bytes(options[kind][0][2:8]) if kind in options else None


def parse_neighbor(kind: int, rest: int, body: memoryview) -> Neighbor:
    """NEIGHBOR_SOLICIT or NEIGHBOR_ADVERT, after the ICMPv6 header's second word ``rest``."""
    if len(body) < 16 or is_multicast(bytes(body[:16])):
        raise Malformed("neighbor discovery target")
    options = parse_options(body[16:])
    link = SOURCE_LINK if kind == NEIGHBOR_SOLICIT else TARGET_LINK
    flags = rest & (NA_ROUTER | NA_SOLICITED | NA_OVERRIDE)
    return Neighbor(bytes(body[:16]), _link_address(options, link), flags)


def parse_redirect(body: memoryview) -> Redirect:
    if len(body) < 32 or is_multicast(bytes(body[16:32])):
        raise Malformed("redirect")
    options = parse_options(body[32:])
    return Redirect(bytes(body[:16]), bytes(body[16:32]), _link_address(options, TARGET_LINK))


def parse_advert(rest: int, body: memoryview) -> RouterAdvert:
    if len(body) < 8:
        raise Malformed("short router advertisement")
    options = parse_options(body[8:])
    mtu = options.get(MTU_OPTION)
    flags = rest >> 16 & 0xFF
    return RouterAdvert(
        rest >> 24, bool(flags & 0x80), bool(flags & 0x40), rest & 0xFFFF,
        int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big"),
        _link_address(options, SOURCE_LINK), int.from_bytes(mtu[0][4:8], "big") if mtu else None,
        tuple(_prefix(option) for option in options.get(PREFIX_INFO, ()) if len(option) == 32),
        tuple(address for option in options.get(RDNSS, ()) for address in _dns(option)),
    )


def _prefix(option: memoryview) -> Prefix:
    _kind, _length, bits, flags, valid, preferred, _reserved, network = _PREFIX.unpack(option)
    if bits > 128:
        raise Malformed("prefix length")
    return Prefix(network, bits, bool(flags & PREFIX_ONLINK), bool(flags & PREFIX_AUTO), valid, preferred)


def _dns(option: memoryview) -> list[IP]:
    return [bytes(option[at : at + 16]) for at in range(8, len(option) - 15, 16)]


def link_option(kind: int, mac: MAC) -> bytes:
    """SOURCE_LINK or TARGET_LINK for an Ethernet address."""
    return bytes((kind, 1)) + mac


def solicit_body(target: IP, mac: MAC | None) -> bytes:
    """The body of a neighbor solicitation; without ``mac`` from the unspecified address (DAD)."""
    return target + (link_option(SOURCE_LINK, mac) if mac else b"")


def advert_body(target: IP, mac: MAC | None) -> bytes:
    """The body of a neighbor advertisement; without ``mac`` it says only that the target is there."""
    return target + (link_option(TARGET_LINK, mac) if mac else b"")
