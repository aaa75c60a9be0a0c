"""Which local ports are taken, by protocol: the conflicts of bind(2).

Two sockets conflict on a port when their addresses overlap, unless both set SO_REUSEPORT, or both set
SO_REUSEADDR and (for TCP) the one that was there does not listen (``inet_csk_bind_conflict``).  ``::``
overlaps IPv4 addresses unless it is V6ONLY.
"""

from dataclasses import dataclass, field

from .addresses import ANY6, IP, is_any


@dataclass(slots=True, eq=False)
class Binding:
    """One socket's hold on a port."""

    address: IP
    port: int
    reuseaddr: bool = False
    reuseport: bool = False
    v6only: bool = False
    listening: bool = False
    ephemeral: bool = False  #: the port was chosen for the socket, not by it

    def overlaps(self, other: "Binding") -> bool:
        if len(self.address) == len(other.address):
            return self.address == other.address or is_any(self.address) or is_any(other.address)
        six = self if len(self.address) == 16 else other
        return six.address == ANY6 and not six.v6only

    def conflicts(self, other: "Binding") -> bool:
        if not self.overlaps(other) or (self.reuseport and other.reuseport):
            return False
        return not (self.reuseaddr and other.reuseaddr) or other.listening


@dataclass(slots=True)
class PortTable:
    _bindings: dict[int, list[Binding]] = field(default_factory=dict)

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
