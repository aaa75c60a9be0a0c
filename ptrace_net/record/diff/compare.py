"""What differs between two calls that are the same step: results, errors, memory, the kernel's notes.

Descriptors, ports and addresses are unified: the first pair of numbers fixes which one stands for which,
and only a pair that contradicts it is a difference. What one log does not show is never a difference.
"""

import re
from typing import Literal, NamedTuple

from ptrace_net.record.diff.steps import Step
from ptrace_net.record.diff.unify import Unifier, same_endpoint
from ptrace_net.record.model import (
    Array,
    Call,
    Change,
    Data,
    Pointer,
    Struct,
    Symbol,
    Unknown,
    Value,
    number_of,
)
from ptrace_net.record.names import errno_number, spell
from ptrace_net.record.render import value_text
from ptrace_net.record.signatures import NEW_DESCRIPTOR, NEW_TASK, Param, canonical, params, words
from ptrace_net.record.sockaddr import endpoint_of

Kind = Literal[
    "panicked",
    "errno",
    "unsupported",
    "missing",
    "extra",
    "unfinished",
    "result",
    "output",
    "argument",
    "count",
]
MATTERS: frozenset[Kind] = frozenset(
    ("panicked", "errno", "unsupported", "missing", "extra", "unfinished", "result", "output", "argument")
)
"""Kinds that decide whether two logs differ; ``count`` is how a stream was cut into reads."""

UNSUPPORTED = re.compile(
    r"not supported|unsupported|unimplemented|not implemented|unknown syscall", re.IGNORECASE
)
_OUT = frozenset(["addr_out", "optval_out", "lenp", "epev_out"])
_IN = words("domain type protocol level optname how cmd request epop msgflags optval addr openflags int")
_COUNTED = words("read write readv writev recvfrom sendto recvmsg sendmsg sendfile splice")
_SAME_ERRNO = {"EWOULDBLOCK": "EAGAIN", "ERESTARTSYS": "EINTR", "ERESTARTNOINTR": "EINTR"}
_INVISIBLE = 0o100000  # O_LARGEFILE: strace hides it on 64-bit systems


class Difference(NamedTuple):
    """One thing that differs: its kind, a sentence, and the two sides in a few words each."""

    kind: Kind
    what: str
    left: str
    right: str


def compare(left: Step, right: Step, unifier: Unifier) -> tuple[Difference, ...]:
    """Every difference between two steps that were paired."""
    for (_, ours), (_, theirs) in zip(left.made, right.made, strict=False):
        unifier.flow(ours, theirs)
    found = _outcome(left.call, right.call) or _notes(left.call, right.call)
    if not any(each.kind in ("panicked", "unfinished") for each in found):
        found += _result(left.call, right.call)
    if left.call.failed == right.call.failed:
        found += _arguments(left, right, unifier)
    else:
        found += _arguments(left, right, unifier, _IN)
    return tuple(found)


def _outcome(left: Call, right: Call) -> list[Difference]:
    if (left.outcome == "panicked") != (right.outcome == "panicked"):
        sides = [_panic(call) if call.outcome == "panicked" else _brief(call) for call in (left, right)]
        return [Difference("panicked", "the kernel panicked", *sides)]
    ended = [call.outcome == "returned" or call.errno is not None for call in (left, right)]
    if ended[0] != ended[1] and "unfinished" in (left.outcome, right.outcome):
        sides = [
            _brief(call) if done else "did not return"
            for call, done in zip((left, right), ended, strict=True)
        ]
        return [Difference("unfinished", "one side did not return", *sides)]
    return []


def _panic(call: Call) -> str:
    return "; ".join(note for note in call.notes) or "panicked"


def unsupported_notes(call: Call) -> list[str]:
    """What the kernel itself calls unsupported during the call; the panic is told elsewhere."""
    return [note for note in call.notes if UNSUPPORTED.search(note) and not note.startswith("panicked")]


def _notes(left: Call, right: Call) -> list[Difference]:
    ours, theirs = unsupported_notes(left), unsupported_notes(right)
    if bool(ours) == bool(theirs):
        return []
    sides = ["; ".join(notes) or _brief(call) for notes, call in ((ours, left), (theirs, right))]
    return [Difference("unsupported", "one kernel says that it does not support this", *sides)]


