"""The outside world, played from the log: peers that connect, listen, send what was received, and go away.

Everything the world does is a call of an ordinary socket, so a step of a plan like any other. It acts as
late as it can: the bytes that a call received are sent just before the wait or the call that saw them, so
that the program reads in the same pieces as it did. Peers that the log itself shows (`Traffic.inside`)
are left to it.
"""

from collections.abc import Callable, Iterator, Sequence

from ptrace_net.record.flows import Flow, Traced
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
from ptrace_net.record.names import spell
from ptrace_net.record.replay.lower import FILLER, user_word
from ptrace_net.record.replay.steps import WORLD, WORLD_FDS, PlanStep
from ptrace_net.record.replay.traffic import RECEIVES, SENDS, Traffic, peeks, plain, survey
from ptrace_net.record.signatures import canonical
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, struct_of

LAST_PEER = "the sender of the last datagram"
"""An address that is known when the replay runs: that from which the world's socket received last."""

_IN = frozenset(
    [
        "EPOLLIN",
        "POLLIN",
        "EPOLLRDHUP",
        "POLLRDHUP",
        "EPOLLHUP",
        "POLLHUP",
        "EPOLLERR",
        "POLLERR",
        "EPOLLRDNORM",
    ]
)
_CLOSED = frozenset(["EPOLLRDHUP", "POLLRDHUP", "EPOLLHUP", "POLLHUP", "EPOLLERR", "POLLERR"])
_NOSIGNAL, _WAITALL = Symbol("MSG_NOSIGNAL", 0x4000), Symbol("MSG_WAITALL", 0x100)
_NULL = Pointer(0)


