"""Start a run under the notification engine, with a guard process instead of ptrace's EXITKILL."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from ptrace_net import guard
from ptrace_net.failure import Failure, spawn_failure
from ptrace_net.lab.control import Control
from ptrace_net.options import Options
from ptrace_net.policed import policed
from ptrace_net.provider import provider
from ptrace_net.syscalls.dispatch import dispatcher
from ptrace_net.tracer.filter import NOTIFY, TRACE, assemble
from ptrace_net.tracer.notify import NotifyEngine
from ptrace_net.tracer.spawn import SpawnError, failure_of, spawn_notified
from ptrace_net.tracer.thread import has_thread_pidfds
from ptrace_net.wanted import NO_IO_URING, merged

if TYPE_CHECKING:
    from ptrace_net.lab.joins import Joins


def start(options: Options) -> NotifyEngine:
    """The engine with the program executed. Raises ``run.Failure``."""
    from ptrace_net.tracer.registers import arches

    engine = NotifyEngine(lambda call: dispatch(call), arches())
    sockets, wanted = provider(options, engine.tasks, engine.reactor)
    layer = policed(options.policy, dispatcher(sockets, {}), engine, net=options.net, notify=True)
    dispatch = layer.dispatch
    engine.dispatch = dispatch
    rules = [
        rule._replace(verdict=NOTIFY) if rule.verdict == TRACE else rule
        for rule in (*layer.rules, *merged(NO_IO_URING, wanted))
    ]
    if not has_thread_pidfds():
        raise Failure("the notification engine needs pidfds of threads (Linux 6.9): use --engine ptrace")
    program = assemble(rules, arches())
    guard.split(background=options.background)
    control = Control(options)
    try:
        pid, listener, report = spawn_notified(options.argv, program)
    except SpawnError as error:
        raise spawn_failure(error, options.argv[0]) from None
    failure = failure_of(report)
    if failure is not None:
        os.waitpid(pid, 0)
        raise spawn_failure(failure, options.argv[0])
    engine.attend(pid, listener)
    layer.begin()
    control.serve(engine, sockets, _joins(options, engine, program), os.getppid())
    return engine


def _joins(options: Options, engine: NotifyEngine, program: bytes) -> Joins | None:
    """What lets other commands join, where the run has a name."""
    if options.name is None:
        return None
    from ptrace_net.lab.joins import Joins

    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # ^Z stops our own program, and not those of others
    return Joins(engine, program)
