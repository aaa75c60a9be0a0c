"""The calls of a log that are compared: each with its flows and a key that says what kind of step it is.

Two logs never agree on descriptors, tasks, addresses in memory and times, so a key holds none of these:
only the call and those arguments that are names (domain, level, option, command …). A `None` in a key is
an argument that the log does not show; it matches anything.
"""

import fcntl
from collections.abc import Callable, Iterable
from typing import NamedTuple

from ptrace_net.record.flows import Flow, Traced, trace
from ptrace_net.record.model import Call, Log, Pointer, number_of
from ptrace_net.record.signatures import SOCKET_FAMILY, canonical, params, words

_SALIENT = words("domain type protocol level optname how cmd request epop")
_SAME = {
    "accept4": "accept", "ppoll": "poll", "pselect6": "select", "epoll_pwait": "epoll_wait", "dup3": "dup2",
    "epoll_create1": "epoll_create", "pipe2": "pipe",
}  # fmt: skip
# What a recording of ours has beside the socket calls (report/record_descriptors.py, report/record_io.py).
_RECORDED = SOCKET_FAMILY | words("close close_range dup dup2 dup3 ioctl exit_group")
_FILE_CALLS = words("read write readv writev sendfile")
_COMMANDS = frozenset((fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC, fcntl.F_SETFD, fcntl.F_SETFL))
_WAITING = frozenset(["poll", "select", "epoll_wait"])

Key = tuple[str | int | None, ...]


class Step(NamedTuple):
    """One call to compare: its place in the log, what it is, the flows it uses and makes."""

    place: int
    call: Call
    key: Key
    used: dict[int, Flow]
    made: tuple[tuple[int, Flow], ...]

    @property
    def flow(self) -> Flow | None:
        """The flow that the call is about, or None."""
        return next(iter(self.used.values()), None)


def steps_of(log: Log, other: Log, everything: bool = False) -> list[Step]:
    """The calls of `log` that are about sockets, or all of them; without those that `other` cannot show."""
    traced, shows = trace(log), _shows(other)
    return [_step(each, each.record) for each in traced if isinstance(each.record, Call)
            and (everything or _relevant(each, each.record)) and shows(each.record)]  # fmt: skip


def _shows(log: Log) -> Callable[[Call], bool]:
    """Whether a call would stand in `log`: a recording of ours has neither waits nor, by default, reads."""
    if log.kind != "recording" or "engine" not in log.config:
        return lambda call: True
    names = _RECORDED | (_FILE_CALLS if log.config.get("io") else frozenset())

    def shows(call: Call) -> bool:
        name = canonical(call.name)
        return number_of(call.arg(1)) in _COMMANDS if name == "fcntl" else name in names

    return shows


def _relevant(traced: Traced, call: Call) -> bool:
    if call.name in SOCKET_FAMILY:
        return True
    name = _SAME.get(canonical(call.name), canonical(call.name))
    if name in _WAITING and isinstance(call.arg(0), Pointer):
        return True  # the log does not show what it waits for
    flows = [*traced.used.values(), *(flow for _, flow in traced.made)]
    return any(flow.kind == "socket" for flow in flows) or name in ("epoll_wait", "epoll_ctl")


def _step(traced: Traced, call: Call) -> Step:
    return Step(traced.place, call, key_of(call), traced.used, traced.made)


def key_of(call: Call) -> Key:
    """What kind of step a call is."""
    name = _SAME.get(canonical(call.name), canonical(call.name))
    key: list[str | int | None] = [name]
    for place, param in enumerate(params(call.name)):
        if param.kind in _SALIENT:
            number = number_of(call.arg(place))
            key.append(number & 0xF if param.kind == "type" and number is not None else number)
    return tuple(key)


def similarity(left: Key, right: Key) -> int:
    """How well two steps match: 0 not at all, 1 the same call on another kind of socket, 3 the same step."""
    if left[0] != right[0]:
        return 0
    same = all(a == b or a is None or b is None for a, b in zip(left[1:], right[1:], strict=False))
    if same:
        return 3
    return 1 if left[0] in ("socket", "socketpair") else 0


def by_task(steps: Iterable[Step]) -> dict[int, list[Step]]:
    """Steps grouped by task, tasks in the order of their first step."""
    grouped: dict[int, list[Step]] = {}
    for step in steps:
        grouped.setdefault(step.call.task, []).append(step)
    return grouped
