"""What of a policy the seccomp filter decides, and what it stops for.

Rules come in the order in which the layer takes its steps, so that an errno in the filter is what the layer
would have answered: the first rule that holds decides in both. Whatever needs memory, a count or a report is
a stop. Only calls that the policy names have rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from ptrace_net.abi.arch import SOCKETCALL
from ptrace_net.policies.values import Entry, Fault, Key, Policy
from ptrace_net.policing import limits, providers
from ptrace_net.policing.support import FILE_CALLS, FILE_REQUESTS, FLAG_PLACES, SOCKET_REQUESTS
from ptrace_net.syscalls.table import ARGUMENTS
from ptrace_net.tracer.filter import ERRNO, TRACE, Rule, Test, at_least, below, equal, not_null, shares

_MOST = 40  # rules of one call; beyond, the layer is asked
_SOCKETCALLS = {name: number for number, (name, _) in SOCKETCALL.items()}


def policy_rules(policy: Policy, watched: bool) -> tuple[Rule, ...]:
    """To be put before all other rules. ``watched``: somebody wants to see the calls, so all of them stop."""
    rules = list(_in_order(policy))
    if watched:
        rules = [rule._replace(verdict=TRACE) for rule in rules]
    return (*_shortened(rules), *_multiplexed(rules))


def named_calls(policy: Policy) -> set[str]:
    """The calls that the policy says something about."""
    return {rule.call for rule in _in_order(policy)}


def _in_order(policy: Policy) -> Iterator[Rule]:
    yield from _faults(policy.faults)
    for (name, *_), entry in policy.table("calls").items():
        yield Rule(str(name), (), _verdict(entry, str(name)))
    for (_, way), _entry in policy.table("files").items():
        for each in FILE_CALLS if way is None else (str(way),):
            yield from (Rule(call) for call, _ in FILE_CALLS[each])
    yield from _creation(policy)
    yield from _options(policy)
    yield from _ioctls(policy)
    yield from _flags(policy)
    if policy.table("control"):
        yield from (Rule("sendmsg"), Rule("sendmmsg"))
    if policy.table("netlink"):
        yield from (Rule("sendto"), Rule("sendmsg"))
    yield from _providers(policy)
    yield from _limits(policy)
    if policy.ports:
        yield from _ports()


def _verdict(entry: Entry, call: str) -> int:
    """ERRNO where all there is to say is an errno, or 0, about a call of net/socket.c."""
    result = entry.behaviour.result
    if result is None or result > 0 or call not in ARGUMENTS:
        return TRACE
    return ERRNO | -result


def _faults(faults: tuple[Fault, ...]) -> Iterator[Rule]:
    for place, fault in enumerate(faults):
        for call in sorted(fault.calls):
            alone = not any(call in other.calls for other in faults[:place] + faults[place + 1 :])
            tests = () if fault.where.fd is None else (equal(0, fault.where.fd),)
            result = fault.result if fault.constant and alone and call in ARGUMENTS else None
            yield Rule(call, tests, TRACE if result is None or result > 0 else ERRNO | -result)


def _creation(policy: Policy) -> Iterator[Rule]:
    """Families by their numbers; everything that follows from a socket's type is looked at by the layer."""
    for (family, *_), entry in policy.table("families").items():
        verdict = _verdict(entry, "socket")
        if isinstance(family, int) and verdict != TRACE:
            yield from (Rule(call, (equal(0, family),), verdict) for call in ("socket", "socketpair"))
    everything = ("families", "types", "protocols")
    refused = [entry for name in everything for entry in policy.table(name).values()]
    exact = all(isinstance(key[0], int) for key in policy.table("families"))
    if any(_verdict(entry, "socket") == TRACE for entry in refused) or not exact or (
        policy.table("types") or policy.table("protocols")
    ):
        yield from (Rule("socket"), Rule("socketpair"))


