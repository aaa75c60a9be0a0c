"""A run's dispatcher under its policy: the plain one where the policy only maps addresses.

The layer itself (ptrace_net.policing) is imported when a policy needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ptrace_net.policies.values import Policy
    from ptrace_net.policing.layer import Run
    from ptrace_net.syscalls.seam import Answer, Call
    from ptrace_net.tracer.filter import Rule


class Policed(NamedTuple):
    """``rules`` go before all others in the filter; ``begin`` is called once the program is executed."""

    dispatch: Callable[[Call], Answer]
    rules: tuple[Rule, ...]
    begin: Callable[[], None]


def policed(
    policy: Policy,
    dispatch: Callable[[Call], Answer],
    run: Run,
    *,
    net: str = "host",
    watched: bool = False,
    notify: bool = False,
) -> Policed:
    """``dispatch`` as ``policy`` wants it; ``watched``: every call that it decides is to be seen. Raises
    Failure.
    """
    if not policy.restricts:
        return Policed(dispatch, (), lambda: None)
    from ptrace_net.policing.layer import Layer, check_notify, check_provider
    from ptrace_net.policing.rules import policy_rules

    check_provider(policy, net)
    if notify:
        check_notify(policy)
    layer = Layer(policy, dispatch, run)
    return Policed(layer.dispatch, policy_rules(policy, watched), layer.begin)
