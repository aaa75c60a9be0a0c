"""Packets synthesized from a log's flows, as pcapng (draft-ietf-opsawg-pcapng): to see a log in Wireshark.

No packet was captured: the calls tell who connected to whom, what was sent and received and when;
sequence numbers, windows and acknowledgements are made up. The section header, the interface and every
connection's first packet say so. Bytes that the log abbreviates are full stops. Packets are raw IP
(LINKTYPE_RAW).
"""

import errno
import socket
import struct
from collections.abc import Iterator
from dataclasses import replace

from ptrace_net.record.flows import Flow, Traced, trace
from ptrace_net.record.headers import is_several
from ptrace_net.record.model import Array, Call, Data, Log, Struct, Value, number_of
from ptrace_net.record.replay.lowering import payload
from ptrace_net.record.replay.peers import loopback
from ptrace_net.record.replay.traffic import RECEIVES, SENDS, peeks, plain, received, survey
from ptrace_net.record.show.packets import TcpConversation, udp
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, endpoint_of

_LINKTYPE_RAW = 101
SO_ERROR = socket.SOL_SOCKET, socket.SO_ERROR
_NOTE = b"synthesized by ptrace-net from a log of system calls; not captured"


def render(log: Log) -> bytes:
    """The whole file."""
    blocks = [_section(log), _interface()]
    traced = trace(log)
    traffic, refused = survey(traced), set(_refused(traced))
    conversations: dict[int, TcpConversation] = {}
    for each in traced:
        if isinstance(each.record, Call):
            at = each.record.started if each.record.started is not None else each.place / 1e6
            inside = {
                flow.id
                for flow in each.used.values()
                if (known := traffic.get(flow.id)) and known.inside and flow.listener is not None
            }
            blocks += [
                _packet(at, raw, note)
                for raw, note in _packets(each, each.record, conversations, inside, refused)
            ]
    return b"".join(blocks)


def _refused(traced: list[Traced]) -> Iterator[int]:
    """The places of connects that were refused, at once or as SO_ERROR told later."""
    begun: dict[int, int] = {}
    for each in traced:
        call = each.record
        flow = each.used.get(number_of(call.arg(0)) or 0) if isinstance(call, Call) else None
        if not isinstance(call, Call) or flow is None:
            continue
        if call.name == "connect":
            begun[flow.id] = each.place
            if call.errno == "ECONNREFUSED":
                yield each.place
        elif _tells_refusal(call) and flow.id in begun:
            yield begun.pop(flow.id)


def _tells_refusal(call: Call) -> bool:
    if call.name != "getsockopt" or (number_of(call.arg(1)), number_of(call.arg(2))) != SO_ERROR:
        return False
    value = call.arg(3)
    told = value.items[0] if isinstance(value, Array) and value.items else None
    return number_of(told) == errno.ECONNREFUSED


def _packets(
    each: Traced, call: Call, conversations: dict[int, TcpConversation], inside: set[int], refused: set[int]
) -> Iterator[tuple[bytes, bytes]]:
    """The packets of one call: a handshake, a segment, a datagram, an end."""
    flow = each.used.get(number_of(call.arg(0)) or 0)
    for _, made in each.made:
        if made.listener is not None and _ends(made) is not None:
            yield from _open(made, conversations, incoming=True)
    if flow is None or flow.kind != "socket" or flow.domain not in (AF_INET, AF_INET6) or flow.id in inside:
        return
    if flow.stream and each.place in refused:
        yield from _refusal(flow, call)
    elif flow.stream:
        yield from _tcp(flow, call, conversations)
    elif call.errno is None and (call.result or 0) > 0:
        yield from _udp(flow, call)


def _ends(flow: Flow) -> tuple[Endpoint, Endpoint] | None:
    """The program's and the peer's address of a connection, as far as known; ports that are not are 0."""
    if flow.remote is None or flow.remote.family not in (AF_INET, AF_INET6):
        return None
    remote = plain(flow.remote)
    local = plain(flow.local) if flow.local else None
    if local is None or local.family != remote.family or local.wildcard:
        host = remote.host if local is None or local.wildcard else loopback(remote.family)
        local = Endpoint(remote.family, host, local.port if local else 0)
    return local, remote


