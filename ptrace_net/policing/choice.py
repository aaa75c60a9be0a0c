"""Who services what within one run, as the rows of ``[[provider]]`` have it: the host's sockets or our own.

The first row that fits decides. A row without an address is about a socket when it is made, one with an
address or a port about a bind, a connection or a datagram. ``run``, and no row, is who services the run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.policing.calls import runs_program
from ptrace_net.policing.names import Endpoint, fits

if TYPE_CHECKING:
    from ptrace_net.policies.values import Provider
    from ptrace_net.syscalls.seam import Task

_INET = (2, 10)
_CHOSEN = ("host", "stack")


class Kind(NamedTuple):
    """What a socket is."""

    family: int
    type: int
    protocol: int


def about(row: Provider, kind: Kind, task: Task) -> bool:
    """Whether ``row`` is about sockets of ``kind`` in the program that ``task`` runs."""
    wanted = zip((row.family, row.type, row.protocol), kind, strict=True)
    return all(word in (None, value) for word, value in wanted) and runs(row, task)


def runs(row: Provider, task: Task) -> bool:
    return row.where.program is None or runs_program(task, row.where.program)


class Choice:
    """The rows of a policy for a run whose sockets are ``net``'s: "host" or "stack"."""

    def __init__(self, rows: tuple[Provider, ...], net: str) -> None:
        self._made = [row for row in rows if not row.of_addresses]
        self._named = [row for row in rows if row.of_addresses]
        self._net = net
        # What the host services until an address says otherwise begins as our own: only that can become both.
        late = any(row.use == "stack" for row in self._named)
        self._first = "stack" if late else net

    def made(self, kind: Kind, task: Task) -> str:
        """Who gets a new socket: "host" or "stack"."""
        return self._whole(kind, task) or (self._first if kind.family in _INET else self._net)

    def _whole(self, kind: Kind, task: Task) -> str | None:
        """What is said of the socket, whatever it does; None: nothing."""
        row = next((row for row in self._made if about(row, kind, task)), None)
        return row.use if row is not None and row.use in _CHOSEN else None

    def named(self, kind: Kind, task: Task, calls: tuple[str, ...], at: Endpoint) -> str:
        """Who gets what one of ``calls`` does with an address, on a socket of our own."""
        for row in self._named:
            called = not row.calls or any(call in row.calls for call in calls)
            if called and fits(row.where, at) and about(row, kind, task):
                return row.use if row.use in _CHOSEN else self._net
        return self._whole(kind, task) or self._net

    def reaches(self, address: bytes) -> bool:
        """Whether the host may be asked for ``address``, whatever the port."""
        anywhere = (row.where._replace(ports=None) for row in self._named if row.use == "host")
        return self._net == "host" or any(fits(where, Endpoint(address, 0)) for where in anywhere)
