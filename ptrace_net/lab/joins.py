"""Programs of other commands that a named run serves (`--join`): the supervisor's side.

The joining command forks its program itself, so that terminal, working directory and exit status are its own,
and hands us the listener of its filter. Its connection stays open: its end tells each side of the other's.
"""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.lab.messages import PATIENCE, Message, owner_of, receive, send
from ptrace_net.tracer import descendants

if TYPE_CHECKING:
    from ptrace_net.reactor import Reactor
    from ptrace_net.tracer.notify import NotifyEngine


class Mailbox:
    """Runs what other threads ask for in the engine's thread."""

    def __init__(self, reactor: Reactor) -> None:
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._asked: deque[Callable[[], None]] = deque()
        reactor.add(self._wake, select.EPOLLIN, self._run)

    def do(self, work: Callable[[], None]) -> None:
        """Have ``work`` done; TimeoutError when the engine does not come to it."""
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._asked.append(run)
        os.eventfd_write(self._wake, 1)
        if not done.wait(PATIENCE):
            raise TimeoutError

    def _run(self, events: int) -> None:
        os.eventfd_read(self._wake)
        while self._asked:
            self._asked.popleft()()


class Member(NamedTuple):
    """A command in the run: its supervising process, its first program."""

    pid: int
    root: int
    argv: list[str]


class Joins:
    """The commands that have joined."""

    def __init__(self, engine: NotifyEngine, plain: bytes, viewing: bytes) -> None:
        """``plain`` and ``viewing``: the filters for programs without and with views."""
        self._engine = engine
        programs = {"plain": plain, "viewing": viewing}
        self._filters = {name: base64.b64encode(code).decode() for name, code in programs.items()}
        self._mailbox = Mailbox(engine.reactor)
        self._members: dict[int, Member] = {}

    def members(self) -> list[Message]:
        return [member._asdict() for member in list(self._members.values())]

    def admit(self, peer: socket.socket, request: Message) -> None:
        """Serve a joining command until its end or its last program's; OSError when it goes earlier."""
        pid, _ = owner_of(peer)
        send(peer, {"filters": self._filters, "supervisor": os.getpid()})
        message, listener = receive(peer)
        root = message.get("root")
        # By its number here: a command in another pid namespace cannot be served.
        if listener < 0 or not isinstance(root, int) or root not in descendants.of(pid):
            if listener >= 0:
                os.close(listener)
            send(peer, {"error": "its program is out of sight (another pid namespace?)"})
            return
        member = Member(pid, root, [str(word) for word in request.get("argv", ())])
        self._attend(member, listener)
        send(peer, {"attended": True})
        peer.settimeout(None)
        with suppress(OSError):
            peer.recv(1)
        if self._members.get(listener) is member:
            _kill(member)

    def _attend(self, member: Member, listener: int) -> None:
        def ended() -> None:
            del self._members[listener]

        def attend() -> None:
            self._members[listener] = member
            self._engine.attend(member.root, listener, ended, above=member.pid)

        self._mailbox.do(attend)


def _kill(member: Member) -> None:
    """The command is gone without its programs: end them."""
    for pid in (*descendants.of(member.pid), *descendants.of(member.root), member.root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
