"""The provider that a run's options ask for, and the calls that it wants to see."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.failure import complain
from ptrace_net.wanted import KEPT_ON_WIRE, host_rules, map_rules, stack_rules, view_rules

if TYPE_CHECKING:
    from ptrace_net.device_options import Links
    from ptrace_net.options import Options
    from ptrace_net.reactor import Reactor
    from ptrace_net.sockets.emulated.layer import EmulatedSockets
    from ptrace_net.sockets.emulated.outside import Outside
    from ptrace_net.syscalls.seam import Mend, Task
    from ptrace_net.syscalls.sockets import Sockets
    from ptrace_net.tracer.filter import Rule


def provider(
    options: Options, tasks: Callable[[], Iterable[Task]], reactor: Reactor, mend: Mend, maps: bool = False
) -> tuple[Sockets, tuple[Rule, ...]]:
    """The socket layer of a run, and its rules for the filter.

    ``mend`` is the engine's way to make the ECONNRESET of a socket another errno. ``maps`` says whether the
    engine rewrites calls, so that mmap(2) can be given another descriptor.
    """
    links = _links(options)
    mixes = options.policy.mixes(options.net)
    if options.net == "host" and not mixes:
        from ptrace_net.sockets.host import host_sockets

        host = host_sockets(options.policy, tasks)
        return host, host_rules(host.face.asked)
    from ptrace_net.sockets.emulated.layer import EmulatedSockets

    views = (*(view_rules() if wants_views(options) else ()), *(map_rules() if maps else ()))
    outside = _outside(options) if links is None else _wire(options, links)
    make = _mixed(options) if mixes else EmulatedSockets
    sockets = make(tasks, reactor, outside)
    sockets.maps, sockets.refused = maps, options.policy.table("netlink")
    sockets.mend = mend
    # What a policy decides, it follows in the calls that the kernel or the engine makes.
    sockets.accepts = sockets.finishes = not (maps or mixes or options.policy.restricts)
    kept = () if links is None else (KEPT_ON_WIRE,)
    return sockets, (*stack_rules(*kept), *views)


def _mixed(options: Options) -> Callable[..., EmulatedSockets]:
    """Both providers; the filter's rules are the stack's, which see all that the host's wants to see."""
    from ptrace_net.policing.choice import Choice
    from ptrace_net.sockets.host import host_sockets
    from ptrace_net.sockets.mixed import MixedSockets

    policy = options.policy
    choice = Choice(policy.providers, "host" if options.net == "host" else "stack")

    def make(
        tasks: Callable[[], Iterable[Task]],
        reactor: Reactor,
        outside: Callable[[EmulatedSockets], Outside],
    ) -> EmulatedSockets:
        return MixedSockets(tasks, reactor, outside, host_sockets(policy, tasks), choice, policy.addresses)

    return make


def _links(options: Options) -> Links | None:
    """What packets pass, where there are any: a policy may want those of ``lo`` alone."""
    links = options.links
    if links is None and options.policy.lane == "wire":
        from ptrace_net.device_options import Links

        links = Links((), (), ())
    if options.policy.impairments:
        from ptrace_net.policy_links import with_policy

        links = with_policy(links, options.policy, options.net)
    return links.seeded(options.policy.seed) if links is not None else None


def with_views(options: Options, wanted: tuple[Rule, ...]) -> tuple[tuple[Rule, ...], tuple[Rule, ...]]:
    """The rules of a run without and with those of views, for programs that join it."""
    views = view_rules() if options.net != "host" else ()
    plain = tuple(rule for rule in wanted if rule not in views)
    return plain, (*plain, *views)


def wants_views(options: Options) -> bool:
    """Whether files that show the network are to be served: ``auto`` asks the program's file."""
    if options.views != "auto":
        return options.views == "on"
    from ptrace_net.views.mentions import mentions

    return mentions(options.argv[0])


def _outside(options: Options) -> Callable[[EmulatedSockets], Outside]:
    """What is beyond the run's own addresses, without packets."""
    if options.net == "none":
        from ptrace_net.sockets.emulated.outside import Closed

        return lambda layer: Closed()
    from ptrace_net.sockets.emulated.uplink import Uplink

    return lambda layer: Uplink(layer, options.policy.addresses, options.publish)


def _wire(options: Options, links: Links) -> Callable[[EmulatedSockets], Outside]:
    """Packets on the devices asked for; where that is ``lo`` alone, the rest goes as without them."""
    from ptrace_net.devices.open import open_devices
    from ptrace_net.sockets.wire.outside import Wire

    def wire(layer: EmulatedSockets) -> Outside:
        now, asked = time.monotonic(), partial(open_devices, *links[:3], traces=links.traces)
        if links.devices:
            devices = asked(now, clock=time.monotonic)
        else:
            from ptrace_net.sockets.netlink.shown import Shown, attach_gateway

            host = Shown()
            devices = asked(now, clock=time.monotonic, attached=host)
            attach_gateway(host, layer.network, now)
        devices.packets_on_lo |= options.policy.lane == "wire"
        if options.policy.impairments:
            from ptrace_net.policy_links import schedule

            schedule(devices, options.policy, layer.reactor)
        if not devices.settle():
            complain("no lease, or no router, has answered on the links of this run yet; it starts without")
        carrier = Wire(layer, devices, None if links.devices else _outside(options)(layer))
        atexit.register(carrier.finish)
        return carrier

    return wire
