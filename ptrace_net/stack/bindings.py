"""Which local ports are taken, by protocol: the conflicts of bind(2).

Two sockets conflict on a port when their addresses overlap, unless both set SO_REUSEPORT, or both set
SO_REUSEADDR and (for TCP) the one that was there does not listen (``inet_csk_bind_conflict``).  ``::``
overlaps IPv4 addresses unless it is V6ONLY.
"""

from .addresses import ANY6, IP, is_any


class Binding:
    """One socket's hold on a port; ``ephemeral``: the port was chosen for the socket, not by it."""

    __slots__ = ("address", "ephemeral", "listening", "port", "reuseaddr", "reuseport", "v6only")

    def __init__(
        self,
        address: IP,
        port: int,
        reuseaddr: bool = False,
        reuseport: bool = False,
        v6only: bool = False,
        listening: bool = False,
        ephemeral: bool = False,
    ) -> None:
        self.address, self.port = address, port
        self.reuseaddr, self.reuseport, self.v6only = reuseaddr, reuseport, v6only
        self.listening, self.ephemeral = listening, ephemeral

    def overlaps(self, other: "Binding") -> bool:
        if len(self.address) == len(other.address):
            return self.address == other.address or is_any(self.address) or is_any(other.address)
        six = self if len(self.address) == 16 else other
        return six.address == ANY6 and not six.v6only

    def conflicts(self, other: "Binding") -> bool:
        if not self.overlaps(other) or (self.reuseport and other.reuseport):
            return False
        return not (self.reuseaddr and other.reuseaddr) or other.listening


class PortTable:
    __slots__ = ("_bindings",)

    def __init__(self) -> None:
        self._bindings: dict[int, list[Binding]] = {}

    def conflict(self, wanted: Binding) -> bool:
        others = (held for held in self._bindings.get(wanted.port, ()) if held is not wanted)
        return any(wanted.conflicts(held) for held in others)

    def add(self, binding: Binding) -> None:
        self._bindings.setdefault(binding.port, []).append(binding)

    def remove(self, binding: Binding) -> None:
        held = self._bindings[binding.port]
        held.remove(binding)
        if not held:
            del self._bindings[binding.port]
