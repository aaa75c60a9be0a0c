"""What the handles of all protocols share: waking whoever waits, errors, and bind."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .addresses import IP
from .bindings import Binding, PortTable
from .packet import ErrorReport
from .result import IN_USE, INVALID, NOT_AVAILABLE, Fail

if TYPE_CHECKING:
    from .host import Host

_MAX_REPORTS = 64


@dataclass(slots=True, eq=False)
class Handle:
    """A socket as the stack sees it.  ``dual`` sockets of IPv6 also take IPv4 (V6ONLY off)."""

    host: "Host"
    version: int
    dual: bool = False
    interface: str | None = None  #: SO_BINDTODEVICE, or the scope of a link-local address
    reuseaddr: bool = False
    reuseport: bool = False
    freebind: bool = False
    recverr: bool = False
    binding: Binding | None = None
    errors: list[ErrorReport] = field(default_factory=list)
    tag: object = None  #: the socket layer's own

    @property
    def bound_address(self) -> IP:
        """The local address, b"" where there is none."""
        return self.binding.address if self.binding else b""

    @property
    def bound_port(self) -> int:
        """The local port, 0 where there is none."""
        return self.binding.port if self.binding else 0

    def wake(self, events: int) -> None:
        self.host.notify(self, events)

    def report(self, error: ErrorReport) -> None:
        """Queue an error for MSG_ERRQUEUE."""
        if self.recverr:
            self.errors.append(error)
            del self.errors[:-_MAX_REPORTS]

    def _bind(self, table: PortTable, address: IP, port: int) -> Fail | None:
        """Take ``port``, or an ephemeral one for 0."""
        if self.binding is not None:
            return INVALID
        if not self.freebind and not self.host.may_bind(address):
            return NOT_AVAILABLE
        wanted = Binding(address, port, self.reuseaddr, self.reuseport, not self.dual)
        if not port:
            found = self.host.ports.choose(lambda candidate: _taken(table, wanted, candidate))
            if found is None:
                return IN_USE
            wanted.port, wanted.ephemeral = found, True
        elif table.conflict(wanted):
            return IN_USE
        table.add(wanted)
        self.binding = wanted
        return None

    def _unbind(self, table: PortTable) -> None:
        if self.binding is not None:
            table.remove(self.binding)
            self.binding = None


def _taken(table: PortTable, wanted: Binding, port: int) -> bool:
    return table.conflict(Binding(wanted.address, port, v6only=wanted.v6only))
