"""What only the whole call tells about its arguments: lengths of buffers, names of numbers, ready events.

``strace -X raw`` prints numbers where other forms have names, and addresses as bytes; after this all
forms agree.
"""

import socket
from collections.abc import Callable

from ptrace_net.record.importers.strace.scan import Scanner
from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Value, number_of
from ptrace_net.record.names import spell
from ptrace_net.record.signatures import Param, params, words

_POINTERS = words("addr addr_out buf buf_out optval optval_out msg msg_out ptr lenp iov iov_out")
_NAMED = words("domain type level how cmd request epop msgflags openflags sockflags")
_UNKNOWN = Param("", "")
_EVENTS = {"pollfds": "poll", "epev": "epoll", "epev_out": "epoll"}
_FAMILIES = {"sin_addr": socket.AF_INET, "sin6_addr": socket.AF_INET6}
_NUMBERS = frozenset(["sin_port", "sin6_port", "sin6_flowinfo"])


def settle(name: str, values: tuple[Value, ...], result: int | None, detail: str = "") -> tuple[Value, ...]:
    """`values` as the arguments of call `name`, which returned `result` with `detail` in parentheses."""
    settled = list(values)
    prototype = params(name)
    for place, value in enumerate(values):
        param = prototype[place] if place < len(prototype) else _UNKNOWN
        settled[place] = _one(value, param, place, values)
        if isinstance(value, Data) and param.kind == "buf":
            settled[place] = _sized(value, values[place + 1] if place + 1 < len(values) else None)
        elif isinstance(value, Data) and param.kind == "buf_out":
            settled[place] = _sized(value, result)
        elif param.kind == "pollfds" and detail.startswith("["):
            settled[place] = Change(settled[place], _ready(detail))
    return tuple(settled)


def _one(value: Value, param: Param, place: int, values: tuple[Value, ...]) -> Value:
    if isinstance(value, Struct | Array | Change):
        return _inside(value, _EVENTS.get(param.kind, ""))
    number = _bare(value)
    if number is None:
        return value
    if param.kind in _POINTERS:
        return Pointer(number) if number >= 0 else value
    if param.kind == "optname":
        return spell("optname", number, number_of(values[place - 1]))
    if param.kind == "protocol":
        return spell("protocol", number, number_of(values[0]))
    return spell(param.kind, number) if param.kind in _NAMED and number >= 0 else value


def _bare(value: Value) -> int | None:
    """The number of a value that has no name: ``0x29``, ``0x1|0x80000``."""
    if isinstance(value, Symbol):
        return value.number if value.text[:1].isdigit() else None
    return value.address if isinstance(value, Pointer) else value if isinstance(value, int) else None


def _inside(value: Value, events: str) -> Value:
    """Addresses and events in structures, whatever form they are printed in."""
    match value:
        case Struct(fields, abbreviated):
            return Struct(tuple((name, _field(name, inner, events)) for name, inner in fields), abbreviated)
        case Array(items, abbreviated):
            return Array(tuple(_inside(item, events) for item in items), abbreviated)
        case Change(before, after):
            return Change(_inside(before, events), _inside(after, events))
        case _:
            return value


def _field(name: str, value: Value, events: str) -> Value:
    if isinstance(value, Data):
        return _bytes_field(name, value)
    maker = _FIELDS.get(name)
    number = _bare(value)
    if maker and number is not None:
        return maker(number)
    if name in ("events", "revents") and events and number is not None:
        return spell(events, number)
    return _inside(value, events)


def _bytes_field(name: str, value: Data) -> Value:
    if name in _NUMBERS and len(value.data) in (2, 4):
        return int.from_bytes(value.data, "big")
    family = _FAMILIES.get(name)
    if family is None or len(value.data) not in (4, 16) or _is_text(family, value.data):
        return value
    if len(value.data) != (4 if family == socket.AF_INET else 16):
        return value
    text = socket.inet_ntop(family, value.data).encode()
    return Data(text, len(text))


def _is_text(family: socket.AddressFamily, data: bytes) -> bool:
    try:
        socket.inet_pton(family, data.decode("ascii"))
    except (OSError, ValueError):
        return False
    return True


_FIELDS: dict[str, Callable[[int], Value]] = {
    "sa_family": lambda number: spell("domain", number),
    "msg_flags": lambda number: spell("msgflags", number),
    "cmsg_level": lambda number: spell("level", number),
    "cmsg_type": lambda number: Symbol("SCM_RIGHTS", 1) if number == 1 else number,
}


def _ready(detail: str) -> Value:
    scanner = Scanner(detail)
    value = scanner.value()
    return _inside(value, "poll") if isinstance(value, Array) else Array(())


def _sized(value: Data, size: Value | None) -> Data:
    """`value` as `size` bytes; notes have the ellipsis inside the quotation marks."""
    if not isinstance(size, int) or size < 0:
        return value
    data = value.data
    if len(data) != size and data.endswith(b"...") and value.total is not None:
        data = data[:-3]
    return Data(data[:size], size)
