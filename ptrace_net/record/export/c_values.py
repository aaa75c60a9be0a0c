"""Arguments as C expressions, with what must be set up before the call and checked after it."""

from collections.abc import Callable

from ptrace_net.record.export import c_memory
from ptrace_net.record.export.c_context import Context, Emitted, address_text, quoted
from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Unknown, Value, number_of
from ptrace_net.record.replay.lowering import CannotReplay
from ptrace_net.record.replay.options import pack_value
from ptrace_net.record.signatures import Param, params
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, endpoint_of

SHOWS_PORT = frozenset(("getsockname", "accept", "accept4", "recvfrom"))
"""Calls from which a port that the kernel chose is learnt."""


def emit(context: Context) -> Emitted:
    """Write all arguments of the call. Raises `CannotReplay`."""
    for place, (value, param) in enumerate(zip(context.call.args, params(context.call.name), strict=False)):
        if isinstance(value, Unknown) and param.kind not in ("addr", "addr_out"):
            raise CannotReplay(f"{param.name} is not in the log")
        context.made.arguments.append(KINDS.get(param.kind, _number)(context, place, value, param))
    return context.made


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


def _unsupported(context: Context, place: int, value: Value, param: Param) -> str:
    raise CannotReplay(f"{context.call.name} is not exported")


Kind = Callable[[Context, int, Value, Param], str]
KINDS: dict[str, Kind] = {
    "fd": _fd, "newfd": _new_fd, "addr": _address, "addr_out": _address_out, "lenp": _length, "buf": _buffer,
    "buf_out": _buffer_out, "optval": _option, "optval_out": _option_out, "fdpair": _pair, "arg": _command,
    "fdset": _unsupported, **c_memory.KINDS,
}  # fmt: skip
