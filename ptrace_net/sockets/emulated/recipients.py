"""Where a socket's datagrams went lately, so that the next one to the same name is not looked up again.

What a look-up depends on is compared: the ports of the run and who is connected where (``PortTable.version``)
and its addresses. The sender's own options make it forget.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptrace_net.sockets.emulated import network
from ptrace_net.sockets.emulated.origins import Origin

if TYPE_CHECKING:
    from ptrace_net.sockets.emulated.datagram import Datagram
    from ptrace_net.sockets.emulated.names import Name
    from ptrace_net.sockets.emulated.ports import PortTable
    from ptrace_net.sockets.emulated.receiving import Receiving

_MOST = 64


class Recipient:
    """Who got it, and what it said of itself."""

    __slots__ = ("network", "origin", "ports", "receiver", "version")

    def __init__(
        self, receiver: Receiving, origin: Origin, ports: PortTable, network: network.Network
    ) -> None:
        self.receiver, self.origin, self.network = receiver, origin, network
        self.ports, self.version = ports, ports.version


class Recipients:
    """Those of one socket, by the sockaddr that they were asked for with."""

    __slots__ = ("_known", "_latest")

    def __init__(self) -> None:
        self._known: dict[bytes, Recipient] = {}
        self._latest = b"?"

    def forget(self) -> None:
        self._known.clear()

    def find(self, sock: Datagram, name: bytes) -> Recipient | None:
        known = self._known.get(name)
        if known is None:
            return None
        if known.version != known.ports.version or known.network is not sock.layer.network:
            del self._known[name]
            return None
        return known

    def used(self, sock: Datagram, name: bytes, target: Name) -> None:
        """A datagram has gone to ``target``; what is used twice in a row is remembered."""
        again, self._latest = name == self._latest, name
        layer = sock.layer
        # A raw socket has no port. Other networks change by themselves; options say more than the name.
        if not again or sock.binding is None or sock.options.values is not None:
            return
        if type(layer.network) is not network.Network:
            return
        origin = sock.origin(target)
        receiver = layer.receiver(sock, target, origin)
        if receiver is not None:
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[name] = Recipient(receiver, origin, sock.ports, layer.network)
