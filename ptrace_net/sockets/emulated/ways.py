"""How to connect to listeners of the run: what was found out once serves the next sockets too.

A way holds for sockets that have neither a name nor IPV6_V6ONLY, from one sockaddr to the loopback, where
nobody but the listeners decides; all are forgotten when a socket begins to listen or ends. Not for groups
(SO_REUSEPORT), of which each connection gets another member.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated import lookup
from ptrace_net.stack.addresses import is_loopback

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.listening import Queue
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.stream import Stream

_MOST = 256


class Way:
    __slots__ = ("queue", "source", "target")

    def __init__(self, target: Name, source: bytes, queue: Queue) -> None:
        self.target, self.source, self.queue = target, source, queue


class Ways(dict[tuple[int, bytes], Way]):
    """By the family of a socket and the sockaddr that connect(2) was given."""

    def learn(self, sock: Stream, name: bytes, target: Name) -> None:
        """``sock`` has been sent to ``target``, which ``name`` means."""
        layer, binding = sock.layer, sock.binding
        plain = binding is not None and binding.ephemeral and sock.asked is None and not sock.v6only
        if not plain or sock.peer is None or not is_loopback(target.address) or layer.leaves(sock, target):
            return
        listener = lookup.only_listener(layer.tcp, target)
        source = layer.network.source_for(target.address)
        if listener is None or listener.queue is None or source is None:
            return
        if len(self) >= _MOST:
            self.clear()
        self[sock.family, name] = Way(target, source, listener.queue)
