"""Source address selection: RFC 6724 for IPv6, the primary address of the subnet for IPv4.

The rules are a sort key: the best candidate is the greatest tuple, compared rule by rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from .addresses import IP, common_bits, in_prefix, is_link_local, is_loopback, is_multicast, parse_ip

FOREVER = float("inf")


class AddressState(Enum):
    TENTATIVE = "tentative"  #: duplicate address detection is under way
    PREFERRED = "preferred"
    DEPRECATED = "deprecated"
    DUPLICATE = "dadfailed"


@dataclass(slots=True)
class Address:
    """An address of an interface; lifetimes are points in time."""

    ip: IP
    length: int
    state: AddressState = AddressState.PREFERRED
    valid_until: float = FOREVER
    preferred_until: float = FOREVER

    @property
    def usable(self) -> bool:
        return self.state in (AddressState.PREFERRED, AddressState.DEPRECATED)


#: RFC 6724, 2.1: prefix, length, label
_POLICY = tuple(
    (parse_ip(prefix), length, label)
    for prefix, length, label in (
        ("::1", 128, 0), ("::ffff:0:0", 96, 4), ("2002::", 16, 2), ("2001::", 32, 5), ("fc00::", 7, 13),
        ("::", 96, 3), ("fec0::", 10, 11), ("3ffe::", 16, 12), ("::", 0, 1),
    )
)


def label(address: IP) -> int:
    """The policy table's label: the longest match wins, and the table is in that order where it matters."""
    best = max((entry for entry in _POLICY if in_prefix(address, entry[0], entry[1])), key=lambda e: e[1])
    return best[2]


def scope(address: IP) -> int:
    """RFC 4007 scopes as the multicast scope field numbers them: 1 host, 2 link, 5 site, 14 global."""
    if is_multicast(address):
        return address[1] & 15
    if is_link_local(address) or is_loopback(address):
        return 2
    return 5 if address[:2] == b"\xfe\xc0" else 14


def _rank6(candidate: Address, destination: IP) -> tuple[bool, int, bool, bool, int]:
    """Rules 1, 2, 3, 6 and 8; the candidates are already those of the outgoing interface (rule 5)."""
    ours, theirs = scope(candidate.ip), scope(destination)
    fits = -ours if ours >= theirs else ours - 256
    shared = min(common_bits(candidate.ip, destination), candidate.length)
    same_label = label(candidate.ip) == label(destination)
    preferred = candidate.state is AddressState.PREFERRED
    return candidate.ip == destination, fits, preferred, same_label, shared


def select(candidates: Iterable[Address], destination: IP, next_hop: IP) -> IP | None:
    """The source for ``destination`` among an interface's addresses, None where none is usable."""
    family = [entry for entry in candidates if entry.usable and len(entry.ip) == len(destination)]
    if not family:
        return None
    if len(destination) == 16:
        return max(family, key=lambda entry: _rank6(entry, destination)).ip
    on_subnet = [entry for entry in family if in_prefix(next_hop, entry.ip, entry.length)]
    return (on_subnet or family)[0].ip
