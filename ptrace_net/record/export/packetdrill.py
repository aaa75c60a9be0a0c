"""One connection of a log as a packetdrill script: the program's calls and the world's packets.

packetdrill drives a single connection between one socket and its own raw packets, so the first TCP
connection to an outside peer is taken (accepted or connected), with everything that was done to its
sockets. Segments that the world sends are injected (``<``); what the kernel must send is expected (``>``)
where packetdrill cannot do without it: in the handshake. Addresses and ports are packetdrill's own
(``...``).
"""

from collections import Counter
from collections.abc import Iterator

from ptrace_net.record.flows import Flow, Traced, trace
from ptrace_net.record.headers import moved
from ptrace_net.record.model import Array, Call, Change, Data, Symbol, Value, number_of
from ptrace_net.record.render import result_text, value_text
from ptrace_net.record.replay.plan import Plan
from ptrace_net.record.replay.traffic import RECEIVES, SENDS, survey
from ptrace_net.record.signatures import canonical, params, words

_OPTIONS = "<mss 1460,sackOK,nop,nop,nop,wscale 7>"
_SCRIPTED = words(
    "socket setsockopt getsockopt bind listen accept accept4 connect read write sendto recvfrom shutdown "
    "close fcntl ioctl"
)


def render(plan: Plan) -> str:
    """The script; a comment alone where the log has no outside TCP connection."""
    traced = trace(plan.log)
    traffic = survey(traced)
    chosen = next(
        (
            each.flow
            for each in traffic.values()
            if each.flow.stream
            and each.flow.remote
            and not each.inside
            and (each.flow.listener or "connect" in each.calls)
        ),
        None,
    )
    head = f"// Made by ptrace-net from {plan.log.name}.\n"
    if chosen is None:
        return head + "// There is no TCP connection to an outside peer in it.\n"
    return head + "".join(f"{line}\n" for line in _Script(chosen).lines(traced))


class _Script:
    """Writes the lines for one connection; sequence numbers count from 0 in both directions."""

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.wanted = [each for each in (flow, flow.listener) if each is not None]
        self.inbound = 1
        self.outbound = 1
        self.connected = False

    def lines(self, traced: list[Traced]) -> Iterator[str]:
        """The whole script."""
        left_out: Counter[str] = Counter()
        for each in traced:
            flows = [*each.used.values(), *(flow for _, flow in each.made)]
            if isinstance(each.record, Call) and any(flow in self.wanted for flow in flows):
                if canonical(each.record.name) in _SCRIPTED and each.record.outcome == "returned":
                    yield from self._call(each.record)
                else:
                    left_out[each.record.name] += 1
        if left_out:
            yield f"// Left out: {', '.join(f'{name} ({count})' for name, count in left_out.most_common())}."

    def _call(self, call: Call) -> Iterator[str]:
        name = canonical(call.name)
        if name in ("accept", "accept4") and call.errno is None:
            yield from self._incoming()
        elif name in RECEIVES and call.errno is None:
            yield from self._segment(call)
        yield f"+0 {self._text(call)}"
        if name == "connect" and call.errno in (None, "EINPROGRESS"):
            yield from self._outgoing()
        elif name in SENDS and call.result and call.result > 0 and self.connected:
            yield from self._acknowledged(moved(call))

    def _incoming(self) -> Iterator[str]:
        self.connected = True
        yield f"+0 < S 0:0(0) win 65535 {_OPTIONS}"
        yield "+0 > S. 0:0(0) ack 1 <...>"
        yield "+0 < . 1:1(0) ack 1 win 512"

    def _outgoing(self) -> Iterator[str]:
        self.connected = True
        yield "+0 > S 0:0(0) <...>"
        yield f"+0 < S. 0:0(0) ack 1 win 65535 {_OPTIONS}"
        yield "+0 > . 1:1(0) ack 1"

    def _segment(self, call: Call) -> Iterator[str]:
        """What the world sends before the program reads it: data, or a FIN."""
        size = moved(call)
        if size:
            yield f"+0 < P. {self.inbound}:{self.inbound + size}({size}) ack {self.outbound} win 512"
            self.inbound += size
        elif call.result == 0:
            yield f"+0 < F. {self.inbound}:{self.inbound}(0) ack {self.outbound} win 512"
            self.inbound += 1

    def _acknowledged(self, size: int) -> Iterator[str]:
        self.outbound += size
        yield f"+0 < . {self.inbound}:{self.inbound}(0) ack {self.outbound} win 512"

    def _text(self, call: Call) -> str:
        kinds = [param.kind for param in params(call.name)]
        arguments = [_argument(value, kind) for value, kind in zip(call.args, kinds, strict=False)]
        return f"{call.name}({', '.join(arguments)}) = {result_text(call)}"


def _argument(value: Value, kind: str) -> str:
    """Arguments in packetdrill's notation: ``...`` for what it fills in itself."""
    if kind in ("domain", "addr", "addr_out", "buf", "buf_out") or (
        kind == "lenp" and not _plain_length(value)
    ):
        return "..."
    if isinstance(value, Array | Change | Data | Symbol | int):
        return value_text(value)
    return "..."


def _plain_length(value: Value) -> bool:
    return isinstance(value, Array) and len(value.items) == 1 and number_of(value.items[0]) is not None
