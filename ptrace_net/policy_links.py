"""The impairments of a policy on the links of a run: those that stay, and those of its time line."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from ptrace_net.devices.impair import Impair
from ptrace_net.devices.impairment import Impairment
from ptrace_net.devices.spec import ImpairSpec, impair
from ptrace_net.failure import Failure

if TYPE_CHECKING:
    from ptrace_net.device_options import Links
    from ptrace_net.devices.device import Device
    from ptrace_net.devices.open import Devices
    from ptrace_net.policies.values import Policy
    from ptrace_net.reactor import Reactor


def with_policy(links: Links | None, policy: Policy, net: str) -> Links | None:
    """The links with what ``policy`` does to them; raises Failure where the run has none."""
    if not policy.impairments:
        return links
    from ptrace_net.device_options import Links

    if net == "host":
        raise Failure("policy: impair concerns our own stack: --net stack")
    base = links or Links((), (), ())
    specs = [(each, _spec(each.text)) for each in policy.impairments]
    impairs = [*base.impairs, *(spec for each, spec in specs if not each.timed)]
    named = {spec.device for spec in impairs}
    for device in dict.fromkeys(spec.device for _, spec in specs):
        if device not in named:
            impairs.append(ImpairSpec(device, Impairment()))
    return base._replace(impairs=tuple(impairs))


def _spec(text: str) -> ImpairSpec:
    try:
        return impair(text)
    except ValueError as error:
        raise Failure(f"policy: impair: {error}") from None


def schedule(devices: Devices, policy: Policy, reactor: Reactor) -> None:
    """Have the links changed when the time line says so: it begins now."""
    begun = time.monotonic()
    for each in policy.impairments:
        if each.timed:
            spec = _spec(each.text)
            link = _impaired(devices.attached.devices[spec.device])
            before = link.outward.impairment
            reactor.call_at(begun + each.after, partial(link.change, spec.impairment))
            if each.until is not None:
                reactor.call_at(begun + each.until, partial(link.change, before))


def _impaired(device: Device) -> Impair:
    """The wrapper that impairs ``device``; ``with_policy`` has put one there."""
    while not isinstance(device, Impair):
        device = device.inner  # type: ignore[attr-defined]  # a capture: it wraps another device
    return device