def _brief(call: Call) -> str:
    if call.errno:
        return f"-1 {call.errno} ({errno_number(call.errno) or '?'})"
    return "no result" if call.result is None else str(call.result)


def _result(left: Call, right: Call) -> list[Difference]:
    if left.result is None or right.result is None:
        return []
    errors = [_SAME_ERRNO.get(call.errno or "", call.errno) for call in (left, right)]
    if errors[0] != errors[1]:
        return [Difference("errno", "it fails differently" if all(errors) else "it fails on one side",
                           _brief(left), _brief(right))]  # fmt: skip
    name = canonical(left.name)
    makes = name in NEW_DESCRIPTOR or name in NEW_TASK or "DUPFD" in value_text(left.arg(1) or 0)
    if errors[0] or makes or left.result == right.result:
        return []
    if name == "fcntl" and number_of(left.arg(1)) == 3:
        return _flags(left.result, right.result)
    return [Difference("count" if name in _COUNTED else "result", "it returns another number",
                       _brief(left), _brief(right))]  # fmt: skip


def _flags(left: int, right: int) -> list[Difference]:
    if left & ~_INVISIBLE == right & ~_INVISIBLE:
        return []
    shown = [f"{number:#x} ({spell('openflags', number).text})" for number in (left, right)]
    return [Difference("result", "the file status flags differ", *shown)]


def _arguments(
    left: Step, right: Step, unifier: Unifier, kinds: frozenset[str] = _IN | _OUT
) -> list[Difference]:
    found: list[Difference] = []
    for place, param in enumerate(params(left.call.name)):
        ours, theirs = left.call.arg(place), right.call.arg(place)
        if param.kind == "fd":
            found += _descriptor(left, right, param, place, unifier)
        elif (
            param.kind in kinds
            and left.call.name == right.call.name
            and not _same(ours, theirs, param, unifier)
        ):
            kind: Kind = "output" if param.kind in _OUT else "argument"
            found.append(Difference(kind, f"{param.name} differs", _show(ours), _show(theirs)))
    return found


def _show(value: Value | None) -> str:
    return "nothing" if value is None else value_text(value)


def _descriptor(left: Step, right: Step, param: Param, place: int, unifier: Unifier) -> list[Difference]:
    numbers = number_of(left.call.arg(place)), number_of(right.call.arg(place))
    if None in numbers:
        return []
    ours, theirs = left.used.get(numbers[0] or 0), right.used.get(numbers[1] or 0)
    if ours is None or theirs is None or unifier.flow(ours, theirs):
        return []
    return [Difference("argument", f"{param.name} is another open file", str(numbers[0]), str(numbers[1]))]


def _same(left: Value | None, right: Value | None, param: Param, unifier: Unifier) -> bool:
    """Whether two arguments say the same, as far as both logs show them."""
    if left is None or right is None or _hidden(left) or _hidden(right):
        return True
    if param.kind in ("addr", "addr_out"):
        return same_endpoint(endpoint_of(left), endpoint_of(right), unifier)
    if param.kind == "epev_out":
        return _events(left) == _events(right)
    ours, theirs = number_of(left), number_of(right)
    if ours is not None and theirs is not None:
        return ours == theirs
    if isinstance(left, Symbol) and isinstance(right, Symbol):
        return left.text == right.text
    if isinstance(left, Struct) and isinstance(right, Struct):
        return all(_same(inner, right.get(name), param, unifier) for name, inner in left.fields)
    return True


def _hidden(value: Value) -> bool:
    match value:
        case Pointer(address):
            return address != 0
        case Unknown() | Data():
            return True
        case Change(after=after):
            return _hidden(after)
        case Array(items=(only,)):
            return _hidden(only)
        case _:
            return False


def _events(value: Value) -> list[str]:
    items = value.items if isinstance(value, Array) else ()
    return sorted(_show(item.get("events")) for item in items if isinstance(item, Struct))
