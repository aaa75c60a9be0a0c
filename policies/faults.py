"""Faults: strace(1)'s grammar of ``--inject``, and what it has not.

    CALLS:error=ERRNO|retval=N[:signal=SIG][:delay_enter=TIME][:delay_exit=TIME][:when=FIRST[..LAST][+[STEP]]]
    further:  :fd=N  :addr=ADDRESS[/LENGTH]  :port=N[-N]  :program=NAME  :probability=P  :short=N

``CALLS`` are names with commas, ``%net`` or ``/regex``; a name with ``?`` before it need not exist. ``when``
counts per call and thread, as strace does; ``probability`` is a chance that a seed decides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ptrace_net.abi.arch import ARCHES, SOCKETCALL
from ptrace_net.policies.behaviour import errno_number, signal_number
from ptrace_net.policies.mapping import MappingError, parse_prefix
from ptrace_net.policies.problem import Problem, near
from ptrace_net.policies.values import Fault, When

# strace's %network: the calls of net/socket.c.
NETWORK = (
    *dict.fromkeys(name for name, _ in SOCKETCALL.values()), "recvmmsg_time64", "socketcall",
)  # fmt: skip
# Calls whose third argument is a size, with its place: what `short` cuts.
SIZES = dict.fromkeys(("read", "write", "send", "recv", "sendto", "recvfrom", "pread64", "pwrite64"), 2)
_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_TIME = re.compile(r"(\d+(?:\.\d*)?)(s|ms|us|ns)?\Z")
_WHEN = re.compile(r"(\d+)(?:\.\.(\d+))?(?:(\+)(\d+)?)?\Z")
_MOST = 65535








def parse_fault(text: Any) -> Fault:
    """The rule that a string says; raises Problem."""
    if not isinstance(text, str):
        raise Problem('a fault is wanted as a string, for example "connect:error=ETIMEDOUT:when=3"')
    names, *parts = _split(text)
    fault = Fault(text, _calls(names))
    seen: set[str] = set()
    for part in parts:
        key, equals, value = part.partition("=")
        if key not in FAULT_KEYS:
            known = f"known are {', '.join(FAULT_KEYS)}{near(key, FAULT_KEYS)}"
            raise Problem(f"{text!r}: {key!r} is unknown: {known}")
        if not equals or not value:
            raise Problem(f"{text!r}: {key}= wants a value")
        if key in seen and key != "when":
            raise Problem(f"{text!r}: {key}= stands twice")
        seen.add(key)
        try:
            fault = FAULT_KEYS[key](fault, value)
        except Problem as problem:
            raise Problem(f"{text!r}: {key}: {problem.text}") from None
    return _checked(fault, seen)


def _split(text: str) -> list[str]:
    """At the colons that a word and an equals sign follow: an IPv6 address has colons of its own."""
    return re.split(r":(?=[a-z_]+(?:=|$))", text)


def _checked(fault: Fault, seen: set[str]) -> Fault:
    if {"error", "retval"} <= seen:
        raise Problem(f"{fault.text!r}: error= and retval= exclude each other")
    effects = {"error", "retval", "signal", "delay_enter", "delay_exit", "short"}
    if not seen & effects:
        raise Problem(f"{fault.text!r}: nothing is injected: one of {', '.join(sorted(effects))} is wanted")
    if "short" in seen and not fault.calls <= SIZES.keys():
        wrong = ", ".join(sorted(fault.calls - SIZES.keys()))
        raise Problem(f"{fault.text!r}: short= is for {', '.join(SIZES)}, not {wrong}")
    return fault


def _calls(text: str) -> frozenset[str]:
    known = {name for arch in ARCHES.values() for name in arch.syscalls} | {"send", "recv"}
    if text.startswith("/"):
        try:
            found = {name for name in known if re.search(text[1:], name)}
        except re.error as error:
            raise Problem(f"{text!r} is no regular expression: {error}") from None
        return frozenset(found)
    calls: set[str] = set()
    for word in text.split(","):
        name = word.removeprefix("?")
        if name in ("%net", "%network"):
            calls.update(NETWORK)
        elif name in known:
            calls.add(name)
        elif name == word:
            raise Problem(f"{name!r} is no system call{near(name, known)}")
    return frozenset(calls)


def parse_time(text: str, unit: str = "us") -> float:
    """Seconds of ``1.5s``, ``20ms``, or of a plain number in ``unit``; raises Problem."""
    match = _TIME.match(text)
    if match is None:
        raise Problem(f"{text!r} is no time: a number with s, ms, us or ns")
    return float(match[1]) * _UNITS[match[2] or unit]


def _when(fault: Fault, value: str) -> Fault:
    match = _WHEN.match(value)
    if match is None:
        raise Problem(f"{value!r} is not FIRST[..LAST][+[STEP]]")
    first, last, plus, step = match.groups()
    numbers = [int(number) for number in (first, last or "1", step or "1")]
    if not all(1 <= number <= _MOST for number in numbers):
        raise Problem(f"{value!r}: numbers from 1 to {_MOST}")
    if last is None:
        end = 0 if plus else numbers[0]
    else:
        end = numbers[1]
        if end < numbers[0]:
            raise Problem(f"{value!r}: the last comes before the first")
    return fault._replace(when=When(numbers[0], end, numbers[2]))


def _retval(fault: Fault, value: str) -> Fault:
    try:
        number = int(value, 0)
    except ValueError:
        raise Problem(f"{value!r} is no number") from None
    if not 0 <= number < 1 << 63:
        raise Problem(f"{value!r}: 0 or more; failures are error=")
    return fault._replace(result=number)


def parse_ports(text: str) -> tuple[int, int]:
    """``80`` or ``5000-5010``; raises Problem."""
    first, dash, last = text.partition("-")
    ends = (first, last if dash else first)
    if not all(end.isascii() and end.isdigit() and int(end) < 1 << 16 for end in ends):
        raise Problem(f"{text!r} is no port and no range of ports")
    low, high = int(ends[0]), int(ends[1])
    if high < low:
        raise Problem(f"{text!r}: the last port comes before the first")
    return low, high


def parse_address(text: str) -> tuple[int, int, int]:
    """``(prefix, its length, bits of an address)``; raises Problem."""
    try:
        return parse_prefix(text)
    except MappingError as error:
        raise Problem(str(error)) from None


def _placed(field: str, parse: Callable[[str], Any]) -> Callable[[Fault, str], Fault]:
    def apply(fault: Fault, value: str) -> Fault:
        return fault._replace(where=fault.where._replace(**{field: parse(value)}))

    return apply


def _descriptor(value: str) -> int:
    if not (value.isascii() and value.isdigit() and int(value) < 1 << 31):
        raise Problem(f"{value!r} is no descriptor")
    return int(value)


def _probability(fault: Fault, value: str) -> Fault:
    try:
        chance = float(value.removesuffix("%")) / (100 if value.endswith("%") else 1)
    except ValueError:
        raise Problem(f"{value!r} is no chance: 0.2 or 20%") from None
    if not 0 <= chance <= 1:
        raise Problem(f"{value!r}: a chance is from 0 to 1, or 0% to 100%")
    return fault._replace(probability=chance)


def _short(fault: Fault, value: str) -> Fault:
    if not (value.isascii() and value.isdigit() and 0 < int(value) < 1 << 31):
        raise Problem(f"{value!r} is no number of bytes")
    return fault._replace(short=int(value))


FAULT_KEYS: dict[str, Callable[[Fault, str], Fault]] = {
    "error": lambda fault, value: fault._replace(result=-errno_number(value)),
    "retval": _retval,
    "signal": lambda fault, value: fault._replace(signal=signal_number(value)),
    "delay_enter": lambda fault, value: fault._replace(delay_enter=parse_time(value)),
    "delay_exit": lambda fault, value: fault._replace(delay_exit=parse_time(value)),
    "when": _when,
    "fd": _placed("fd", _descriptor),
    "addr": _placed("address", parse_address),
    "port": _placed("ports", parse_ports),
    "program": _placed("program", str),
    "probability": _probability,
    "short": _short,
}
