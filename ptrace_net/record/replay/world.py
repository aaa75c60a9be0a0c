"""The outside world, played from the log: peers that connect, listen, send what was received, and go away.

Everything the world does is a call of an ordinary socket (`peers`), so a step of a plan like any other.
It acts as late as it can: the bytes that a call received are sent just before the wait or the call that
saw them, so that the program reads in the same pieces as it did. Peers that the log itself shows
(`Traffic.inside`) are left to it.
"""

from collections.abc import Callable, Iterator, Sequence

from ptrace_net.record.flows import Flow, Traced
from ptrace_net.record.headers import headers, moved
from ptrace_net.record.model import Call, Data, number_of
from ptrace_net.record.replay.lowering import FILLER
from ptrace_net.record.replay.peers import Peers, loopback
from ptrace_net.record.replay.ready import CLOSED, WAITS, Readiness
from ptrace_net.record.replay.steps import PlanStep
from ptrace_net.record.replay.traffic import RECEIVES, SENDS, Traffic, peeks, plain, received, survey
from ptrace_net.record.signatures import canonical
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, endpoint_of

_STARTED = (None, "EINPROGRESS")


class World:
    """Plays the peers of `traced`; `group` tells in which worker a task lives."""

    def __init__(self, traced: Sequence[Traced], group: Callable[[int], int]) -> None:
        self._group = group
        self._traffic = survey(traced)
        self._accepts = _accepts(traced)
        self._peers = Peers()
        self._ready = Readiness()
        self._sent: dict[int, int] = {}  # flow → chunks that the world has delivered
        self._ahead: dict[int, int] = {}  # flow → bytes delivered and not yet read
        self._numbers: dict[int, int] = {}  # flow → the number that the program has for it

    def obstacle(self, each: Traced, call: Call) -> str:
        """Why the world cannot play its part in a call; empty where it can."""
        return "it reports a descriptor that is not replayed" if self._ready.foreign(each, call) else ""

    def before(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """What the world does before the program's call."""
        name = canonical(call.name)
        flow = each.used.get(number_of(call.arg(0)) or 0)
        if name in WAITS:
            for ready, events in self._ready.reported(each, call):
                yield from self._make_ready(each, call, ready, events)
        elif flow is None:
            return
        elif name in ("accept", "accept4") and call.errno is None:
            yield from self._pending(flow, each.place)
        elif name == "connect" and call.errno in _STARTED:
            yield from self._server(flow)
        elif name in RECEIVES and self._outside(flow):
            yield from self._deliver(flow, each.place, call)
        elif name in RECEIVES and call.errno is None:
            yield from self._unseen_datagram(flow, call)
        elif name in SENDS and self._outside(flow):
            yield from self._before_send(flow, each.place, call)

    def after(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """What the world does after the program's call."""
        self._numbers.update((made.id, number) for number, made in each.made)
        name = canonical(call.name)
        flow = each.used.get(number_of(call.arg(0)) or 0)
        if name == "epoll_ctl":
            self._ready.register(each, call)
        elif name in WAITS:
            yield from self._unnudge(each, call)
        elif flow is None or not self._outside(flow):
            return
        elif name == "connect" and call.errno in _STARTED and not self._peers.has(flow):
            yield from self._peers.accept(flow)
        elif name in SENDS and call.errno is None and flow.stream:
            yield from self._peers.take(flow, moved(call))
        elif name in RECEIVES and (call.result or 0) > 0 and not peeks(call):
            self._ahead[flow.id] = max(0, self._ahead.get(flow.id, 0) - moved(call))

    def _outside(self, flow: Flow) -> bool:
        traffic = self._traffic.get(flow.id)
        inet = flow.kind == "socket" and flow.domain in (AF_INET, AF_INET6)
        return inet and traffic is not None and not traffic.inside

    # Readiness

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
            if events & CLOSED and flow.stream:
                while self._left(flow):
                    yield from self._next_chunk(flow, each.place)
                yield from self._peers.close(flow)

    def _nudge(self, call: Call, flow: Flow) -> Iterator[PlanStep]:
        """A byte into the pipe whose write the log does not show."""
        writer, size = self._unseen_writer(flow)
        if writer is not None and writer.id in self._numbers:
            data = Data(b"\1" + bytes(size - 1), size)
            yield self._own(call, "write", self._numbers[writer.id], data, size)

    def _unnudge(self, each: Traced, call: Call) -> Iterator[PlanStep]:
        """The read that followed, which the log does not show either."""
        for flow, _ in self._ready.reported(each, call):
            writer, size = self._unseen_writer(flow)
            if writer is not None and "read" not in self._calls(flow) and flow.id in self._numbers:
                yield self._own(call, "read", self._numbers[flow.id], Data(b"", size), size)

    def _unseen_writer(self, flow: Flow) -> tuple[Flow | None, int]:
        """The end of a pipe or eventfd that is written to unseen, and how many bytes that takes."""
        if flow.kind not in ("pipe", "eventfd"):
            return None, 0
        writer, size = (flow.peer, 1) if flow.kind == "pipe" else (flow, 8)
        return (None if writer is None or "write" in self._calls(writer) else writer), size

    def _calls(self, flow: Flow) -> set[str]:
        return self._traffic[flow.id].calls if flow.id in self._traffic else set()

    def _own(self, call: Call, name: str, number: int, data: Data, size: int) -> PlanStep:
        return PlanStep("nudge", self._group(call.task), Call(call.task, name, (number, data, size), size))

    def _unseen_datagram(self, flow: Flow, call: Call) -> Iterator[PlanStep]:
        """The write of another socket of the program's, which the log does not show."""
        traffic = self._traffic.get(flow.id)
        sender = traffic.unseen if traffic is not None else None
        if sender is not None and sender.id in self._numbers and (call.result or 0) > 0:
            for data, _ in received(call):
                yield self._own(call, "write", self._numbers[sender.id], data, data.total or 0)

    # Connections

    def _pending(self, listener: Flow, index: int) -> Iterator[PlanStep]:
        """Connect the peer that the next accept on `listener` returned."""
        coming = (flow for place, flow in self._accepts.get(listener.id, ()) if place >= index)
        accepted = next(coming, None)
        if accepted is None or self._peers.has(accepted) or self._traffic[accepted.id].inside:
            return
        to = _target(listener, accepted)
        if to is not None:
            yield from self._peers.connect(accepted, to)

    def _server(self, flow: Flow) -> Iterator[PlanStep]:
        remote = flow.remote
        refused = self._traffic[flow.id].refused if flow.id in self._traffic else True
        if remote is not None and remote.port and not refused and self._outside(flow):
            yield from self._peers.listen(plain(remote), flow.stream)

    # Data

    def _left(self, flow: Flow) -> bool:
        """Whether the log has more for `flow` than was delivered."""
        return self._sent.get(flow.id, 0) < len(self._traffic[flow.id].chunks)

    def _is_due(self, flow: Flow, index: int) -> bool:
        """Whether the next one is a datagram, perhaps without a byte, that the call takes with others."""
        chunks, place = self._traffic[flow.id].chunks, self._sent.get(flow.id, 0)
        return not flow.stream and chunks[place].place <= index

    def _deliver(self, flow: Flow, index: int, call: Call) -> Iterator[PlanStep]:
        """Send what the call is about to receive, as far as it has not been sent."""
        if call.errno == "ECONNRESET":
            yield from self._peers.close(flow, reset=True)
        elif call.result == 0 and flow.stream:
            yield from self._peers.close(flow)
        elif call.result is not None and call.result > 0:
            size = moved(call)
            while self._left(flow) and (self._ahead.get(flow.id, 0) < size or self._is_due(flow, index)):
                yield from self._next_chunk(flow, index)

    def _next_chunk(self, flow: Flow, index: int) -> Iterator[PlanStep]:
        traffic = self._traffic[flow.id]
        if not self._left(flow):
            if flow.stream and traffic.end is not None and traffic.end >= index:
                yield from self._peers.close(flow)
            elif flow.stream and self._peers.has(flow) and not self._ahead.get(flow.id):
                self._ahead[flow.id] = 1  # a wait saw data that the log does not show being read
                yield from self._peers.send(flow, Data(FILLER, 1))
            return
        place = self._sent.get(flow.id, 0)
        chunk, self._sent[flow.id] = traffic.chunks[place], place + 1
        self._ahead[flow.id] = self._ahead.get(flow.id, 0) + (chunk.data.total or 0)
        sender = chunk.sender or flow.remote
        if flow.stream:
            yield from self._peers.send(flow, chunk.data)
        elif sender is not None:
            bound = bool(flow.local and flow.local.port) and "bind" in traffic.calls
            yield from self._peers.datagram(flow, chunk.data, plain(sender), bound)

    def _before_send(self, flow: Flow, index: int, call: Call) -> Iterator[PlanStep]:
        traffic = self._traffic[flow.id]
        if flow.stream and (call.errno in ("EPIPE", "ECONNRESET") or _gone(traffic, index)):
            yield from self._peers.close(flow)
        elif not flow.stream:
            answering = {each.sender for each in traffic.chunks if each.place > index}
            for to in _destinations(call):
                if to in answering:
                    yield from self._peers.listen(plain(to), stream=False)


def _target(listener: Flow, accepted: Flow) -> Endpoint | None:
    """Where the peer connects to: the accepted socket's own address where the log shows it."""
    local = listener.local
    if local is None or local.family not in (AF_INET, AF_INET6):
        return None
    if accepted.local is not None and not accepted.local.wildcard:
        return plain(accepted.local)
    if not local.wildcard:
        return plain(local)
    family = plain(accepted.remote).family if accepted.remote else local.family
    return Endpoint(family, loopback(family), local.port)


def _gone(traffic: Traffic, index: int) -> bool:
    """Whether the peer had left before this send: all it sent is read, and the log shows a reset later."""
    last = traffic.chunks[-1].place if traffic.chunks else -1
    return traffic.aborted and index > last and traffic.end is not None and traffic.end > index


def _destinations(call: Call) -> list[Endpoint]:
    """Each once."""
    names = [header.get("msg_name") for header in headers(call.arg(1))] or [call.arg(4)]
    return list(dict.fromkeys(end for name in names if (end := endpoint_of(name)) is not None))


def _accepts(traced: Sequence[Traced]) -> dict[int, list[tuple[int, Flow]]]:
    """Listener → (record, accepted flow) of every accept that succeeded, in order."""
    found: dict[int, list[tuple[int, Flow]]] = {}
    for each in traced:
        for _, flow in each.made:
            if flow.listener is not None and flow.made_by >= 0:
                found.setdefault(flow.listener.id, []).append((each.place, flow))
    return found
