"""Netlink requests that a policy refuses, on sockets of our own: answered with NLMSG_ERROR."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ptrace_net.network.refused import Refused
from ptrace_net.policing.support import find

if TYPE_CHECKING:
    from ptrace_net.netlink.endpoint import Dump, Piece, Service
    from ptrace_net.netlink.ports import Port
    from ptrace_net.netlink.wire import Head
    from ptrace_net.policies.values import Table


class Refusing:
    """Implements ``netlink.endpoint.Service`` in front of another: that of ``protocol``."""

    def __init__(self, service: Service, protocol: int, table: Table) -> None:
        self._service, self._protocol, self._table = service, protocol, table

    def request(self, message: bytes, head: Head, port: Port, now: float) -> Iterable[Piece] | Dump:
        entry = find(self._table, self._protocol, head.type)
        if entry is not None and entry.behaviour.verb == "errno":
            raise Refused(entry.behaviour.number)
        return self._service.request(message, head, port, now)
