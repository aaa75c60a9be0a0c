"""Steps for ``[[provider]]``: who services a socket, and what destinations are stubbed out.

A stub with ``ignore`` is a socket that does nothing: an AF_UNIX one of the same kind, on which every call
succeeds and from which nothing ever comes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ptrace_net.policing.calls import Go, ask_option
from ptrace_net.policing.choice import Kind, about, runs
from ptrace_net.policing.names import endpoint, fits, readable
from ptrace_net.policing.outcome import Outcomes
from ptrace_net.sockets.registry import Registry
from ptrace_net.syscalls.seam import NATIVE, Answer, Call, Errno, Native, Return

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ptrace_net.policies.values import Provider
    from ptrace_net.syscalls.seam import Task

AF_UNIX, SOCK_DGRAM, TYPE_MASK = 1, 2, 0xF
SO_TYPE, SO_PROTOCOL = 3, 38
_KINDS = (1, 2, 5)  # what AF_UNIX has
ADDRESSED = ("bind", "connect", "sendto", "sendmsg", "sendmmsg")
# What a stub's socket does: every call succeeds; None: the kernel's socket underneath has the word.
STUBBED = ("bind", "connect", "listen", "setsockopt", "shutdown", "sendto", "sendmsg")


class ProviderSteps:
    """The steps of one policy's rows."""

    def __init__(
        self, rows: tuple[Provider, ...], outcomes: Outcomes, tasks: Callable[[], Iterable[Task]], ask: Go
    ) -> None:
        self._ask = ask
        self._made = [row for row in rows if not row.of_addresses]
        self._addressed = [row for row in rows if row.of_addresses]
        self._outcomes = outcomes
        self._stubs: Registry[str] = Registry(lambda: {task.tgid for task in tasks()})

    def create(self, call: Call, go: Go) -> Answer:
        kind = Kind(call.args[0], call.args[1] & TYPE_MASK, call.args[2])
        row = next((row for row in self._made if about(row, kind, call.task)), None)
        if row is None or row.use in ("run", "host", "stack"):
            return go(call)
        if row.use == "kernel" or row.answer is None:
            return NATIVE
        if row.answer.verb == "ignore" and call.name == "socket":
            return self._stub(call)
        return self._outcomes.carry_out(row.answer, call, row.told) or go(call)

    def _stub(self, call: Call) -> Answer:
        kind, flags = call.args[1] & TYPE_MASK, call.args[1] & ~TYPE_MASK
        kind = kind if kind in _KINDS else SOCK_DGRAM

        def made(fd: int) -> None:
            if fd >= 0:
                handle = call.task.borrow(fd)
                self._stubs.add(os.fstat(handle).st_ino, "")
                os.close(handle)

        return Native(made, "socket", (AF_UNIX, kind | flags, 0))

    def stubbed(self, call: Call, go: Go) -> Answer:
        """A call on a socket that is a stub."""
        if not self._stubs or self._stubs.get(call.task.socket_inode(call.args[0])) is None:
            return go(call)
        return Return(_size(call))

    def addressed(self, call: Call, go: Go) -> Answer:
        at = endpoint(readable(call), call.arch)
        if at is None:
            return go(call)
        for row in self._addressed:
            named = not row.calls or call.name in row.calls
            if named and fits(row.where, at) and _socket_fits(row, call, at.address, self._ask):
                answer = row.answer and self._outcomes.carry_out(row.answer, call, row.told)
                return answer or go(call)
        return go(call)


def _socket_fits(row: Provider, call: Call, address: bytes, ask: Go) -> bool:
    """The address says the family; the socket is asked for the rest where it matters."""
    family = 2 if len(address) == 4 else 10
    fd, asked = call.args[0], ((row.type, SO_TYPE), (row.protocol, SO_PROTOCOL))
    same = all(word is None or word == ask_option(ask, call, fd, 1, option) for word, option in asked)
    return row.family in (None, family) and same and runs(row, call.task)


def _size(call: Call) -> int:
    if call.name == "sendto":
        return min(call.args[2], 0x7FFFF000)
    if call.name != "sendmsg":
        return 0
    from ptrace_net.syscalls.msghdr import pieces, read_header

    try:
        header = read_header(call.task, call.arch, call.args[1])
        return min(sum(length for _, length in pieces(call.task, call.arch, header)), 0x7FFFF000)
    except Errno as error:
        return -error.number
