"""Setting and removing neighbours by hand (net/core/neighbour.c; ip-neighbour(8), arp(7))."""

from __future__ import annotations

import errno

from ptrace_net.network.refused import Refused
from ptrace_net.stack.addresses import IP, MAC
from ptrace_net.stack.interface import Interface
from ptrace_net.stack.neighbor import NeighborCache, State

NUD_PERMANENT, NUD_NOARP = 0x80, 0x40
_STATES = {
    0x2: State.REACHABLE,
    0x4: State.STALE,
    0x8: State.STALE,
    0x10: State.STALE,
    NUD_NOARP: State.PERMANENT,
    NUD_PERMANENT: State.PERMANENT,
}


def cache_of(interface: Interface, address: IP) -> NeighborCache:
    return interface.neighbors4 if len(address) == 4 else interface.neighbors6


def set_neighbour(interface: Interface, address: IP, mac: MAC, state: int, now: float) -> None:
    """Enter a link address; frames that waited for it go out. EINVAL for a state that has none."""
    known = _STATES.get(state & 0xFF)
    if known is None:
        raise Refused(errno.EINVAL)
    interface.release(cache_of(interface, address).set(address, mac[:6], known, now), mac[:6])


def remove_neighbour(interface: Interface, address: IP) -> None:
    cache = cache_of(interface, address)
    if address not in cache.entries:
        raise Refused(errno.ENOENT)
    cache.remove(address)
