"""Arguments as C expressions, with what must be set up before the call and checked after it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from ptrace_net.record.export.names import Names
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
from ptrace_net.record.replay.lower import QUIET_MS, WAIT_LIMIT_MS, CannotReplay, user_word
from ptrace_net.record.replay.options import pack_value
from ptrace_net.record.replay.steps import PlanStep
from ptrace_net.record.signatures import Param, canonical, params
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, Endpoint, endpoint_of, pack

SHOWS_PORT = frozenset(("getsockname", "accept", "accept4", "recvfrom"))
"""Calls from which a port that the kernel chose is learnt."""


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


def emit(context: Context) -> Emitted:
    """Write all arguments of the call. Raises `CannotReplay`."""
    for place, (value, param) in enumerate(zip(context.call.args, params(context.call.name), strict=False)):
        if isinstance(value, Unknown) and param.kind not in ("addr", "addr_out"):
            raise CannotReplay(f"{param.name} is not in the log")
        context.made.arguments.append(KINDS.get(param.kind, _number)(context, place, value, param))
    return context.made


def quoted(data: bytes) -> str:
    """A C string literal with octal escapes, safe before any character and free of trigraphs."""
    named = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x22: '\\"', 0x5C: "\\\\", 0x3F: "\\?"}
    return '"' + "".join(named.get(b) or (chr(b) if 0x20 <= b < 0x7F else f"\\{b:03o}") for b in data) + '"'


def _number(context: Context, place: int, value: Value, param: Param) -> str:
    number = context.number(place)
    text = value.text if isinstance(value, Symbol) and value.text != str(number) else ""
    shown = f"{number}u" if number > 0x7FFFFFFF else str(number)
    return f"{shown} /* {text} */" if text and "*/" not in text else shown


def _fd(context: Context, place: int, value: Value, param: Param) -> str:
    number = context.number(place)
    return context.names.descriptor(context.step.group, number) if number >= 0 else str(number)


def _new_fd(context: Context, place: int, value: Value, param: Param) -> str:
    return str(600 + context.number(place))


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


def _address(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Unknown) and value.why == "in":
        return f"(struct sockaddr *)&last_{context.made.arguments[0]}"
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    endpoint = endpoint_of(value)
    if endpoint is None:
        raise CannotReplay("the address is not in the log")
    try:
        return address_text(context, endpoint)
    except OSError as error:
        raise CannotReplay(f"the address {endpoint.host!r} is not one") from error


def _address_out(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Unknown) and value.why == "out":
        context.made.after.append(f"last_{context.made.arguments[0]} = address;")
        return "(struct sockaddr *)&address"
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    endpoint = endpoint_of(value)
    context.made.before.append("memset(&address, 0, sizeof address);")
    if context.succeeds and endpoint is not None and endpoint.family in (AF_INET, AF_INET6):
        chosen = endpoint.port in context.names.ports and context.call.name in SHOWS_PORT
        if chosen:
            context.made.after.append(f"port{endpoint.port} = port_of();")
        context.made.after.append(f"same_address({address_text(context, endpoint)});")
    return "(struct sockaddr *)&address"


def _length(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    item = value.items[0] if isinstance(value, Array) and value.items else value
    before = number_of(item.before) if isinstance(item, Change) else number_of(item)
    context.made.before.append(f"length = {128 if before is None or isinstance(value, Pointer) else before};")
    if context.succeeds and isinstance(item, Change) and (after := number_of(item.after)) is not None:
        context.made.after.append(f'same_number("the length", length, {after});')
    return "&length"


def _buffer(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    size = context.number(place + 1)
    known = (value.data if isinstance(value, Data) else b"")[:size]
    context.need("MEMORY", size)
    return f"payload({quoted(known)}, {len(known)}, {size})"


def _buffer_out(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    context.need("MEMORY", context.number(place + 1))
    if context.succeeds and isinstance(value, Data) and value.data:
        context.made.after.append(f"same_bytes({quoted(value.data)}, {len(value.data)});")
    return "memory"


def _option(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    size = context.number(place + 1)
    number = number_of(value)
    if size == 4 and number is not None and isinstance(value, Array | int | Symbol):
        return f"&(int){{{number}}}"
    if isinstance(value, Struct) and value.get("l_onoff") is not None:
        fields = ", ".join(str(number_of(inner) or 0) for _, inner in value.fields)
        return f"&(struct linger){{{fields}}}"
    raw = pack_value(value, size)
    if raw is None:
        raise CannotReplay("the value of the option cannot be rebuilt from the log")
    context.need("MEMORY", size)
    return f"payload({quoted(raw)}, {len(raw)}, {len(raw)})"


def _option_out(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer) and value.address == 0:
        return "NULL"
    number = number_of(value) if not isinstance(value, Pointer) else None
    context.need("MEMORY", 4096)
    if context.succeeds and number is not None and number_of(context.call.arg(place + 1)) == 4:
        context.made.after.append(f'same_number("the option", *(int *)memory, {number});')
    return "memory"


def _pair(context: Context, place: int, value: Value, param: Param) -> str:
    numbers = [number_of(item) for item in value.items] if isinstance(value, Array) else []
    if len(numbers) == 2 and context.call.errno is None:
        for index, number in enumerate(numbers):
            context.made.after.append(
                f"{context.names.descriptor(context.step.group, number or 0)} = pair[{index}];"
            )
    return "pair"


def _poll(context: Context, place: int, value: Value, param: Param) -> str:
    array = value.before if isinstance(value, Change) else value
    ready = value.after if isinstance(value, Change) else None
    if not isinstance(array, Array):
        raise CannotReplay("what it waits for is not in the log")
    found = {
        number_of(item.get("fd")): number_of(item.get("revents"))
        for item in (ready.items if isinstance(ready, Array) else ())
        if isinstance(item, Struct)
    }
    context.need("POLLED", len(array.items))
    for index, item in enumerate(array.items):
        fd, wanted = (
            (number_of(item.get(name)) for name in ("fd", "events"))
            if isinstance(item, Struct)
            else (None, 0)
        )
        if fd is None:
            raise CannotReplay("what it waits for is not in the log")
        name = context.names.descriptor(context.step.group, fd) if fd >= 0 else str(fd)
        context.made.before.append(f"polled[{index}] = (struct pollfd){{{name}, {wanted or 0}, 0}};")
        if context.succeeds and isinstance(value, Change):
            context.made.after.append(
                f'same_number("revents", polled[{index}].revents, {found.get(fd) or 0});'
            )
    return "polled"


def _milliseconds(context: Context, place: int, value: Value, param: Param) -> str:
    asked = context.number(place)
    if context.call.result == 0:
        return str(min(asked, QUIET_MS) if asked >= 0 else QUIET_MS)
    return str(WAIT_LIMIT_MS if asked else 0)


def _event(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Pointer):
        return "NULL"
    flags = number_of(value.get("events")) if isinstance(value, Struct) else None
    if flags is None:
        raise CannotReplay("the event is not in the log")
    return f"&(struct epoll_event){{.events = {flags & 0xFFFFFFFF}u, .data.u64 = {user_word(value)}u}}"


def _events_out(context: Context, place: int, value: Value, param: Param) -> str:
    context.need("EVENTS", min(max(context.number(place + 1), 1), 1 << 16))
    for item in value.items if isinstance(value, Array) and context.succeeds else ():
        flags = number_of(item.get("events")) if isinstance(item, Struct) else None
        if flags is not None:
            context.made.after.append(f"same_event({user_word(item)}u, {flags & 0xFFFFFFFF}u);")
    return "events"


def _command(context: Context, place: int, value: Value, param: Param) -> str:
    if isinstance(value, Array | Struct | Change):
        number = number_of(value.before if isinstance(value, Change) else value)
        if number is None:
            raise CannotReplay("the argument of the command cannot be rebuilt from the log")
        context.made.before.append(f"number = {number};")
        return "&number"
    if isinstance(value, Pointer):
        return "&number" if value.address else "NULL"
    return _number(context, place, value, param)


def vector_text(context: Context, value: Value, reading: bool) -> int:
    """Fill ``vector``; the number of its elements. A written vector must fit one payload area each: one
    element.
    """
    items = value.items if isinstance(value, Array) else ()
    context.need("VECTOR", len(items))
    at = 0
    for index, item in enumerate(items):
        base = item.get("iov_base") if isinstance(item, Struct) else None
        size = number_of(item.get("iov_len")) if isinstance(item, Struct) else None
        known = base.data if isinstance(base, Data) else b""
        size = len(known) if size is None else size
        context.need("MEMORY", at + size)
        area = f"memory + {at}"
        if not reading:
            context.made.before.append(
                f"memcpy({area}, payload({quoted(known[:size])}, {len(known[:size])}, {size}), {size});"
            )
        elif context.succeeds and known and index == 0:
            context.made.after.append(f"same_bytes({quoted(known)}, {len(known)});")
        context.made.before.append(f"vector[{index}] = (struct iovec){{{area}, {size}}};")
        at += size
    return len(items)


def _vector(context: Context, place: int, value: Value, param: Param) -> str:
    vector_text(context, value, param.kind == "iov_out")
    return "vector"


def _message(context: Context, place: int, value: Value, param: Param) -> str:
    if not isinstance(value, Struct):
        raise CannotReplay("the message header is not in the log")
    if isinstance(value.get("msg_control"), Array):
        raise CannotReplay("control messages are not exported")
    context.made.before.append("memset(&message, 0, sizeof message);")
    endpoint = endpoint_of(value.get("msg_name"))
    if param.kind == "msg" and endpoint is not None:
        context.made.before.append(f"message.msg_name = {address_text(context, endpoint)};")
        context.made.before.append(f"message.msg_namelen = {len(pack(endpoint))};")
    elif endpoint is not None:
        context.made.before.append("message.msg_name = &address; message.msg_namelen = sizeof address;")
    count = vector_text(context, value.get("msg_iov") or Array(()), param.kind == "msg_out")
    context.made.before.append(f"message.msg_iov = vector; message.msg_iovlen = {count};")
    return "&message"


def _timeout(context: Context, place: int, value: Value, param: Param) -> str:
    if param.name != "timeout" or not isinstance(value, Struct | Change):
        return "NULL"
    wait = QUIET_MS if context.call.result == 0 else WAIT_LIMIT_MS
    if canonical(context.call.name) == "select":
        return f"&(struct timeval){{{wait // 1000}, {wait % 1000 * 1000}}}"
    return f"&(struct timespec){{{wait // 1000}, {wait % 1000 * 1000000}}}"


def _unsupported(context: Context, place: int, value: Value, param: Param) -> str:
    raise CannotReplay(f"{context.call.name} is not exported")


Kind = Callable[[Context, int, Value, Param], str]
KINDS: dict[str, Kind] = {
    "fd": _fd, "newfd": _new_fd, "addr": _address, "addr_out": _address_out, "lenp": _length, "buf": _buffer,
    "buf_out": _buffer_out, "optval": _option, "optval_out": _option_out, "fdpair": _pair, "pollfds": _poll,
    "ms": _milliseconds, "epev": _event, "epev_out": _events_out, "arg": _command, "iov": _vector,
    "iov_out": _vector, "msg": _message, "msg_out": _message, "mmsg": _unsupported, "mmsg_out": _unsupported,
    "ptr": _timeout, "fdset": _unsupported,
}  # fmt: skip
