"""Start a run under the notification engine: with ptrace beside it where that is allowed and nobody asked for
less, else with a guard process instead of ptrace's EXITKILL.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from ptrace_net import guard, notices, signals
from ptrace_net.failure import complain, spawn_failure
from ptrace_net.lab.control import Control
from ptrace_net.options import Options
from ptrace_net.policed import policed
from ptrace_net.provider import provider, with_views
from ptrace_net.syscalls.dispatch import dispatcher
from ptrace_net.tracer import namespaces
from ptrace_net.tracer.filter import NOTIFY, TRACE, Rule, assemble, picks
from ptrace_net.tracer.notify import NotifyEngine
from ptrace_net.tracer.spawn import SpawnError, failure_of, spawn_notified
from ptrace_net.wanted import NO_IO_URING, merged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ptrace_net.tracer.escort import Escort


class Start(NamedTuple):
    """What is to be started."""

    engine: NotifyEngine
    argv: list[str]
    rules: Sequence[Rule]
    program: bytes


def start(options: Options) -> NotifyEngine:
    """The engine with the program executed. Raises ``run.Failure``."""
    from ptrace_net.tracer.registers import arches

    engine = NotifyEngine(lambda call: dispatch(call), arches())
    sockets, wanted = provider(options, engine.tasks, engine.reactor, engine.mend)
    dispatch = dispatcher(sockets, namespaces.HANDLERS)
    layer = policed(options.policy, dispatch, engine, net=options.net, notify=True)
    dispatch = layer.dispatch
    engine.dispatch = dispatch

    def notified(wanted: Sequence[Rule]) -> list[Rule]:
        rules = (*layer.rules, *merged(NO_IO_URING, namespaces.RULES, tuple(wanted)))
        return [rule._replace(verdict=NOTIFY) if rule.verdict == TRACE else rule for rule in rules]

    rules = notified(wanted)
    it = Start(engine, options.argv, rules, assemble(rules, arches()))
    # A name brings programs of other commands, whose guards they have.
    alone = options.engine == "notify" or options.name is not None
    control = None if alone else _escorted(options, it)
    above = 0
    if control is None:
        guard.split(background=options.background)
        control, above = Control(options), os.getppid()
        if options.name is not None:
            signals.go_on()
        _spawn(it, None)
    layer.begin()
    joins = None
    if options.name is not None:
        from ptrace_net.lab.joins import Joins

        variants = map(notified, with_views(options, wanted))
        joins = Joins(engine, *(assemble(variant, arches()) for variant in variants))
    control.serve(engine, sockets, joins, above)
    return engine


def _escorted(options: Options, it: Start) -> Control | None:
    """Start with ptrace beside; None where that is forbidden."""
    from ptrace_net.tracer.escort import Escort
    from ptrace_net.tracer.registers import machine

    registers = machine()
    names = {arch.audit: arch.names for arch in registers.ARCHES}

    def verdict(tid: int, audit: int, call: tuple[int, ...]) -> int | None:
        name = names[audit].get(call[0], "")
        return it.engine.withdrawn(tid, name, call) if picks(it.rules, name, call[1:]) else None

    escort = Escort(registers, verdict, it.engine.ended)
    it.engine.hear_of_moves(escort, notices.executed(complain) if os.geteuid() else lambda tid: None)
    control = Control(options)
    try:
        _spawn(it, escort)
    except PermissionError:
        control.withdraw()
        return None
    it.engine.escort = escort
    escort.stopped_root = signals.stop_with(it.engine.root)  # after the program has got our dispositions
    return control


def _spawn(it: Start, escort: Escort | None) -> None:
    """Raises PermissionError where the escort is refused, Failure for all else."""

    def seize(pid: int, listener: int) -> None:
        if escort is not None:
            escort.seize(pid)

    try:
        pid, listener, report = spawn_notified(it.argv, it.program, seize)
    except SpawnError as error:
        raise spawn_failure(error, it.argv[0]) from None
    failure = failure_of(report)
    if failure is not None:
        if escort is None:
            os.waitpid(pid, 0)
        else:
            escort.join()
        raise spawn_failure(failure, it.argv[0])
    it.engine.attend(pid, listener)
