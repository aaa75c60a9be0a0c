"""What is known while a call is written in C, and the pieces that every kind of argument uses."""

from dataclasses import dataclass, field

from ptrace_net.record.export.names import Names
from ptrace_net.record.model import Call, number_of
from ptrace_net.record.replay.lowering import CannotReplay
from ptrace_net.record.replay.steps import PlanStep
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, pack


@dataclass(slots=True)
class Emitted:
    """One call in C: statements before it, the expression, statements after it."""

    before: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Context:
    """What the kinds need: the step, the variables, and how much memory the program needs so far."""

    step: PlanStep
    names: Names
    made: Emitted
    sizes: dict[str, int]

    @property
    def call(self) -> Call:
        """The call being written."""
        return self.step.call

    def number(self, place: int) -> int:
        """The number in argument `place`; `CannotReplay` where the log does not have it."""
        value = number_of(self.call.arg(place))
        if value is None:
            raise CannotReplay(f"argument {place + 1} of {self.call.name} is not in the log")
        return value

    def need(self, what: str, count: int) -> None:
        """Make an area of the program at least this large."""
        self.sizes[what] = max(self.sizes.get(what, 1), count)

    @property
    def succeeds(self) -> bool:
        """Whether the recorded call succeeded, so that its output is to be checked."""
        return self.call.errno is None and self.call.outcome == "returned" and self.step.role == "program"


def quoted(data: bytes) -> str:
    """A C string literal with octal escapes, safe before any character and free of trigraphs."""
    named = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\", 0x3F: "\\?"}
    return '"' + "".join(named.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in data) + '"'


def port_text(context: Context, port: int) -> str:
    """A port, or the variable that holds what the kernel chose this time."""
    return f"port{port}" if port in context.names.ports else str(port)


def address_text(context: Context, endpoint: Endpoint) -> str:
    """An expression for a sockaddr."""
    port = port_text(context, endpoint.port)
    if endpoint.family == AF_INET:
        return f"in4({quoted(endpoint.host.encode())}, {port})"
    if endpoint.family == AF_INET6:
        host = quoted(endpoint.host.encode())
        return f"in6({host}, {port}, {endpoint.flowinfo}u, {endpoint.scope_id}u)"
    raw = pack(endpoint)
    return f"(struct sockaddr *)payload({quoted(raw)}, {len(raw)}, {len(raw)})"
