"""Which local ports are taken, by protocol: the conflicts of bind(2).

Two sockets conflict on a port when their addresses overlap, unless both set SO_REUSEPORT, or both set
SO_REUSEADDR and (for TCP) the one that was there does not listen (``inet_csk_bind_conflict``).  ``::``
overlaps IPv4 addresses unless it is V6ONLY, and 0.0.0.0 also once connect(2) has named it (bind(2) to an IPv6
address sets V6ONLY, connect does not); ::ffff:0.0.0.0 no more then (``ipv6_rcv_saddr_equal``).
"""

from .addresses import ANY6, IP, is_any


class Binding:
    """One socket's hold on a port; ``ephemeral``: the port was chosen for the socket, not by it; ``unnamed``:
    bind(2) has not given it an address; ``mapped``: it is an AF_INET6 socket's, whatever its address.
    """

    __slots__ = (
        "address", "ephemeral", "listening", "mapped", "port", "reuseaddr", "reuseport", "unnamed", "v6only"
    )  # fmt: skip

    def __init__(
        self,
        address: IP,
        port: int,
        reuseaddr: bool = False,
        reuseport: bool = False,
        v6only: bool = False,
        listening: bool = False,
        ephemeral: bool = False,
        unnamed: bool = False,
        mapped: bool = False,
    ) -> None:
        self.address, self.port = address, port
        self.reuseaddr, self.reuseport, self.v6only = reuseaddr, reuseport, v6only
        self.listening, self.ephemeral = listening, ephemeral
        self.unnamed, self.mapped = unnamed, mapped

    def overlaps(self, other: "Binding") -> bool:
        if len(self.address) == len(other.address):
            return self.address == other.address or is_any(self.address) or is_any(other.address)
        six, four = (self, other) if len(self.address) == 16 else (other, self)
        if six.v6only:
            return False
        return six.address == ANY6 or (six.unnamed and is_any(four.address) and not four.mapped)

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
