"""One visitor of a supervisor: a request, its answers."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net.failure import said
from ptrace_net.lab.messages import PATIENCE, Message, owner_of, receive, send

if TYPE_CHECKING:
    from ptrace_net.lab.control import Served


def visit(peer: socket.socket, served: Served, user: int) -> None:
    """Serve one connection to its end; nobody but ``user`` is answered."""
    with peer, suppress(OSError):
        if owner_of(peer)[1] != user:
            return
        peer.settimeout(PATIENCE)
        request, fd = receive(peer)
        if fd >= 0:
            os.close(fd)
        serve = REQUESTS.get(str(request.get("do")), _unknown)
        serve(peer, served, request)


def _about(peer: socket.socket, served: Served, request: Message) -> None:
    options, joins = served.options, served.joins
    joined = joins.members() if joins is not None else []
    send(peer, {
        "pid": os.getpid(), "guard": served.guard, "name": options.name, "net": options.net,
        "engine": served.engine.kind,
        "argv": options.argv, "joined": joined, "processes": sorted(served.engine.thread_groups()),
        "said": [one._asdict() for one in list(said)],
    })  # fmt: skip


def _sockets(peer: socket.socket, served: Served, request: Message) -> None:
    from ptrace_net.lab.inventory import rows

    for row in rows(served.sockets, served.engine.thread_groups()):
        send(peer, row)
    send(peer, {"end": True})


def _join(peer: socket.socket, served: Served, request: Message) -> None:
    if served.joins is None:
        send(peer, {"error": "this run has no name"})
    else:
        served.joins.admit(peer, request)


def _unknown(peer: socket.socket, served: Served, request: Message) -> None:
    send(peer, {"error": "what is that?"})


REQUESTS: dict[str, Callable[[socket.socket, Served, Message], None]] = {
    "about": _about,
    "sockets": _sockets,
    "join": _join,
}
