"""``[[provider]]``: who services a socket or a destination; ``[ports]``, ``[limits]``, ``[[timeline]]``."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Mapping
from typing import Any

from ptrace_net.policies.behaviour import parse_behaviour
from ptrace_net.policies.faults import parse_address, parse_fault, parse_ports, parse_time
from ptrace_net.policies.problem import Problem, near
from ptrace_net.policies.values import Fault, Impaired, Limits, Provider, Where
from ptrace_net.policies.words import one_of, read

_IMPAIRED = re.compile(r"[A-Za-z0-9_.-]+:[a-z]+=[^,=]+(,[a-z]+=[^,=]+)*\Z")
USES = ("run", "host", "stack", "kernel", "stub")
ADDRESSED = ("bind", "connect", "sendto", "sendmsg", "sendmmsg")






LIMITS: Mapping[str, str] = {
    "backlog": "connections that wait for accept, at most: listen asks for no more",
    "sndbuf": "bytes that SO_SNDBUF sets, at most",
    "rcvbuf": "bytes that SO_RCVBUF sets, at most",
    "descriptors": "descriptors of a process when it makes a socket: more are EMFILE",
    "ports": "the ports that bind takes, FIRST-LAST: others are EACCES",
}


def parse_provider(value: Any, told: str) -> Provider:
    """One row; raises Problem."""
    if not isinstance(value, dict):
        raise Problem("tables are wanted: [[provider]]")
    known = ("use", "answer", "family", "type", "protocol", "calls", "address", "port", "program")
    for key in value:
        if key not in known:
            raise Problem(f"unknown key; known are {', '.join(known)}{near(key, known)}", key)
    row = Provider("run", told=told)
    for key in known:
        if key in value:
            try:
                row = _PROVIDER[key](row, value[key])
            except Problem as problem:
                raise problem.under(key) from None
    if row.use == "stub" and row.answer is None:
        raise Problem('a stub wants answer = "BEHAVIOUR"', "use")
    if row.use != "stub" and row.answer is not None:
        raise Problem('only use = "stub" has an answer', "answer")
    if row.of_addresses and row.use == "kernel":
        raise Problem("with address or port no kernel: a socket is the kernel's before that", "use")
    if row.calls and not row.of_addresses:
        raise Problem("calls narrows address or port; neither is given", "calls")
    return row


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise Problem("a string is wanted")
    return value


def _use(row: Provider, value: Any) -> Provider:
    return row._replace(use=str(one_of(USES, "provider")(_string(value), ())))


def _answer(row: Provider, value: Any) -> Provider:
    return row._replace(answer=parse_behaviour(value, ("ok", "errno", "kill", "panic", "ignore", "return")))


def _word(field: str, kind: str) -> Callable[[Provider, Any], Provider]:
    def apply(row: Provider, value: Any) -> Provider:
        changed: dict[str, Any] = {field: read(kind, _string(value), (row.family, row.type))}
        return row._replace(**changed)

    return apply


def _calls(row: Provider, value: Any) -> Provider:
    if not isinstance(value, list) or not value:
        raise Problem(f"a list of calls is wanted: {', '.join(ADDRESSED)}")
    take = one_of(ADDRESSED, "call with an address")
    return row._replace(calls=tuple(str(take(_string(each), ())) for each in value))


def _place(field: str, parse: Callable[[str], Any]) -> Callable[[Provider, Any], Provider]:
    def apply(row: Provider, value: Any) -> Provider:
        text = str(value) if field == "ports" and isinstance(value, int) else _string(value)
        return row._replace(where=row.where._replace(**{field: parse(text)}))

    return apply


_PROVIDER: Mapping[str, Callable[[Provider, Any], Provider]] = {
    "use": _use,
    "answer": _answer,
    "family": _word("family", "family"),
    "type": _word("type", "type"),
    "protocol": _word("protocol", "protocol"),
    "calls": _calls,
    "address": _place("address", parse_address),
    "port": _place("ports", parse_ports),
    "program": _place("program", str),
}


def parse_limits(value: Any, base: Limits) -> Limits:
    """``base`` with what the table says; raises Problem."""
    if not isinstance(value, dict):
        raise Problem("a table is wanted")
    for key, limit in value.items():
        if key not in LIMITS:
            raise Problem(f"unknown key; known are {', '.join(LIMITS)}{near(key, LIMITS)}", key)
        if key == "ports":
            try:
                base = base._replace(ports=parse_ports(_string(limit)))
            except Problem as problem:
                raise problem.under(key) from None
        elif isinstance(limit, bool) or not isinstance(limit, int) or not 0 <= limit < 1 << 31:
            raise Problem("a number from 0 to 2147483647 is wanted", key)
        else:
            changed: dict[str, Any] = {key: limit}
            base = base._replace(**changed)
    return base


def parse_port_map(value: Any) -> dict[int, int]:
    """``"80" = 8080``, ``"50-59" = "1050-1059"``: the program's ports, the host's; raises Problem."""
    if not isinstance(value, dict):
        raise Problem('a table of ports is wanted: "80" = 8080')
    ports: dict[int, int] = {}
    for key, target in value.items():
        try:
            own = parse_ports(key)
            there = parse_ports(str(target) if isinstance(target, int) else _string(target))
            if own[1] - own[0] != there[1] - there[0]:
                raise Problem("both ranges must have as many ports")
            if not own[0] or not there[0]:
                raise Problem("port 0 is any port")
        except Problem as problem:
            raise problem.under(key) from None
        ports.update(zip(range(own[0], own[1] + 1), range(there[0], there[1] + 1), strict=True))
    return ports


def check_port_map(ports: Mapping[int, int]) -> None:
    """Each host port stands for one port of the program; raises Problem."""
    back: dict[int, int] = {}
    for own, there in ports.items():
        if there in back:
            raise Problem(f"ports {back[there]} and {own} are both {there} on the host", str(own))
        back[there] = own


def parse_timeline(value: Any) -> tuple[tuple[Fault, ...], tuple[Impaired, ...]]:
    """The faults and impairments of one row, with their time; raises Problem."""
    if not isinstance(value, dict):
        raise Problem("tables are wanted: [[timeline]]")
    known = ("after", "lasts", "inject", "impair", "down")
    for key in value:
        if key not in known:
            raise Problem(f"unknown key; known are {', '.join(known)}{near(key, known)}", key)
    after = _seconds(value, "after") or 0.0
    lasts = _seconds(value, "lasts")
    faults = parse_faults(value.get("inject", []), "inject")
    if value.get("down", False) not in (True, False):
        raise Problem("true or false is wanted", "down")
    if value.get("down"):
        faults += DOWN
    impairments = parse_impairments(value.get("impair", []), "impair")
    if not faults and not impairments:
        raise Problem("nothing happens: inject = [...], impair = [...] or down = true is wanted")
    until = None if lasts is None else after + lasts
    return (
        tuple(fault._replace(after=after, until=until) for fault in faults),
        tuple(each._replace(after=after, until=until) for each in impairments),
    )


def _seconds(row: Mapping[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    try:
        return parse_time(_string(value), "s")
    except Problem as problem:
        raise problem.under(key) from None


def parse_impairments(value: Any, key: str) -> tuple[Impaired, ...]:
    """A list of links and what they do; the devices know the words. Raises Problem."""
    if not isinstance(value, list):
        raise Problem("a list of DEV:delay=20ms,loss=1% is wanted", key)
    for each in value:
        if not isinstance(each, str) or not _IMPAIRED.match(each):
            raise Problem(f"{each!r} is not DEV:delay=20ms,loss=1%", key)
    return tuple(map(Impaired, value))


def parse_faults(value: Any, key: str) -> tuple[Fault, ...]:
    """A list of rules; raises Problem."""
    if not isinstance(value, list):
        raise Problem("a list of rules is wanted", key)
    try:
        return tuple(parse_fault(each) for each in value)
    except Problem as problem:
        raise problem.under(key) from None


# The network is down and loopback is not: what a host answers whose link is cut.
DOWN = (
    Fault(
        "down", frozenset(("connect", "sendto", "sendmsg", "sendmmsg")), -errno.ENETUNREACH,
        where=Where(outside=True),
    ),
)  # fmt: skip
