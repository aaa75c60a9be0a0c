"""Address mapping between IPv6 and IPv4, by prefixes: stateless, so that separate runs agree (RFC 6052's
idea).

A pair ``("2001:db8::/120", "10.9.0.0/24")`` maps the host part of one prefix onto the other.
``::ffff:a.b.c.d`` (RFC 4291, 2.5.5.2) is always a.b.c.d and ``::`` is always 0.0.0.0. What no pair covers has
no counterpart.
"""

from __future__ import annotations

import socket
from typing import NamedTuple

ANY4, ANY6 = bytes(4), bytes(16)
LOOPBACK6 = bytes(15) + b"\x01"
V4_MAPPED = bytes(10) + b"\xff\xff"
_BITS4, _BITS6 = 32, 128

class MappingError(ValueError):
    """A pair of prefixes that cannot be mapped onto each other; the text says why."""


class Pair(NamedTuple):
    """Prefixes as integers; ``host`` is how many bits are carried over."""

    six: int
    six_length: int
    four: int
    four_length: int

    @property
    def host(self) -> int:
        return _BITS4 - self.four_length


def is_v4_mapped(six: bytes) -> bool:
    """Whether 16 address bytes are ``::ffff:a.b.c.d``."""
    return six.startswith(V4_MAPPED)


def parse_prefix(text: str) -> tuple[int, int, int]:
    """``(address, length, bits)`` of ``ADDRESS/LENGTH``; raises MappingError."""
    address, _, length = text.partition("/")
    family, bits = (socket.AF_INET6, _BITS6) if ":" in address else (socket.AF_INET, _BITS4)
    try:
        value = int.from_bytes(socket.inet_pton(family, address), "big")
        size = int(length) if length else bits
    except (OSError, ValueError):
        raise MappingError(f"{text!r} is not ADDRESS/LENGTH") from None
    if not 0 <= size <= bits:
        raise MappingError(f"{text!r}: the length of a prefix here is 0 to {bits}")
    if value & ((1 << (bits - size)) - 1):
        raise MappingError(f"{text!r} has bits set after its first {size}")
    return value, size, bits


def pair(six: str, four: str) -> Pair:
    """A mapping of prefix ``six`` onto prefix ``four``; raises MappingError where the sizes differ."""
    value6, length6, bits6 = parse_prefix(six)
    value4, length4, bits4 = parse_prefix(four)
    if bits6 != _BITS6 or bits4 != _BITS4:
        raise MappingError(f"{six!r} = {four!r}: an IPv6 prefix is mapped onto an IPv4 one")
    if _BITS6 - length6 != _BITS4 - length4:
        raise MappingError(
            f"{six!r} has {_BITS6 - length6} host bits, {four!r} has {_BITS4 - length4}: they must be equal"
        )
    return Pair(value6, length6, value4, length4)


# ::1 has an address of its own in 127.0.0.0/8, so that a listener on ::1 or a V6ONLY one is not 127.0.0.1's.
DEFAULT_PAIRS = (pair("::1/128", "127.6.0.1/32"),)


class AddressMap:
    """Both directions of a list of pairs; the first that covers an address decides."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: tuple[Pair, ...]) -> None:
        self._pairs = pairs

    def four(self, six: bytes) -> bytes | None:
        """The IPv4 address (4 bytes) that stands for 16 bytes ``six``; None: no counterpart."""
        if six.startswith(V4_MAPPED):
            return six[12:]
        if six == ANY6:
            return ANY4
        value = int.from_bytes(six, "big")
        for each in self._pairs:
            if value >> each.host == each.six >> each.host:
                return (each.four | value & ((1 << each.host) - 1)).to_bytes(4, "big")
        return None

    def six(self, four: bytes) -> bytes:
        """The IPv6 address that ``four`` (4 bytes) stands for: mapped, ``::`` or ``::ffff:a.b.c.d``."""
        if four == ANY4:
            return ANY6
        value = int.from_bytes(four, "big")
        for each in self._pairs:
            if value >> each.host == each.four >> each.host:
                return (each.six | value & ((1 << each.host) - 1)).to_bytes(16, "big")
        return V4_MAPPED + four
