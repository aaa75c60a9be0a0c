"""`--join NAME -- PROGRAM`: run a program in the network of another command.

The program is ours: terminal, working directory, environment, signals and exit status. Its calls are served
by the named supervisor, which gets the listener of its filter; without it the program cannot go on and is
ended.
"""

from __future__ import annotations

import base64
import errno
import os
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from ptrace_net import guard, signals
from ptrace_net.failure import Failure, spawn_failure
from ptrace_net.lab.messages import Message, receive, send
from ptrace_net.lab.visitor import connect, named
from ptrace_net.provider import wants_views
from ptrace_net.tracer import descendants
from ptrace_net.tracer.spawn import SpawnError, failure_of, spawn_notified

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.options import Options

_FLAGS, _PF_EXITING = 6, 0x4  # proc_pid_stat(5), counted from the state; linux/sched.h


class Joined:
    """Waits for the programs of one joined command; offers what ``run`` asks of an engine."""

    kind = "notify"

    def __init__(self, name: str, peer: socket.socket) -> None:
        self.root = self.status = 0
        self.root_ended: Callable[[], None] = lambda: None
        self._name, self._peer = name, peer
        self._ended = self._lost = False

    def abandoned(self) -> None:
        descendants.kill(os.getpid())
        os._exit(125)

    def root_is_alive(self) -> bool:
        return not self._ended

    def thread_groups(self) -> set[int]:
        return set(descendants.of(os.getpid()))

    def run(self) -> None:
        """Collect ended children until there are no more; Failure when the supervisor went first."""
        signals.start_thread(self._watch)
        while True:
            try:
                pid, status = os.waitpid(-1, 0)
            except ChildProcessError:
                break
            if pid == self.root:
                self.status, self._ended = status, True
                self.root_ended()
        if self._lost:
            raise Failure(f"the run named {self._name} has ended, and its programs with it")

    def _watch(self) -> None:
        """The supervisor keeps the connection open as long as it serves us."""
        self._peer.settimeout(None)
        with suppress(OSError):
            self._peer.recv(1)
        while groups := self.thread_groups():
            for pid in groups:
                self._lost = self._lost or _runs(pid)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    """Whether a process is still there to be killed: not one that ends, which lets go of its filter first, or
    only waits to be collected.
    """
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return False
    return fields[0] not in "ZX" and not int(fields[_FLAGS]) & _PF_EXITING


def start(options: Options) -> Joined:
    """The program executed in the named run. Raises Failure."""
    name = options.join or ""
    found = named(name)
    guard.split(background=options.background)
    signals.go_on()
    peer = connect(found)
    joined = Joined(name, peer)
    try:
        send(peer, {"do": "join", "argv": options.argv})
        offer = _answer(peer)

        def hand_over(pid: int, listener: int) -> None:
            send(peer, {"root": pid}, listener)
            _answer(peer)

        program = base64.b64decode(offer["filters"]["viewing" if wants_views(options) else "plain"])
        spawned = spawn_notified(options.argv, program, hand_over, offer["supervisor"])
        joined.root, listener, report = spawned
    except SpawnError as error:
        if (error.step, error.number) == ("seccomp", errno.EBUSY):
            raise Failure(f"--join {name}: programs of a run cannot join another one") from None
        raise spawn_failure(error, options.argv[0]) from None
    except OSError as error:
        raise Failure(f"--join {name}: the supervisor does not answer ({error.strerror or error})") from None
    os.close(listener)
    failure = failure_of(report)
    if failure is not None:
        os.waitpid(joined.root, 0)
        raise spawn_failure(failure, options.argv[0])
    return joined


def _answer(peer: socket.socket) -> Message:
    message, fd = receive(peer)
    if fd >= 0:
        os.close(fd)
    if "error" in message:
        raise Failure(f"the supervisor refuses: {message['error']}")
    return message