def _options(policy: Policy) -> Iterator[Rule]:
    """The most exact first. Below a ``*`` a single stop sends the rest of its level to the layer."""
    table = policy.table("options")
    for call, way in (("setsockopt", "set"), ("getsockopt", "get")):
        mine = {key: entry for key, entry in table.items() if key[2] in (way, None)}
        for key in sorted(mine, key=lambda key: tuple(word is None for word in key)):
            verdict = _verdict(mine[key], call)
            yield Rule(call, _tests(key), TRACE if _has_exceptions(key, mine) else verdict)


def _tests(key: Key) -> tuple[Test, ...]:
    places = ((1, key[0]), (2, key[1]))
    return tuple(equal(place, word) for place, word in places if isinstance(word, int))


def _has_exceptions(key: Key, table: dict[Key, Entry]) -> bool:
    """Whether a more exact entry says ``ok``: no rule can say that, only the layer."""
    below = (other for other, entry in table.items() if entry.behaviour.verb == "ok" and other != key)
    return any(all(word in (None, own) for word, own in zip(key, other, strict=True)) for other in below)


def _ioctls(policy: Policy) -> Iterator[Rule]:
    """Which descriptors are sockets only the layer knows."""
    for (request,), entry in policy.table("ioctls").items():
        if request is None:
            yield Rule("ioctl", (at_least(1, SOCKET_REQUESTS), below(1, SOCKET_REQUESTS + 0x100)))
            yield from (Rule("ioctl", (equal(1, number),)) for number in FILE_REQUESTS)
        elif isinstance(request, int) and entry.behaviour.verb != "ok":
            yield Rule("ioctl", (equal(1, request),))


def _flags(policy: Policy) -> Iterator[Rule]:
    for (call, flag), _ in policy.table("flags").items():
        mask = flag if isinstance(flag, int) else 0xFFFFFFFF
        for name in (str(call), "recvmmsg_time64") if call == "recvmmsg" else (str(call),):
            yield Rule(name, (shares(FLAG_PLACES[str(call)], mask),))


def _providers(policy: Policy) -> Iterator[Rule]:
    rows = policy.providers
    if any(not row.of_addresses for row in rows):
        yield from (Rule("socket"), Rule("socketpair"))
    if any(row.use == "stub" and row.answer and row.answer.verb == "ignore" for row in rows):
        yield from (Rule(call) for call in providers.STUBBED)
    for call in providers.ADDRESSED:
        if any(row.of_addresses and (not row.calls or call in row.calls) for row in rows):
            yield from not_null(call, 4) if call == "sendto" else (Rule(call),)


def _limits(policy: Policy) -> Iterator[Rule]:
    most = policy.limits
    if most.backlog is not None:
        yield Rule("listen", (at_least(1, most.backlog + 1),))
    for limit, option in ((most.sndbuf, limits.SO_SNDBUF), (most.rcvbuf, limits.SO_RCVBUF)):
        if limit is not None:
            yield Rule("setsockopt", (equal(1, limits.SOL_SOCKET), equal(2, option)))
    if most.descriptors is not None:
        yield from (Rule(call) for call in limits.MAKING)
    if most.ports is not None:
        yield Rule("bind")


def _ports() -> Iterator[Rule]:
    named = ("bind", "connect", "getsockname", "getpeername", "accept", "accept4")
    messages = ("sendmsg", "recvmsg", "recvmmsg", "recvmmsg_time64")
    yield from (Rule(call) for call in (*named, *messages))
    yield from (*not_null("sendto", 4), *not_null("recvfrom", 4))


def _shortened(rules: list[Rule]) -> list[Rule]:
    """Calls with very many rules are the layer's alone; what follows an unconditional rule is left out."""
    kept: list[Rule] = []
    for call in dict.fromkeys(rule.call for rule in rules):
        mine = list(dict.fromkeys(rule for rule in rules if rule.call == call))
        if len(mine) > _MOST:
            mine = [Rule(call)]
        end = next((place for place, rule in enumerate(mine, 1) if not rule.tests), len(mine))
        kept += mine[:end]
    return kept


def _multiplexed(rules: list[Rule]) -> list[Rule]:
    """i386's socketcall(2) shows the call alone."""
    names = dict.fromkeys(rule.call for rule in rules)
    return [Rule("socketcall", (equal(0, _SOCKETCALLS[name]),)) for name in names if name in _SOCKETCALLS]
