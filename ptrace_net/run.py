"""`ptrace-net [run] -- PROGRAM`: build the filter, the provider and the engine, and supervise to the end."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net.syscalls.dispatch import dispatcher
from ptrace_net.tracer import clone
from ptrace_net.tracer.engine import Engine
from ptrace_net.tracer.filter import assemble
from ptrace_net.tracer.registers import machine
from ptrace_net.tracer.spawn import SpawnError, failure_of, spawn
from ptrace_net.wanted import ALWAYS, host_rules, merged, trace_rules

if TYPE_CHECKING:
    from ptrace_net.policies.policy import Policy
    from ptrace_net.sockets.host import HostSockets
    from ptrace_net.syscalls.seam import Answer, Call
    from ptrace_net.tracer.registers import Machine

OWN_FAILURE, NOT_EXECUTABLE, NOT_FOUND = 125, 126, 127


class Options(NamedTuple):
    """What the command line asks of a run."""

    argv: list[str]
    policy: Policy
    trace: str | None = None  # file name, "-" for standard error
    json: bool = False


class Failure(Exception):
    """ptrace-net cannot do it: the line to print, which names the remedy, and the exit status."""

    def __init__(self, text: str, status: int = OWN_FAILURE) -> None:
        super().__init__(text)
        self.status = status


def run(options: Options) -> int:
    """Run the program under supervision; the exit status to give. Raises Failure."""
    raise_descriptor_limit()
    machine_module = machine()
    engine = Engine(lambda call: dispatch(call), machine_module)
    sockets = provider(options.policy, engine)
    dispatch: Callable[[Call], Answer] = dispatcher(sockets, clone.HANDLERS)
    rules = [ALWAYS, host_rules(sockets.face.asked)]
    if options.trace is not None:
        from ptrace_net.report.observe import observed

        dispatch = observed(dispatch, engine, options.trace, options.json)
        rules.append(trace_rules())
    start(engine, options.argv, assemble(merged(*rules), machine_module.ARCHES))
    supervise(engine)
    return exit_status(engine.status)


def provider(policy: Policy, engine: Engine) -> HostSockets:
    from ptrace_net.sockets.faces import FourOnSix, SixOnFour
    from ptrace_net.sockets.host import HostSockets

    face = SixOnFour(policy.addresses) if policy.serve == "ipv4" else FourOnSix(policy.addresses)
    return HostSockets(face, engine.tasks)


def start(engine: Engine, argv: list[str], program: bytes) -> None:
    """Spawn ``argv``; returns once its exec has succeeded. Raises Failure."""
    from ptrace_net import diagnose

    try:
        pid, report = spawn(argv, program, engine.seize)
    except SpawnError as error:
        raise Failure(diagnose.spawn_failed(error, argv[0])) from None
    engine.root = pid
    engine.until_executed()
    failure = failure_of(report)
    if failure is not None:
        status = OWN_FAILURE
        if failure.step == "exec":
            status = NOT_FOUND if failure.number == 2 else NOT_EXECUTABLE
        raise Failure(diagnose.spawn_failed(failure, argv[0]), status)


def supervise(engine: Engine) -> None:
    """Serve until the last task is gone; signals meant for the program reach it."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: forward(engine, number))
    for number in (signal.SIGINT, signal.SIGQUIT):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda number, frame: interrupted(engine))
    signal.signal(signal.SIGTSTP, lambda number, frame: None)  # the program's stop stops us, see stop_with
    engine.stopped_root = lambda: os.kill(os.getpid(), signal.SIGSTOP)
    engine.run()


def forward(engine: Engine, number: int) -> None:
    """Pass a signal on to the program, or to its daemons once it has gone itself."""
    targets = [engine.root] if engine.root in engine.tracees else engine.thread_groups()
    for tgid in targets:
        try:
            os.kill(tgid, number)
        except ProcessLookupError:
            continue


def interrupted(engine: Engine) -> None:
    """The terminal has told the foreground group itself; what outlived the program is ended."""
    if engine.root not in engine.tracees:
        forward(engine, signal.SIGTERM)


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
    print(f"ptrace-net: {text}", file=sys.stderr, flush=True)
