"""How something that a policy names behaves: ``ok``, ``errno NAME``, ``ignore``, ``return N``,
``kill [SIGNAL]``, ``panic TEXT``.

``panic`` ends the run with a report, as a kernel does that has ``unimplemented!()`` there; the text may hold
fields in braces (``FIELDS``) that are filled from the call.
"""

from __future__ import annotations

import signal
import string
from collections.abc import Callable
from typing import Any

from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.policies.problem import Problem, near
from ptrace_net.policies.values import Behaviour

VERBS = ("ok", "errno", "ignore", "return", "kill", "panic")
FIELDS: dict[str, str] = {
    "call": "the call's name", "number": "its number", "program": "the program's name", "pid": "its process",
    "family": "the address family, a number", "family_name": "by name",
    "type": "the type of socket, a number", "type_name": "by name",
    "protocol": "the protocol, a number", "level": "the level of an option or control message",
    "option": "the option, a number", "option_name": "by name", "flags": "the flags, in hexadecimal",
    "request": "the request of an ioctl, in hexadecimal", "message": "the type of a netlink message",
    "path": "the path of a file",
}  # fmt: skip




OK = Behaviour("ok")


def parse_behaviour(value: Any, allowed: tuple[str, ...] = VERBS) -> Behaviour:
    """The behaviour that a string says; raises Problem."""
    if not isinstance(value, str):
        raise Problem(f"a behaviour is wanted as a string: {', '.join(allowed)}")
    verb, _, rest = value.strip().partition(" ")
    if verb not in VERBS:
        raise Problem(f"{value!r} is no behaviour: known are {', '.join(allowed)}{near(verb, allowed)}")
    if verb not in allowed:
        raise Problem(f"{verb!r} makes no sense here: known are {', '.join(allowed)}")
    return _PARSERS[verb](rest.strip())


def errno_number(text: str) -> int:
    """The number of an errno by name, or of a number from 1 to 4095; raises Problem."""
    if text in ERRNO:
        return ERRNO[text]
    if text.isascii() and text.isdigit() and 0 < int(text) < 4096:
        return int(text)
    raise Problem(f"{text!r} is no errno{near(text, ERRNO)}")


def signal_number(text: str) -> int:
    """The number of a signal by name (SIGTERM, TERM) or number; raises Problem."""
    name = text if text.startswith("SIG") else f"SIG{text}"
    if name in signal.Signals.__members__:
        return int(signal.Signals[name])
    if text.isascii() and text.isdigit() and 0 < int(text) <= signal.SIGRTMAX:
        return int(text)
    raise Problem(f"{text!r} is no signal{near(name, signal.Signals.__members__)}")


def _nothing(verb: str) -> Callable[[str], Behaviour]:
    def parse(rest: str) -> Behaviour:
        if rest:
            raise Problem(f"{verb!r} takes nothing after it: {rest!r}")
        return Behaviour(verb)

    return parse


def _errno(rest: str) -> Behaviour:
    return Behaviour("errno", errno_number(rest))


def _return(rest: str) -> Behaviour:
    try:
        number = int(rest, 0)
    except ValueError:
        raise Problem(f"{rest!r} is no number to return") from None
    if not 0 <= number < 1 << 31:
        raise Problem(f"return {rest}: 0 to 2147483647; for a failure write errno NAME")
    return Behaviour("return", number)


def _kill(rest: str) -> Behaviour:
    return Behaviour("kill", signal_number(rest) if rest else int(signal.SIGKILL))


def _panic(rest: str) -> Behaviour:
    try:
        pieces = list(string.Formatter().parse(rest))
    except ValueError as error:
        raise Problem(f"the text of a panic: {error}; a brace itself is written twice") from None
    for _, name, form, bang in pieces:
        if name is not None and (name not in FIELDS or form or bang):
            known = f"known are {', '.join(FIELDS)}{near(name, FIELDS)}"
            raise Problem(f"{{{name}}} is no field of a panic: {known}")
    return Behaviour("panic", 0, rest)


_PARSERS: dict[str, Callable[[str], Behaviour]] = {
    "ok": _nothing("ok"), "ignore": _nothing("ignore"), "errno": _errno, "return": _return, "kill": _kill,
    "panic": _panic,
}  # fmt: skip
