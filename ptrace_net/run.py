"""`ptrace-net [run] -- PROGRAM`: choose the engine, start the program, supervise it to the end."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ptrace_net import signals
from ptrace_net.tracer.spawn import SpawnError

if TYPE_CHECKING:
    from ptrace_net.policies.policy import Policy
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Task

OWN_FAILURE, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127


class Options(NamedTuple):
    """What the command line asks of a run."""

    argv: list[str]
    policy: Policy
    engine: str = "auto"
    trace: str | None = None  # file name, "-" for standard error
    json: bool = False
    record: str | None = None  # file name
    record_payload: int | None = None  # bytes kept of each buffer; None for all
    record_io: bool = False


class Engine(Protocol):
    """What every engine offers to a run."""

    root: int
    status: int

    def run(self) -> None: ...
    def abandoned(self) -> None:
        """The process that would have ended the run in our place is gone."""

    def root_is_alive(self) -> bool: ...
    def thread_groups(self) -> set[int]: ...


class Failure(Exception):
    """ptrace-net cannot do it: the line to print, which names the remedy, and the exit status."""

    def __init__(self, text: str, status: int = OWN_FAILURE) -> None:
        super().__init__(text)
        self.status = status


def run(options: Options) -> int:
    """Run the program under supervision; the exit status to give. Raises Failure."""
    engine = _start(options)
    raise_descriptor_limit()  # ours, after the program has inherited what it should
    return supervise(engine)


def _start(options: Options) -> Engine:
    if options.engine == "notify":
        if options.record is not None:
            raise Failure("--record needs the ptrace engine, which tells of tasks too: leave --engine out")
        from ptrace_net.start_notify import start as start_notify

        return start_notify(options)
    from ptrace_net.start_ptrace import start as start_ptrace

    return start_ptrace(options)


def spawn_failure(error: SpawnError, program: str) -> Failure:
    """The line and the exit status for a program that did not start."""
    from ptrace_net import diagnose

    status = OWN_FAILURE
    if error.step == "exec":
        status = NOT_FOUND if error.number == errno.ENOENT else NOT_EXECUTABLE
    return Failure(diagnose.spawn_failed(error, program), status)


def provider(policy: Policy, tasks: Callable[[], Iterable[Task]]) -> HostSockets:
    from ptrace_net.sockets.faces import FourOnSix, SixOnFour
    from ptrace_net.sockets.host import HostSockets

    face = SixOnFour(policy.addresses) if policy.serve == "ipv4" else FourOnSix(policy.addresses)
    return HostSockets(face, tasks)


def supervise(engine: Engine) -> int:
    """Serve until the last task is gone; the exit status to give."""

    def targets() -> list[int]:
        return [engine.root] if engine.root_is_alive() else list(engine.thread_groups())

    def from_terminal(number: int) -> None:
        """The program got it too; what outlived the program is ended."""
        if not engine.root_is_alive():
            signals.send_to(targets)(signal.SIGTERM)

    signals.pass_on(signals.send_to(targets), from_terminal, engine.abandoned)
    engine.run()
    return exit_status(engine.status)


def exit_status(status: int) -> int:
    """The shell's view of a wait status: 128 + n for a signal."""
    if os.WIFSIGNALED(status):
        return 128 + os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def raise_descriptor_limit() -> None:
    """One pidfd per process of the run: use what the hard limit allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def complain(text: str) -> None:
    """One line on standard error; where that is closed nobody hears it, and the exit status stands."""
    if sys.stderr is not None:
        with suppress(OSError):
            os.write(2, f"ptrace-net: {text}\n".encode(errors="backslashreplace"))
