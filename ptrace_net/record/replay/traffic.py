"""What a log says about the traffic of each flow: what came in, how it ended, who the peer is.

A peer is inside when the log shows its calls as well (two tasks of one run talk to each other); only
peers that are not need to be played.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ptrace_net.record.flows import Flow, Traced
from ptrace_net.record.headers import headers, is_several, lengths
from ptrace_net.record.model import Array, Call, Data, Struct, Value, number_of
from ptrace_net.record.signatures import canonical
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, endpoint_of

RECEIVES = frozenset(["read", "readv", "recvfrom", "recvmsg", "recvmmsg"])
SENDS = frozenset(["write", "writev", "sendto", "sendmsg", "sendmmsg"])
_MSG_PEEK = 2
_RESET = frozenset(("EPIPE", "ECONNRESET", "ENOTCONN"))


class Chunk(NamedTuple):
    """What one receiving call took: its record, the bytes as far as the log shows them, the sender."""

    place: int
    data: Data
    sender: Endpoint | None


@dataclass(slots=True)
class Traffic:
    """The life of one socket, from the log: filled by `survey`.

    `unseen` is a flow of the log that sent to this one by calls that the log does not have (a live recording
    leaves plain writes alone).
    """

    flow: Flow
    chunks: list[Chunk] = field(default_factory=list)
    end: int | None = None
    reset: int | None = None
    aborted: bool = False
    listening: bool = False
    refused: bool = False
    calls: set[str] = field(default_factory=set)
    inside: bool = False
    unseen: Flow | None = None


def survey(traced: Iterable[Traced]) -> dict[int, Traffic]:
    """The traffic of every flow by the flow's id."""
    found: dict[int, Traffic] = {}
    for each in traced:
        if not isinstance(each.record, Call):
            continue
        for flow in [*each.used.values(), *(flow for _, flow in each.made)]:
            _note(found.setdefault(flow.id, Traffic(flow)), each, each.record)
    _find_inside(found)
    return found


def _note(traffic: Traffic, each: Traced, call: Call) -> None:
    name = canonical(call.name)
    first = each.used.get(number_of(call.arg(0)) or 0)
    if first is not traffic.flow:
        return
    traffic.calls.add(name)
    if name == "listen" and call.errno is None:
        traffic.listening = True
    elif name in RECEIVES and not _peeks(call):
        _received(traffic, each.place, call)
    elif call.errno in _RESET and (name in SENDS or (name == "shutdown" and traffic.end is not None)):
        traffic.aborted = True
    elif (name == "connect" and call.errno == "ECONNREFUSED") or (
        name == "getsockopt" and number_of(call.arg(2)) == 4 and number_of(call.arg(3)) == 111
    ):
        traffic.refused = True


def _received(traffic: Traffic, index: int, call: Call) -> None:
    if call.errno == "ECONNRESET":
        traffic.reset = index
    elif call.result == 0 and traffic.flow.stream:
        traffic.end = index if traffic.end is None else traffic.end
    elif call.result is not None and call.result > 0:
        traffic.chunks += [Chunk(index, data, sender) for data, sender in received(call)]


def _peeks(call: Call) -> bool:
    place = {"recvfrom": 3, "recvmsg": 2, "recvmmsg": 3}.get(canonical(call.name))
    return place is not None and bool((number_of(call.arg(place)) or 0) & _MSG_PEEK)


def peeks(call: Call) -> bool:
    """Whether a receiving call leaves the data where it is (MSG_PEEK)."""
    return _peeks(call)


def received(call: Call) -> list[tuple[Data, Endpoint | None]]:
    """The bytes of each message that a receiving call took, as far as the log shows them, and the sender."""
    if is_several(call):
        pairs = zip(headers(call.arg(1)), lengths(call), strict=False)
        return [(_begun(header, size), endpoint_of(header.get("msg_name"))) for header, size in pairs]
    value = call.arg(1)
    return [(_begun(value if value is not None else Data(b""), call.result or 0), _sender(call))]


def _begun(value: Value, size: int) -> Data:
    known = b""
    for data, length in pieces(value):
        known += data
        if len(data) < length:
            break
    return Data(known[:size], size)


def pieces(value: Value) -> Iterable[tuple[bytes, int]]:
    """The buffers in an argument: what the log shows of each, and how long it is."""
    match value:
        case Data(data, total):
            yield data, total or len(data)
        case Array(items=items):
            for item in items:
                yield from pieces(item)
        case Struct():
            vector, base = value.get("msg_iov") or value.get("msg_hdr"), value.get("iov_base")
            if isinstance(base, Data):
                yield base.data, number_of(value.get("iov_len")) or len(base.data)
            elif vector is not None:
                yield from pieces(vector)


def _sender(call: Call) -> Endpoint | None:
    """Where a datagram came from, if the program asked."""
    if call.name == "recvfrom":
        return endpoint_of(call.arg(4))
    header = call.arg(1)
    return endpoint_of(header.get("msg_name")) if isinstance(header, Struct) else None


def plain(endpoint: Endpoint) -> Endpoint:
    """An IPv4-mapped IPv6 address as the IPv4 address that it is."""
    if endpoint.family == AF_INET6 and endpoint.host.startswith("::ffff:") and "." in endpoint.host:
        return Endpoint(AF_INET, endpoint.host.removeprefix("::ffff:"), endpoint.port)
    return endpoint


def _find_inside(found: dict[int, Traffic]) -> None:
    """Mark both ends of connections and datagram exchanges that the log shows whole."""
    listeners = {each.flow.local.port: each for each in found.values() if each.listening and each.flow.local}
    clients = [
        each for each in found.values() if "connect" in each.calls and each.flow.remote and not each.refused
    ]
    waiting: dict[int, list[Traffic]] = {}
    for client in clients:
        remote = client.flow.remote
        if remote is not None and client.flow.stream and remote.port in listeners:
            client.inside = True
            waiting.setdefault(remote.port, []).append(client)
    for accepted in sorted(found.values(), key=lambda each: each.flow.made_by):
        listener = accepted.flow.listener
        if listener is not None and listener.local is not None:
            accepted.inside = _take_client(accepted.flow, waiting.get(listener.local.port, []))
    _datagrams(found)
    for each in found.values():
        each.inside = each.inside or each.flow.peer is not None


def _take_client(flow: Flow, clients: list[Traffic]) -> bool:
    """Pair an accepted flow with its client: by the port where that is known, else the oldest."""
    port = flow.remote.port if flow.remote else None
    known = [each for each in clients if each.flow.local is not None and each.flow.local.port == port]
    unknown = [each for each in clients if each.flow.local is None or not each.flow.local.port]
    chosen = next(iter(known or unknown), None)
    if chosen is not None:
        clients.remove(chosen)
    return chosen is not None


def _datagrams(found: dict[int, Traffic]) -> None:
    bound = {each.flow.local.port: each for each in found.values()
             if each.flow.local and each.flow.local.port and not each.flow.stream}  # fmt: skip
    for each in found.values():
        if not each.flow.stream and each.flow.domain in (AF_INET, AF_INET6):
            senders = {chunk.sender.port for chunk in each.chunks if chunk.sender}
            remote = {each.flow.remote.port} if each.flow.remote else set()
            each.inside = not bound.keys().isdisjoint(senders | remote)
            writers = (bound[port] for port in senders if port in bound)
            each.unseen = next((writer.flow for writer in writers if not writer.calls & SENDS), None)