class World:
    """Plays the peers of `traced`; `group` tells in which worker a task lives."""

    def __init__(self, traced: Sequence[Traced], group: Callable[[int], int]) -> None:
        self._group = group
        self._traffic = survey(traced)
        self._sent: dict[int, int] = {}  # flow → chunks that the world has delivered
        self._ahead: dict[int, int] = {}  # flow → bytes delivered and not yet read
        self._sockets: dict[int, int] = {}  # flow → the world's end of the connection
        self._servers: dict[Endpoint, int] = {}
        self._learnt: set[tuple[int, int]] = set()
        self._words: dict[tuple[int, int], Flow] = {}  # (epoll flow, user word) → the flow it stands for
        self._accepts = _accepts(traced)
        self._numbers: dict[int, int] = {}  # flow → the number that the program has for it
        self._next = WORLD_FDS

    def before(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """What the world does before the program's call."""
        name = canonical(call.name)
        flow = each.used.get(number_of(call.arg(0)) or 0)
        if name in ("epoll_wait", "epoll_pwait", "poll", "ppoll"):
            for ready, events in self._ready(each, call):
                yield from self._make_ready(each, call, ready, events)
        elif flow is None:
            return
        elif name in ("accept", "accept4") and call.errno is None:
            yield from self._pending(flow, each.place)
        elif name == "connect":
            yield from self._server(flow, call)
        elif name in RECEIVES:
            yield from self._deliver(flow, each.place, call)
        elif name in SENDS and self._outside(flow):
            yield from self._before_send(flow, each.place, call)

    def after(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """What the world does after the program's call."""
        self._numbers.update((made.id, number) for number, made in each.made)
        name = canonical(call.name)
        flow = each.used.get(number_of(call.arg(0)) or 0)
        if name == "epoll_ctl" and flow is not None:
            self._remember_word(each, call, flow)
        elif name in ("epoll_wait", "epoll_pwait", "poll", "ppoll"):
            yield from self._unnudge(each, call)
        elif flow is None or not self._outside(flow):
            return
        elif name == "connect" and call.errno in (None, "EINPROGRESS") and flow.id not in self._sockets:
            yield from self._accept(flow)
        elif name in SENDS and call.errno is None and flow.stream and flow.id in self._sockets:
            yield self._world(
                "recvfrom",
                self._sockets[flow.id],
                Data(b"", call.result),
                call.result or 0,
                _WAITALL,
                _NULL,
                _NULL,
                result=call.result,
            )
        elif name in RECEIVES and (call.result or 0) > 0 and not peeks(call):
            self._ahead[flow.id] = max(0, self._ahead.get(flow.id, 0) - (call.result or 0))

    def _outside(self, flow: Flow) -> bool:
        traffic = self._traffic.get(flow.id)
        inet = flow.kind == "socket" and flow.domain in (AF_INET, AF_INET6)
        return inet and traffic is not None and not traffic.inside

    def _world(self, name: str, *args: Value, result: int | None = 0) -> PlanStep:
        return PlanStep("world", WORLD, Call(WORLD, name, args, result))

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _socket(self, family: int, kind: int) -> tuple[int, list[PlanStep]]:
        number = self._new()
        steps = [self._world("socket", spell("domain", family), spell("type", kind), 0, result=number)]
        level, option = Symbol("SOL_SOCKET", 1), Symbol("SO_REUSEADDR", 2)
        steps.append(self._world("setsockopt", number, level, option, Array((1,)), 4))
        return number, steps

    def _no_delay(self, number: int) -> PlanStep:
        """Let every send of the world leave at once: TCP_NODELAY."""
        return self._world(
            "setsockopt", number, Symbol("SOL_TCP", 6), Symbol("TCP_NODELAY", 1), Array((1,)), 4
        )

    # Readiness

    def _ready(self, each: Traced, call: Call) -> Iterator[tuple[Flow, set[str]]]:
        """The flows that a wait reported as readable or closed."""
        if not call.result or call.result < 0:
            return
        if canonical(call.name) in ("poll", "ppoll"):
            value = call.arg(0)
            after = value.after if isinstance(value, Change) else None
            for item in after.items if isinstance(after, Array) else ():
                number = number_of(item.get("fd")) if isinstance(item, Struct) else None
                if (
                    isinstance(item, Struct)
                    and number in each.used
                    and (found := _names(item.get("revents")) & _IN)
                ):
                    yield each.used[number], found
            return
        epoll = each.used.get(number_of(call.arg(0)) or 0)
        events = call.arg(1)
        for item in events.items if isinstance(events, Array) and epoll is not None else ():
            flow = self._words.get((epoll.id, user_word(item))) if epoll else None
            if isinstance(item, Struct) and flow is not None and (found := _names(item.get("events")) & _IN):
                yield flow, found

    def _remember_word(self, each: Traced, call: Call, epoll: Flow) -> None:
        flow = each.used.get(number_of(call.arg(2)) or 0)
        event = call.arg(3)
        if flow is not None and isinstance(event, Struct) and call.errno is None:
            self._words[epoll.id, user_word(event)] = flow

    def _make_ready(self, each: Traced, call: Call, flow: Flow, events: set[str]) -> Iterator[PlanStep]:
        if flow.kind in ("pipe", "eventfd"):
            yield from self._nudge(call, flow)
        elif not self._outside(flow):
            return
        elif self._traffic[flow.id].listening:
            yield from self._pending(flow, each.place)
        else:
            if not self._ahead.get(flow.id):
                yield from self._next_chunk(flow, each.place)
            if events & _CLOSED and flow.stream:
                while self._sent.get(flow.id, 0) < len(self._traffic[flow.id].chunks):
                    yield from self._next_chunk(flow, each.place)
                yield from self._close(flow)

    def _nudge(self, call: Call, flow: Flow) -> Iterator[PlanStep]:
        """A byte into the pipe whose write the log does not show."""
        writer = flow.peer if flow.kind == "pipe" else flow
        if writer is None or "write" in self._calls(writer) or self._number(writer) is None:
            return
        size = 1 if flow.kind == "pipe" else 8
        data = Data(b"\1" + bytes(size - 1), size)
        yield self._own(call, "write", self._number(writer) or 0, data, size, result=size)

    def _unnudge(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """The read that followed, which the log does not show either."""
        for flow, _ in self._ready(each, call):
            writer = flow.peer if flow.kind == "pipe" else flow
            unseen = (
                flow.kind in ("pipe", "eventfd") and writer is not None and "write" not in self._calls(writer)
            )
            if unseen and "read" not in self._calls(flow) and self._number(flow) is not None:
                size = 1 if flow.kind == "pipe" else 8
                yield self._own(call, "read", self._number(flow) or 0, Data(b"", size), size, result=size)

    def _calls(self, flow: Flow) -> set[str]:
        return self._traffic[flow.id].calls if flow.id in self._traffic else set()

    def _number(self, flow: Flow) -> int | None:
        """The number that the program has for `flow`: as it was made or duplicated last."""
        return self._numbers.get(flow.id)

    def _own(self, call: Call, name: str, *args: Value, result: int) -> PlanStep:
        return PlanStep("nudge", self._group(call.task), Call(call.task, name, args, result))

    # Peers that connect to the program

    def _pending(self, listener: Flow, index: int) -> Iterator[PlanStep]:
        """Connect the peer that the next accept on `listener` returned."""
        place = next((at for at in self._accepts.get(listener.id, ()) if at[0] >= index), None)
        if place is None or place[1].id in self._sockets or self._traffic[place[1].id].inside:
            return
        accepted = place[1]
        to = self._target(listener, accepted)
        if to is None:
            return
        source = plain(accepted.remote) if accepted.remote else None
        number, steps = self._socket(to.family, 1)
        self._sockets[accepted.id] = number
        yield from [*steps, self._no_delay(number)]
        if source is not None and source.family == to.family:
            yield self._world("bind", number, struct_of(source), _size(source))
        yield self._world("connect", number, struct_of(to), _size(to))

    def _target(self, listener: Flow, accepted: Flow) -> Endpoint | None:
        """Where the peer connects to: the accepted socket's own address where the log shows it."""
        local = listener.local
        if local is None or local.family not in (AF_INET, AF_INET6):
            return None
        shown = plain(accepted.local) if accepted.local and not accepted.local.wildcard else None
        if shown is not None:
            return shown
        if not local.wildcard:
            return plain(local)
        family = plain(accepted.remote).family if accepted.remote else local.family
        return Endpoint(family, "127.0.0.1" if family == AF_INET else "::1", local.port)

    # Peers that the program connects to

    def _server(self, flow: Flow, call: Call) -> Iterator[PlanStep]:
        remote = flow.remote
        refused = self._traffic[flow.id].refused if flow.id in self._traffic else True
        if remote is None or not remote.port or refused or not self._outside(flow):
            return
        if call.errno not in (None, "EINPROGRESS"):
            return
        yield from self._listen(plain(remote), flow.stream)

    def _listen(self, endpoint: Endpoint, stream: bool) -> Iterator[PlanStep]:
        if endpoint in self._servers:
            return
        number, steps = self._socket(endpoint.family, 1 if stream else 2)
        self._servers[endpoint] = number
        yield from steps
        yield self._world("bind", number, struct_of(endpoint), _size(endpoint))
        if stream:
            yield self._world("listen", number, 16)

    def _accept(self, flow: Flow) -> Iterator[PlanStep]:
        server = self._servers.get(plain(flow.remote)) if flow.remote else None
        if server is not None and flow.stream:
            self._sockets[flow.id] = self._new()
            yield self._world("accept", server, _NULL, _NULL, result=self._sockets[flow.id])
            yield self._no_delay(self._sockets[flow.id])

    # Data

    def _deliver(self, flow: Flow, index: int, call: Call) -> Iterator[PlanStep]:
        """Send what the call is about to receive, as far as it has not been sent."""
        if not self._outside(flow):
            return
        if call.errno == "ECONNRESET":
            yield from self._close(flow, reset=True)
        elif call.result == 0 and flow.stream:
            yield from self._close(flow)
        elif call.result is not None and call.result > 0:
            while self._ahead.get(flow.id, 0) < call.result and self._sent.get(flow.id, 0) < len(
                self._traffic[flow.id].chunks
            ):
                yield from self._next_chunk(flow, index)

    def _next_chunk(self, flow: Flow, index: int) -> Iterator[PlanStep]:
        traffic, place = self._traffic[flow.id], self._sent.get(flow.id, 0)
        if place >= len(traffic.chunks):
            if flow.stream and traffic.end is not None and traffic.end >= index:
                yield from self._close(flow)
            elif flow.stream and flow.id in self._sockets and not self._ahead.get(flow.id):
                self._ahead[flow.id] = 1  # a wait saw data that the log does not show being read
                yield self._send(self._sockets[flow.id], Data(FILLER, 1))
            return
        chunk = traffic.chunks[place]
        self._sent[flow.id] = place + 1
        data = chunk.data
        self._ahead[flow.id] = self._ahead.get(flow.id, 0) + (data.total or 0)
        if not flow.stream:
            yield from self._datagram(flow, data, chunk.sender or flow.remote)
        elif flow.id in self._sockets:
            yield self._send(self._sockets[flow.id], data)

    def _send(self, number: int, data: Data) -> PlanStep:
        size = data.total or 0
        return self._world("sendto", number, data, size, _NOSIGNAL, _NULL, 0, result=size)

    def _datagram(self, flow: Flow, data: Data, sender: Endpoint | None) -> Iterator[PlanStep]:
        """A datagram from `sender` to the flow: to its bound port, or back to where it wrote from."""
        if sender is None:
            return
        yield from self._listen(plain(sender), stream=False)
        number, size = self._servers[plain(sender)], data.total or 0
        local = flow.local
        if local is not None and local.port and "bind" in self._calls(flow):
            family = plain(sender).family
            host = plain(local).host if not local.wildcard else ("127.0.0.1" if family == AF_INET else "::1")
            to: Value = struct_of(Endpoint(family, host, local.port))
            length = _size(plain(sender))
        else:
            if (number, flow.id) not in self._learnt:
                self._learnt.add((number, flow.id))
                yield self._world("recvfrom", number, Data(b"", None), 65536, 0, Unknown(LAST_PEER, "out"),
                                  Array((128,)), result=None)  # fmt: skip
            to, length = Unknown(LAST_PEER, "in"), 128
        yield self._world("sendto", number, data, size, _NOSIGNAL, to, length, result=size)

    def _before_send(self, flow: Flow, index: int, call: Call) -> Iterator[PlanStep]:
        traffic = self._traffic[flow.id]
        if flow.stream and (call.errno in ("EPIPE", "ECONNRESET") or self._gone(traffic, index)):
            yield from self._close(flow)
        elif (
            not flow.stream
            and (to := _destination(call))
            and any(chunk.place > index and chunk.sender == to for chunk in traffic.chunks)
        ):
            yield from self._listen(plain(to), stream=False)

    def _gone(self, traffic: Traffic, index: int) -> bool:
        """Whether the peer had left before this send: what it sent is read, and the log shows a reset
        later.
        """
        last = traffic.chunks[-1].place if traffic.chunks else -1
        return traffic.aborted and index > last and traffic.end is not None and traffic.end > index

    def _close(self, flow: Flow, reset: bool = False) -> Iterator[PlanStep]:
        number = self._sockets.pop(flow.id, None)
        if number is None:
            return
        if reset:
            value = Struct((("l_onoff", 1), ("l_linger", 0)))
            level, option = Symbol("SOL_SOCKET", 1), Symbol("SO_LINGER", 13)
            yield self._world("setsockopt", number, level, option, value, 8)
        yield self._world("close", number)


def _names(value: Value | None) -> set[str]:
    return set(value.text.split("|")) if isinstance(value, Symbol) else set()


def _size(endpoint: Endpoint) -> int:
    return 16 if endpoint.family == AF_INET else 28


def _destination(call: Call) -> Endpoint | None:
    from ptrace_net.record.sockaddr import endpoint_of

    header = call.arg(1)
    if isinstance(header, Struct):
        return endpoint_of(header.get("msg_name"))
    return endpoint_of(call.arg(4))


def _accepts(traced: Sequence[Traced]) -> dict[int, list[tuple[int, Flow]]]:
    """Listener → (record, accepted flow) of every accept that succeeded, in order."""
    found: dict[int, list[tuple[int, Flow]]] = {}
    for each in traced:
        for _, flow in each.made:
            if flow.listener is not None and flow.made_by >= 0:
                found.setdefault(flow.listener.id, []).append((each.place, flow))
    return found
