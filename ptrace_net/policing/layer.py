"""The layer: for every call that a policy names, a chain of steps that ends at the provider's dispatcher.

A step gets the call and the rest of the chain; it answers itself, or hands the call on, perhaps changed, and
looks at the answer. The chains are made once, when the run starts; a call without one costs a look-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from ptrace_net.failure import Failure
from ptrace_net.policing import limits, names, providers
from ptrace_net.policing.calls import Go, Step
from ptrace_net.policing.faults import Injector
from ptrace_net.policing.outcome import Outcomes
from ptrace_net.policing.ports import Ports
from ptrace_net.policing.rules import named_calls
from ptrace_net.policing.support import (
    CREATING,
    FILE_CALLS,
    FLAG_PLACES,
    OPTION_CALLS,
    Control,
    Netlink,
    Support,
)
from ptrace_net.syscalls.seam import Answer, Call

if TYPE_CHECKING:
    from ptrace_net.policies.values import Policy
    from ptrace_net.syscalls.seam import Task


class Run(Protocol):
    """What the layer asks of an engine."""

    status: int

    def thread_groups(self) -> set[int]: ...
    def tasks(self) -> Iterable[Task]: ...


class Layer:
    """``dispatch`` around ``inner``; everything goes through until ``begin`` says that the program runs."""

    def __init__(self, policy: Policy, inner: Callable[[Call], Answer], run: Run) -> None:
        self._inner = inner
        self._began = False
        self._injector = Injector(policy.faults, policy.seed, inner)
        steps = _steps(policy, Outcomes(run), self._injector, run, inner)
        self._chains = {name: _chain(each, inner) for name, each in steps.items() if each}

    def begin(self) -> None:
        """The program has been executed: what happened before was the supervisor's own doing."""
        self._began = True
        self._injector.begin()

    def dispatch(self, call: Call) -> Answer:
        chain = self._chains.get(call.name)
        return self._inner(call) if chain is None or not self._began else chain(call)


def _chain(steps: list[Step], inner: Go) -> Go:
    go = inner
    for step in reversed(steps):
        go = _bound(step, go)
    return go


def _bound(step: Step, rest: Go) -> Go:
    return lambda call: step(call, rest)


def _steps(
    policy: Policy, outcomes: Outcomes, injector: Injector, run: Run, ask: Go
) -> dict[str, list[Step]]:
    """The steps of every call, in their order; ``ask`` puts questions to the provider."""
    chosen: dict[str, list[Step]] = {}

    def add(step: Step, calls: Iterable[str]) -> None:
        for name in dict.fromkeys(calls):
            chosen.setdefault(name, []).append(step)

    support = Support(policy, outcomes)
    add(injector.step, (name for fault in policy.faults for name in sorted(fault.calls)))
    add(support.call, (str(name) for name, *_ in policy.table("calls")))
    ways = {way for _, way in policy.table("files")}
    add(support.file, (call for way, calls in FILE_CALLS.items() if ways & {way, None} for call, _ in calls))
    if any(policy.table(name) for name in ("families", "types", "protocols")):
        add(support.create, CREATING)
    if policy.table("options"):
        add(support.option, OPTION_CALLS)
    if policy.table("ioctls"):
        add(support.ioctl, ("ioctl",))
    flagged = {str(name) for name, _ in policy.table("flags")}
    add(support.flags, [name for name in FLAG_PLACES if name in flagged])
    add(support.flags, ["recvmmsg_time64"] if "recvmmsg" in flagged else [])
    if policy.table("control"):
        add(Control(policy, outcomes).step, ("sendmsg", "sendmmsg"))
    if policy.table("netlink"):
        add(Netlink(policy, outcomes, ask).step, ("sendto", "send", "sendmsg"))
    _add_choices(add, policy, outcomes, run, ask)
    return chosen


def _add_choices(
    add: Callable[[Step, Iterable[str]], None], policy: Policy, outcomes: Outcomes, run: Run, ask: Go
) -> None:
    if policy.providers:
        rows = providers.ProviderSteps(policy.providers, outcomes, run.tasks, ask)
        add(rows.create, CREATING)
        if any(row.answer and row.answer.verb == "ignore" for row in policy.providers):
            add(rows.stubbed, providers.STUBBED)
        if any(row.of_addresses for row in policy.providers):
            add(rows.addressed, providers.ADDRESSED)
    most = limits.LimitSteps(policy.limits)
    add(most.listen, ["listen"] if policy.limits.backlog is not None else [])
    buffers = (policy.limits.sndbuf, policy.limits.rcvbuf)
    add(most.buffer, ["setsockopt"] if any(limit is not None for limit in buffers) else [])
    add(most.make, limits.MAKING if policy.limits.descriptors is not None else [])
    add(most.bind, ["bind"] if policy.limits.ports is not None else [])
    if policy.ports:
        ports = Ports(policy.ports)
        add(ports.give, names.GIVEN)
        add(ports.told, names.TOLD)
        add(ports.send, ["sendmsg"])
        add(ports.receive, ["recvmsg", "recvmmsg", "recvmmsg_time64"])


# What the child does between the filter and execve(2).
_BEFORE_EXEC = frozenset((
    "brk", "clock_gettime", "close", "execve", "exit", "exit_group", "fcntl", "futex", "getpid", "gettid",
    "madvise", "mmap", "mprotect", "mremap", "munmap", "read", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "write",
))  # fmt: skip


_REMEDY = "which --name and --engine notify do without: leave these out"


def check_provider(policy: Policy, net: str) -> None:
    """Raise Failure where the policy wants a provider that this run does not have."""
    for row in policy.providers:
        if row.use == "host" and net == "none":
            raise Failure(f"policy {row.told}: provider: --net none has no outside, and so no host")


def check_notify(policy: Policy) -> None:
    """Raise Failure where the notification engine cannot do what the policy says.

    It cannot change a call on its way to the kernel, and nobody answers calls made before the program is
    executed. A signal would end a delay, and the call with it.
    """
    others = sorted(named_calls(policy) & _BEFORE_EXEC)
    if others:
        raise Failure(f"policy: {', '.join(others[:3])} needs the ptrace engine, {_REMEDY}")
    tables = (policy.table("flags"), policy.table("control"))
    behaviours = [entry.behaviour.verb for table in tables for entry in table.values()]
    limited = (policy.limits.backlog, policy.limits.sndbuf, policy.limits.rcvbuf)
    changes = policy.ports or "ignore" in behaviours or any(limit is not None for limit in limited)
    slow = any(fault.short or fault.delay_enter or fault.delay_exit for fault in policy.faults)
    stubs = any(row.answer and row.answer.verb == "ignore" for row in policy.providers)
    if changes or slow or stubs:
        what = "ports, limits of buffers and backlog, stub sockets, delays, short, ignored flags"
        raise Failure(f"policy: {what}: they need the ptrace engine, {_REMEDY}")
