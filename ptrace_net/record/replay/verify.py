"""Whether a replayed call did what the log says.

The comparison is that of `diff`, with two changes: addresses and ports must be equal unless the kernel
chose them, and received bytes are compared as far as the log shows them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ptrace_net.record.diff.compare import Difference, compare
from ptrace_net.record.diff.steps import Step, key_of
from ptrace_net.record.diff.unify import Unifier, same_endpoint
from ptrace_net.record.headers import headers
from ptrace_net.record.model import Array, Call, Data, Struct, Value, number_of
from ptrace_net.record.render import value_text
from ptrace_net.record.replay.lowering import user_word
from ptrace_net.record.replay.steps import PlanStep
from ptrace_net.record.signatures import params
from ptrace_net.record.sockaddr import Endpoint, endpoint_of

ADDRESSES = frozenset(("addr", "addr_out", "msg", "msg_out", "mmsg", "mmsg_out"))
"""The kinds of arguments that have an address in them."""

SHOWN = frozenset(("addr_out", "msg_out", "mmsg_out"))
_GIVEN = ADDRESSES - SHOWN
_MEMORY = frozenset(["buf_out", "iov_out", "msg_out", "mmsg_out"])


@dataclass(slots=True)
class Ports(Unifier):
    """A unifier that lets only ports chosen by the kernel differ: those in `chosen`."""

    chosen: set[int] = field(default_factory=set)

    def name(self, kind: str, left: object, right: object) -> bool:
        """Equal, or a port of the kernel's choice that has stood for the other all along."""
        if left == right:
            return True
        return kind == "port" and left in self.chosen and Unifier.name(self, kind, left, right)


def verify(recorded: Call, actual: Call, ports: Ports) -> tuple[Difference, ...]:
    """Every difference between the recorded and the replayed call."""
    steps = [Step(0, call, key_of(call), {}, ()) for call in (recorded, actual)]
    return (
        *compare(steps[0], steps[1], ports),
        *_memory(recorded, actual),
        *_beyond(recorded, actual, ports),
    )


def _beyond(recorded: Call, actual: Call, ports: Ports) -> Iterator[Difference]:
    """What only a replay can compare: the caller's words in epoll events, the sender in a message header."""
    if recorded.failed or actual.failed:
        return
    for ours, theirs, param in zip(recorded.args, actual.args, params(recorded.name), strict=False):
        if param.kind == "epev_out" and _words(ours) != _words(theirs):
            yield Difference(
                "output", "the events are of other descriptors", value_text(ours), value_text(theirs)
            )
        if param.kind not in ("msg_out", "mmsg_out"):
            continue
        for left, right in zip(headers(ours), headers(theirs), strict=False):
            ends = [endpoint_of(header.get("msg_name")) for header in (left, right)]
            if not same_endpoint(ends[0], ends[1], ports):
                yield Difference("output", "the sender differs", str(ends[0]), str(ends[1]))


def _words(value: Value) -> list[int]:
    return sorted(user_word(item) for item in value.items) if isinstance(value, Array) else []


def _memory(recorded: Call, actual: Call) -> Iterator[Difference]:
    """Received bytes that differ from what the log shows of them."""
    if recorded.failed or actual.failed:
        return
    for place, param in enumerate(params(recorded.name)):
        if param.kind in _MEMORY and place < len(recorded.args):
            ours, theirs = _bytes(recorded.args[place]), _bytes(actual.args[place])
            common = min(len(ours), len(theirs))
            if ours[:common] != theirs[:common]:
                yield Difference(
                    "output",
                    f"{param.name} has other bytes",
                    value_text(recorded.args[place]),
                    value_text(actual.args[place]),
                )


def _bytes(value: Value) -> bytes:
    match value:
        case Data(data, _):
            return data
        case Array(items=items):
            return b"".join(_bytes(item) for item in items)
        case Struct():
            inner = value.get("msg_hdr") or value.get("msg_iov") or value.get("iov_base")
            return _bytes(inner) if inner is not None else b""
        case _:
            return b""


def endpoints(call: Call, kinds: frozenset[str]) -> Iterator[Endpoint]:
    """The addresses in the arguments of these kinds, message headers looked into."""
    for value, param in zip(call.args, params(call.name), strict=False):
        if param.kind in kinds:
            for named in (value, *(header.get("msg_name") for header in headers(value))):
                if (endpoint := endpoint_of(named)) is not None:
                    yield endpoint


def chosen_ports(steps: Iterable[PlanStep]) -> set[int]:
    """Ports that the kernel chose in the log: shown by it, and not bound or given to it before."""
    fixed: set[tuple[int, int]] = set()
    bound: set[int] = set()
    shown: dict[int, bool] = {}
    for step in steps:
        given = [each.port for each in endpoints(step.call, _GIVEN) if each.port]
        for port in given:
            shown.setdefault(port, False)
        if step.call.errno is not None:
            continue
        if step.call.name == "bind":
            bound.update(given)
        if step.role in ("program", "setup") and not _tells_fixed(step, bool(given), fixed):
            for each in endpoints(step.call, SHOWN):
                shown.setdefault(each.port, True)
    return {port for port, first in shown.items() if first and port and port not in bound}


def _tells_fixed(step: PlanStep, given: bool, fixed: set[tuple[int, int]]) -> bool:
    """Whether a call shows a port that the program itself chose; keeps the set of such sockets."""
    call, number = step.call, number_of(step.call.arg(0))
    key = (step.group, -1 if number is None else number)
    if call.name == "bind" and given:
        fixed.add(key)
    elif call.name in ("socket", "close"):
        fixed.discard((step.group, call.result or 0) if call.name == "socket" else key)
    elif call.name in ("accept", "accept4") and call.result is not None:
        (fixed.add if key in fixed else fixed.discard)((step.group, call.result))
    return call.name == "getsockname" and key in fixed
