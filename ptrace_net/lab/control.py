"""What a supervisor answers to those who found it: a thread of its own waits for visitors.

The way to them is imported when the first one comes; a run that nobody asks about pays for a socket and a
sleeping thread.
"""

from __future__ import annotations

import errno
import os
import socket
import time
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.failure import Failure
from ptrace_net.lab.entrance import Entrance, claim
from ptrace_net.signals import start_thread

if TYPE_CHECKING:
    from ptrace_net.lab.joins import Joins
    from ptrace_net.options import Options
    from ptrace_net.run import Engine
    from ptrace_net.syscalls.sockets import Sockets


_SCARCE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Served(NamedTuple):
    """What visitors may be told of; ``joins`` where the run has a name."""

    options: Options
    engine: Engine
    sockets: Sockets
    joins: Joins | None
    guard: int  # the process that ends the run in our place; 0 where ptrace does


class Control:
    """Opened before the program starts, so that a name that is taken stops it; Failure says so."""

    def __init__(self, options: Options) -> None:
        self._options = options
        name = options.name or ""
        self._claim = _claimed(name) if name else None
        self._entrance: Entrance | None = None
        try:
            self._entrance = Entrance(name)
        except OSError as error:
            if name:
                raise Failure(f"--name {name}: no folder for its socket: {error.strerror}") from None

    def withdraw(self) -> None:
        """The run is started in another way: a name is kept, and nobody has come."""
        if self._entrance is not None:
            self._entrance.close()

    def serve(self, engine: Engine, sockets: Sockets, joins: Joins | None = None, guard: int = 0) -> None:
        """Answer visitors from now on."""
        if self._entrance is None:  # a run without a name is not found then
            return
        served = Served(self._options, engine, sockets, joins, guard)
        start_thread(self._receive, self._entrance.listener, served)

    def _receive(self, listener: socket.socket, served: Served) -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError as error:
                if error.errno not in _SCARCE:
                    return
                time.sleep(0.1)
                continue
            from ptrace_net.lab.visits import visit

            start_thread(visit, peer, served, os.geteuid())


def _claimed(name: str) -> socket.socket:
    try:
        return claim(name)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise Failure(f"--name {name}: {error.strerror}") from None
    raise Failure(f"--name {name}: there is such a run already; `ptrace-net ps` shows it, --join runs in it")
