"""Who gets what arrives at a port: the look-ups of inet_hashtables.c and udp.c (__inet_lookup_listener,
__udp4_lib_lookup).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated.datagram import Datagram
from ptrace_net.sockets.emulated.ports import covers, rank
from ptrace_net.sockets.emulated.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.origins import Origin
    from ptrace_net.sockets.emulated.ports import PortTable
    from ptrace_net.sockets.emulated.sock import EmulatedSocket
    from ptrace_net.stack.bindings import Binding


def listener(ports: PortTable, target: Name, client: Name) -> Stream | None:
    """The listener that fits ``target`` best; of a SO_REUSEPORT group, one by the client's name."""
    best = _listeners(ports, target)
    return best[hash(client) % len(best)] if best else None


def only_listener(ports: PortTable, target: Name) -> Stream | None:
    """The same, where every client gets the same one."""
    best = _listeners(ports, target)
    return best[0] if len(best) == 1 else None


def _listeners(ports: PortTable, target: Name) -> list[Stream]:
    best: list[Stream] = []
    fit = -1
    for holder in ports.holders(target.port):
        binding = holder.binding
        if binding is None or not binding.listening or not covers(binding, target.address):
            continue
        score = rank(binding, target.address)
        if score > fit:
            best, fit = [], score
        if score == fit and isinstance(holder, Stream):
            best.append(holder)
    return best


def datagrams(ports: PortTable, port: int) -> list[Datagram]:
    """Every datagram socket of a port, the latest first."""
    return [holder for holder in ports.holders(port) if isinstance(holder, Datagram)]


def has_holder(ports: PortTable, target: Name) -> bool:
    """Whether a socket that is open has a port of an address."""
    return any(
        holder.binding is not None and covers(holder.binding, target.address) and not holder.is_gone()
        for holder in list(ports.holders(target.port))
    )


def receiver(ports: PortTable, target: Name, origin: Origin) -> Datagram | None:
    """The best fit, connected sockets first; among equals the latest, or one of the group by the source. It
    may have been closed.
    """
    best: list[Datagram] = []
    fit = (False, -1)
    for holder in datagrams(ports, target.port):
        binding = holder.binding
        if binding is None or not covers(binding, target.address) or not holder.wants(origin):
            continue
        score = (holder.peer is not None, rank(binding, target.address))
        if score > fit:
            best, fit = [], score
        if score == fit:
            best.append(holder)
    if not best:
        return None
    first = best[0]
    group = len(best) > 1 and first.binding is not None and first.binding.reuseport
    return best[hash(origin.source) % len(best)] if group else first


def left_over(socks: Iterable[EmulatedSocket], wanting: Stream, binding: Binding) -> bool:
    """Whether a connection whose listener is gone still holds what ``wanting`` asks for."""
    for other in socks:
        held = other.binding
        if other is wanting or held is None or held.port != binding.port or not isinstance(other, Stream):
            continue
        if not other.bound:
            continue
        if binding.conflicts(held) and not other.is_gone():
            return True
    return False
