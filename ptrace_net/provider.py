"""The provider that a run's options ask for, and the calls that it wants to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ptrace_net.wanted import host_rules, stack_rules

if TYPE_CHECKING:
    from ptrace_net.options import Options
    from ptrace_net.reactor import Reactor
    from ptrace_net.syscalls.seam import Task
    from ptrace_net.syscalls.sockets import Sockets
    from ptrace_net.tracer.filter import Rule


def provider(
    options: Options, tasks: Callable[[], Iterable[Task]], reactor: Reactor
) -> tuple[Sockets, tuple[Rule, ...]]:
    """The socket layer of a run, and its rules for the filter."""
    if options.net == "host":
        from ptrace_net.sockets.host import host_sockets

        host = host_sockets(options.policy, tasks)
        return host, host_rules(host.face.asked)
    from ptrace_net.sockets.emulated.layer import EmulatedSockets

    if options.net == "none":
        from ptrace_net.sockets.emulated.outside import Closed

        return EmulatedSockets(tasks, reactor, lambda layer: Closed()), stack_rules()
    from ptrace_net.sockets.emulated.uplink import Uplink

    def uplink(layer: EmulatedSockets) -> Uplink:
        return Uplink(layer, options.policy.addresses, options.publish)

    return EmulatedSockets(tasks, reactor, uplink), stack_rules()
