"""What a wait reported as readable or closed: from poll's answer, and from epoll's by what was registered."""

from collections.abc import Iterator

from ptrace_net.record.flows import Flow, Traced
from ptrace_net.record.model import Array, Call, Change, Struct, Symbol, Value, number_of
from ptrace_net.record.replay.lowering import user_word
from ptrace_net.record.signatures import canonical

WAITS = frozenset(("epoll_wait", "epoll_pwait", "poll", "ppoll"))
CLOSED = frozenset(prefix + name for prefix in ("EPOLL", "POLL") for name in ("RDHUP", "HUP", "ERR"))
"""Events that tell that the peer is gone."""

_IN = CLOSED | {"EPOLLIN", "POLLIN", "EPOLLRDNORM", "POLLRDNORM"}


class Readiness:
    """Remembers which user word of an epoll set stands for which flow."""

    def __init__(self) -> None:
        self._words: dict[tuple[int, int], Flow] = {}

    def register(self, each: Traced, call: Call) -> None:
        """Take note of an epoll_ctl."""
        epoll = each.used.get(number_of(call.arg(0)) or 0)
        flow = each.used.get(number_of(call.arg(2)) or 0)
        event = call.arg(3)
        if epoll is not None and flow is not None and isinstance(event, Struct) and call.errno is None:
            self._words[epoll.id, user_word(event)] = flow

    def foreign(self, each: Traced, call: Call) -> bool:
        """Whether a wait reported something that was registered by a call that was not replayed."""
        epoll, events = each.used.get(number_of(call.arg(0)) or 0), call.arg(1)
        if canonical(call.name) not in ("epoll_wait", "epoll_pwait") or epoll is None:
            return False
        items = events.items if isinstance(events, Array) else ()
        return any((epoll.id, user_word(item)) not in self._words for item in items)

    def reported(self, each: Traced, call: Call) -> Iterator[tuple[Flow, set[str]]]:
        """The flows that a wait reported, with the events that mean input or an end."""
        if not call.result or call.result < 0:
            return
        pairs = (
            self._poll(each, call) if canonical(call.name) in ("poll", "ppoll") else self._epoll(each, call)
        )
        for flow, events in pairs:
            if found := _names(events) & _IN:
                yield flow, found

    def _poll(self, each: Traced, call: Call) -> Iterator[tuple[Flow, Value | None]]:
        value = call.arg(0)
        after = value.after if isinstance(value, Change) else None
        for item in after.items if isinstance(after, Array) else ():
            number = number_of(item.get("fd")) if isinstance(item, Struct) else None
            if isinstance(item, Struct) and number is not None and number in each.used:
                yield each.used[number], item.get("revents")

    def _epoll(self, each: Traced, call: Call) -> Iterator[tuple[Flow, Value | None]]:
        epoll = each.used.get(number_of(call.arg(0)) or 0)
        events = call.arg(1)
        for item in events.items if isinstance(events, Array) and epoll is not None else ():
            flow = self._words.get((epoll.id, user_word(item))) if epoll is not None else None
            if isinstance(item, Struct) and flow is not None:
                yield flow, item.get("events")


def _names(value: Value | None) -> set[str]:
    return set(value.text.split("|")) if isinstance(value, Symbol) else set()
