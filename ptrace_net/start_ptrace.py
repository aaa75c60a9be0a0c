"""Start a run under the ptrace engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ptrace_net import notices, signals
from ptrace_net.failure import complain, spawn_failure
from ptrace_net.lab.control import Control
from ptrace_net.options import Options
from ptrace_net.policed import policed
from ptrace_net.provider import provider
from ptrace_net.syscalls.dispatch import dispatcher
from ptrace_net.tracer import clone
from ptrace_net.tracer.engine import Engine
from ptrace_net.tracer.filter import assemble
from ptrace_net.tracer.registers import machine
from ptrace_net.tracer.spawn import SpawnError, failure_of, spawn_traced
from ptrace_net.wanted import ALWAYS, merged, trace_rules

if TYPE_CHECKING:
    from ptrace_net.report.record import Recorder
    from ptrace_net.syscalls.seam import Answer, Call


def start(options: Options) -> Engine:
    """The engine with the program executed. Raises ``run.Failure``."""
    registers = machine()
    recorder = _recorder(options)
    create = Engine if recorder is None else recorder.engine
    engine = create(lambda call: dispatch(call), registers)
    sockets, wanted = provider(options, engine.tasks, engine.reactor, engine.mend, maps=True)
    dispatch: Callable[[Call], Answer] = dispatcher(sockets, clone.HANDLERS)
    rules = [ALWAYS, wanted]
    watched = (recorder, options.trace, options.collector) != (None, None, None)
    layer = policed(options.policy, dispatch, engine, net=options.net, watched=watched)
    dispatch = layer.dispatch
    if recorder is not None:
        dispatch = recorder.observed(dispatch, engine, options.trace, options.json)
        rules.append(recorder.rules())
    elif options.trace is not None:
        from ptrace_net.report.observe import observed

        dispatch = observed(dispatch, engine, options.trace, options.json)
        rules.append(trace_rules())
    if options.collector is not None:
        dispatch = options.collector.observed(dispatch)
        rules.append(options.collector.rules())
    engine.dispatch = dispatch
    control = Control(options)
    _spawn(engine, options.argv, assemble((*layer.rules, *merged(*rules)), registers.ARCHES))
    layer.begin()
    engine.stopped_root = signals.stop_with(engine.root)
    engine.executed = notices.executed(complain)
    engine.executed(engine.root)
    control.serve(engine, sockets)
    return engine


def _recorder(options: Options) -> Recorder | None:
    if options.record is None:
        return None
    from ptrace_net.report.record import Order, Recorder, policy_told

    told = {"command": options.argv, "net": options.net, "policy": policy_told(options.policy)}
    return Recorder(Order(options.record, options.record_payload, options.record_io, told))


def _spawn(engine: Engine, argv: list[str], program: bytes) -> None:
    try:
        engine.root, report = spawn_traced(argv, program, engine.seize)
        engine.until_executed()
        failure = failure_of(report)
    except SpawnError as error:
        failure = error
    if failure is not None:
        raise spawn_failure(failure, argv[0])