def _open(
    flow: Flow, conversations: dict[int, TcpConversation], incoming: bool
) -> Iterator[tuple[bytes, bytes]]:
    ends = _ends(flow)
    if ends is not None and flow.id not in conversations:
        conversations[flow.id] = TcpConversation(*ends)
        packets = conversations[flow.id].handshake(incoming)
        yield packets[0], _NOTE
        yield from ((packet, b"") for packet in packets[1:])


def _refusal(flow: Flow, call: Call) -> Iterator[tuple[bytes, bytes]]:
    """SYN and reset; a connect that fails leaves no address with its flow."""
    ends = _ends(replace(flow, remote=endpoint_of(call.arg(1))))
    if ends is not None:
        opening, answer = TcpConversation(*ends).refusal()
        yield opening, _NOTE
        yield answer, b""


def _tcp(flow: Flow, call: Call, conversations: dict[int, TcpConversation]) -> Iterator[tuple[bytes, bytes]]:
    if call.name == "connect" and call.errno in (None, "EINPROGRESS"):
        yield from _open(flow, conversations, incoming=False)
    conversation = conversations.get(flow.id)
    if conversation is None:
        return
    if call.name in SENDS and call.errno is None and (call.result or 0) > 0:
        yield from ((packet, b"") for packet in conversation.data(_sent(call), out=True))
    elif call.name in RECEIVES and call.errno is None and not peeks(call):
        packets = conversation.data(_taken(call), out=False) if call.result else conversation.end(out=False)
        yield from ((packet, b"") for packet in packets)
    elif call.name in ("close", "shutdown") and call.errno is None:
        yield from ((packet, b"") for packet in conversation.end(out=True))


def _udp(flow: Flow, call: Call) -> Iterator[tuple[bytes, bytes]]:
    outgoing = call.name in SENDS
    for data, named in _messages(call, outgoing) if outgoing or call.name in RECEIVES else ():
        peer = named or flow.remote
        if peer is None or peer.family not in (AF_INET, AF_INET6):
            continue
        remote = plain(peer)
        port = flow.local.port if flow.local else 0
        own = plain(flow.local) if flow.local and not flow.local.wildcard else None
        host = own.host if own and own.family == remote.family else ""
        local = Endpoint(remote.family, host or loopback(remote.family), port)
        yield (udp(local, remote, data) if outgoing else udp(remote, local, data)), _NOTE


def _messages(call: Call, outgoing: bool) -> list[tuple[bytes, Endpoint | None]]:
    """What a call sent or received, and where to or from where it says."""
    if outgoing and not is_several(call):
        return [(_sent(call), _to(call))]
    return [(payload(data, data.total or 0), named) for data, named in received(call)]


def _to(call: Call) -> Endpoint | None:
    header = call.arg(1)
    return endpoint_of(header.get("msg_name")) if isinstance(header, Struct) else endpoint_of(call.arg(4))


def _sent(call: Call) -> bytes:
    """The bytes that a sending call passed on."""
    value: Value | None = call.arg(1)
    known = value if isinstance(value, Data) else None
    return payload(known, call.result or 0) if known else _taken(call)


def _taken(call: Call) -> bytes:
    """The bytes that a call passed, with filler for what the log does not show."""
    return b"".join(payload(data, data.total or 0) for data, _ in received(call))


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack("=II", kind, size) + body + struct.pack("=I", size)


def _options(*options: tuple[int, bytes]) -> bytes:
    parts = [
        struct.pack("=HH", code, len(data)) + data + bytes(-len(data) % 4) for code, data in options if data
    ]
    return b"".join(parts) + (struct.pack("=HH", 0, 0) if parts else b"")


def _section(log: Log) -> bytes:
    comment = _NOTE + b": " + log.name.encode("utf-8", "replace")
    body = struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1) + _options((1, comment), (4, b"ptrace-net"))
    return _block(0x0A0D0D0A, body)


def _interface() -> bytes:
    options = _options((2, b"synthesized"), (3, _NOTE), (9, bytes([6])))
    return _block(1, struct.pack("=HHI", _LINKTYPE_RAW, 0, 0) + options)


def _packet(at: float, raw: bytes, note: bytes) -> bytes:
    stamp = max(0, int(at * 1e6))
    head = struct.pack("=IIIII", 0, stamp >> 32, stamp & 0xFFFFFFFF, len(raw), len(raw))
    return _block(6, head + raw + bytes(-len(raw) % 4) + _options((1, note)))
