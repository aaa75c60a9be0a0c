"""The sockets of the outside world, and what they do as steps of a plan."""

from collections.abc import Iterator

from ptrace_net.record.flows import Flow
from ptrace_net.record.model import Array, Call, Data, Pointer, Struct, Symbol, Unknown, Value
from ptrace_net.record.names import spell
from ptrace_net.record.replay.steps import WORLD, WORLD_FDS, PlanStep
from ptrace_net.record.replay.traffic import plain
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, struct_of

LAST_PEER = "the sender of the last datagram"
"""An address that is known when the replay runs: that from which the world's socket received last."""

_NOSIGNAL, _WAITALL = Symbol("MSG_NOSIGNAL", 0x4000), Symbol("MSG_WAITALL", 0x100)
_SOCKET, _REUSEADDR, _LINGER = Symbol("SOL_SOCKET", 1), Symbol("SO_REUSEADDR", 2), Symbol("SO_LINGER", 13)
_TCP, _NODELAY = Symbol("SOL_TCP", 6), Symbol("TCP_NODELAY", 1)
_NULL = Pointer(0)
_LARGEST_DATAGRAM = 65536


class Peers:
    """Keeps which socket of the world is the other end of which flow."""

    def __init__(self) -> None:
        self._ends: dict[int, int] = {}
        self._servers: dict[Endpoint, int] = {}
        self._learnt: set[tuple[int, int]] = set()
        self._next = WORLD_FDS

    def has(self, flow: Flow) -> bool:
        """Whether the world holds the other end of `flow`."""
        return flow.id in self._ends

    def connect(self, accepted: Flow, to: Endpoint) -> Iterator[PlanStep]:
        """A client that the program will accept as `accepted`, from the address that the log shows."""
        source = plain(accepted.remote) if accepted.remote else None
        number, steps = self._socket(to.family, stream=True)
        self._ends[accepted.id] = number
        yield from [*steps, self._no_delay(number)]
        if source is not None and source.family == to.family:
            yield _step("bind", number, struct_of(source), _size(source))
        yield _step("connect", number, struct_of(to), _size(to))

    def listen(self, endpoint: Endpoint, stream: bool) -> Iterator[PlanStep]:
        """A socket bound to `endpoint`, once; a listener where `stream`."""
        if endpoint in self._servers:
            return
        number, steps = self._socket(endpoint.family, stream)
        self._servers[endpoint] = number
        yield from steps
        yield _step("bind", number, struct_of(endpoint), _size(endpoint))
        if stream:
            yield _step("listen", number, 16)

    def accept(self, flow: Flow) -> Iterator[PlanStep]:
        """Accept what the program connected."""
        server = self._servers.get(plain(flow.remote)) if flow.remote else None
        if server is not None and flow.stream:
            number = self._ends[flow.id] = self._new()
            yield _step("accept", server, _NULL, _NULL, result=number)
            yield self._no_delay(number)

    def send(self, flow: Flow, data: Data) -> Iterator[PlanStep]:
        """Bytes on a connection."""
        if flow.id in self._ends:
            size = data.total or 0
            yield _step("sendto", self._ends[flow.id], data, size, _NOSIGNAL, _NULL, 0, result=size)

    def take(self, flow: Flow, size: int) -> Iterator[PlanStep]:
        """Read what the program sent on a connection."""
        if flow.id in self._ends:
            number = self._ends[flow.id]
            yield _step("recvfrom", number, Data(b"", size), size, _WAITALL, _NULL, _NULL, result=size)

    def datagram(self, flow: Flow, data: Data, sender: Endpoint, bound: bool) -> Iterator[PlanStep]:
        """A datagram from `sender`: to the port the flow is `bound` to, or back to where it wrote from."""
        yield from self.listen(sender, stream=False)
        number, size = self._servers[sender], data.total or 0
        to: Value
        if bound and flow.local is not None:
            host = loopback(sender.family) if flow.local.wildcard else plain(flow.local).host
            to, length = struct_of(Endpoint(sender.family, host, flow.local.port)), _size(sender)
        else:
            if (number, flow.id) not in self._learnt:
                self._learnt.add((number, flow.id))
                room, name = Data(b"", None), Unknown(LAST_PEER, "out")
                yield _step("recvfrom", number, room, _LARGEST_DATAGRAM, 0, name, Array((128,)), result=None)
            to, length = Unknown(LAST_PEER, "in"), 128
        yield _step("sendto", number, data, size, _NOSIGNAL, to, length, result=size)

    def close(self, flow: Flow, reset: bool = False) -> Iterator[PlanStep]:
        """Close the other end, with a FIN or a reset."""
        number = self._ends.pop(flow.id, None)
        if number is None:
            return
        if reset:
            value = Struct((("l_onoff", 1), ("l_linger", 0)))
            yield _step("setsockopt", number, _SOCKET, _LINGER, value, 8)
        yield _step("close", number)

    def _new(self) -> int:
        self._next += 1
        return self._next

    def _socket(self, family: int, stream: bool) -> tuple[int, list[PlanStep]]:
        number = self._new()
        kind = spell("type", 1 if stream else 2)
        make = _step("socket", spell("domain", family), kind, 0, result=number)
        return number, [make, _step("setsockopt", number, _SOCKET, _REUSEADDR, Array((1,)), 4)]

    def _no_delay(self, number: int) -> PlanStep:
        """Let every send of the world leave at once."""
        return _step("setsockopt", number, _TCP, _NODELAY, Array((1,)), 4)


def _step(name: str, *args: Value, result: int | None = 0) -> PlanStep:
    return PlanStep("world", WORLD, Call(WORLD, name, args, result))


def _size(endpoint: Endpoint) -> int:
    return 16 if endpoint.family == AF_INET else 28


def loopback(family: int) -> str:
    """The loopback address of a family."""
    return "::1" if family == AF_INET6 else "127.0.0.1"
