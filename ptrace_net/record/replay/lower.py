"""A call of a log as numbers and memory: what goes into the registers, what the pointers point to.

Each kind of argument (see `signatures`) has a function here. A call that the log does not show well
enough to make raises `CannotReplay` with the reason. `Lowered.outs` says which blocks come back and for
which argument.
"""

import platform
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

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
from ptrace_net.record.names import syscall_number
from ptrace_net.record.replay.options import pack_number, pack_value
from ptrace_net.record.replay.wire import Argument, block
from ptrace_net.record.signatures import Param, canonical, params
from ptrace_net.record.sockaddr import endpoint_of, pack

MACHINE = {"AMD64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
EPOLL_EVENT = struct.Struct("<IQ" if MACHINE == "x86_64" else "=I4xQ")
POLLFD = struct.Struct("=ihh")
FILLER = b"."
LARGEST = 1 << 22
"""The most bytes that one replayed call passes; a log may claim any number."""

MAX_EVENTS = 1 << 16
WAIT_LIMIT_MS = 3000
"""How long a wait that returned something in the log may last."""

QUIET_MS = 20
"""How long a wait that ran out in the log is made to last: the log's time is not replayed."""

_EPOLL_CTL_DEL = 2
_IOCTLS = frozenset(
    ["FIONBIO", "FIOASYNC", "FIONREAD", "FIOCLEX", "FIONCLEX", "SIOCATMARK", "SIOCINQ", "SIOCOUTQ"]
)


class CannotReplay(Exception):
    """A call that cannot be made again; the text says why."""


@dataclass(slots=True)
class Lowered:
    """A call ready to be made: number, arguments, and what the blocks that come back are."""

    number: int
    arguments: list[Argument] = field(default_factory=list)
    outs: list[tuple[int, str]] = field(default_factory=list)


@dataclass(slots=True)
class _Context:
    """What the kinds need to know: the call, where descriptors went, what has been lowered."""

    call: Call
    descriptor: Callable[[int], int]
    made: Lowered
    patience: int = WAIT_LIMIT_MS

    def out(self, place: int, tag: str) -> None:
        self.made.outs.append((place, tag))

    def number(self, place: int) -> int:
        value = number_of(self.call.arg(place))
        if value is None:
            raise CannotReplay(f"argument {place + 1} of {self.call.name} is not in the log")
        return value


def lower(call: Call, descriptor: Callable[[int], int], patience: int = WAIT_LIMIT_MS) -> Lowered:
    """Lower `call`; `descriptor` gives the actual number of a recorded one or raises `CannotReplay`.

    `patience` is how many milliseconds a wait may last that returned something in the log.
    """
    name = canonical(call.name)
    number = syscall_number(name, MACHINE)
    if number is None:
        raise CannotReplay(f"{call.name} is not a system call of {MACHINE}")
    prototype = params(name)
    if not prototype or len(call.args) < min(len(prototype), _least(name)):
        raise CannotReplay("its arguments are not in the log")
    context = _Context(call, descriptor, Lowered(number), patience)
    for place, (value, param) in enumerate(zip(call.args, prototype, strict=False)):
        if isinstance(value, Unknown):
            raise CannotReplay(f"{param.name} is not in the log")
        context.made.arguments.append(_KINDS.get(param.kind, _plain)(context, place, value, param))
    return context.made


def _least(name: str) -> int:
    """Arguments that must be there: fcntl and ioctl have commands without an argument."""
    return 2 if name in ("fcntl", "ioctl") else len(params(name))


def _plain(context: _Context, place: int, value: Value, param: Param) -> Argument:
    return context.number(place)


def _fd(context: _Context, place: int, value: Value, param: Param) -> Argument:
    number = context.number(place)
    return context.descriptor(number) if number >= 0 else number


def _new_fd(context: _Context, place: int, value: Value, param: Param) -> Argument:
    """dup2's target: the same open file's number where it has one, else one that is out of the way."""
    number = context.number(place)
    try:
        return context.descriptor(number)
    except CannotReplay:
        return 600 + number


def _address(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return _null(value)
    endpoint = endpoint_of(value)
    if endpoint is None:
        raise CannotReplay("the address is not in the log")
    length = number_of(context.call.arg(place + 1)) or 0
    try:
        raw = pack(endpoint)
    except OSError as error:
        raise CannotReplay(f"the address {endpoint.host!r} is not one") from error
    return block(raw, max(len(raw), min(length, 256)))


def _null(value: Pointer) -> int:
    if value.address:
        raise CannotReplay("the memory of an argument is not in the log")
    return 0


def _address_out(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "address")
    return block(b"", min(max(_before(context.call.arg(place + 1)), 0), 512), 1)


def _length(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "length")
    return block(pack_number(_before(value), 4), 4, 1)


def _before(value: Value | None) -> int:
    """The number that a value-result argument had before the call."""
    if isinstance(value, Array) and len(value.items) == 1:
        return _before(value.items[0])
    if isinstance(value, Change):
        return number_of(value.before) or 0
    number = number_of(value) if not isinstance(value, Pointer) else None
    return 128 if number is None else number


def payload(value: Value, size: int) -> bytes:
    """`size` bytes (at most `LARGEST`) that begin as the log shows; what it does not show is filler."""
    known = value.data if isinstance(value, Data) else b""
    size = min(size, LARGEST)
    return known[:size] + FILLER * max(0, size - len(known))


def _buffer(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    size = context.number(place + 1)
    if size > LARGEST:
        raise CannotReplay(f"it passes {size} bytes at once")
    return block(payload(value, size))


def _buffer_out(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "data")
    return block(b"", min(max(context.number(place + 1), 0), LARGEST), 2)


def _option(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return _null(value)
    raw = pack_value(value, context.number(place + 1))
    if raw is None:
        raise CannotReplay("the value of the option cannot be rebuilt from the log")
    return block(raw)


def _option_out(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "option")
    return block(b"", min(max(_before(context.call.arg(place + 1)), 0), 4096), 1)


def _pair(context: _Context, place: int, value: Value, param: Param) -> Argument:
    context.out(place, "pair")
    return block(b"", 8, 1)


def _poll(context: _Context, place: int, value: Value, param: Param) -> Argument:
    array = value.before if isinstance(value, Change) else value
    if not isinstance(array, Array) or array.abbreviated:
        raise CannotReplay("what it waits for is not in the log")
    raw = b""
    for item in array.items:
        number = number_of(item.get("fd")) if isinstance(item, Struct) else None
        events = number_of(item.get("events")) if isinstance(item, Struct) else None
        if number is None:
            raise CannotReplay("what it waits for is not in the log")
        raw += POLLFD.pack(context.descriptor(number) if number >= 0 else number, events or 0, 0)
    context.out(place, "poll")
    return block(raw, out=1)


def _milliseconds(context: _Context, place: int, value: Value, param: Param) -> Argument:
    asked = context.number(place)
    if context.call.result == 0:
        return min(asked, QUIET_MS) if asked >= 0 else QUIET_MS
    return context.patience if asked else 0


def _event(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if number_of(context.call.arg(1)) == _EPOLL_CTL_DEL:
        return 0  # whatever the program passed is not looked at
    if isinstance(value, Pointer):
        return _null(value)
    events = number_of(value.get("events")) if isinstance(value, Struct) else None
    if events is None:
        raise CannotReplay("the event is not in the log")
    return block(EPOLL_EVENT.pack(events & 0xFFFFFFFF, user_word(value) & 0xFFFFFFFFFFFFFFFF))


def user_word(event: Value) -> int:
    """The caller's own word in an epoll_event: ``data={u32=4, u64=4}``, or ``data=0x…``."""
    data = event.get("data") if isinstance(event, Struct) else None
    if isinstance(data, Struct):
        return number_of(data.get("u64")) or number_of(data.get("u32")) or 0
    return number_of(data) or 0


def _events_out(context: _Context, place: int, value: Value, param: Param) -> Argument:
    context.out(place, "events")
    return block(b"", EPOLL_EVENT.size * min(max(context.number(place + 1), 1), MAX_EVENTS), 1)


def _command(context: _Context, place: int, value: Value, param: Param) -> Argument:
    """The argument of fcntl and ioctl: a number, or a number in memory (``[1]``)."""
    request = context.call.arg(1)
    name = request.text if isinstance(request, Symbol) else ""
    if context.call.name == "ioctl" and name not in _IOCTLS:
        raise CannotReplay(f"ioctl {name or 'of unknown name'} is not replayed")
    if isinstance(value, Array | Struct | Change | Data):
        raw = pack_value(value, 4)
        if raw is None:
            raise CannotReplay("the argument of the command cannot be rebuilt from the log")
        context.out(place, "option")
        return block(raw, 4, 1)
    if isinstance(value, Pointer):
        if value.address and name in ("FIONREAD", "SIOCINQ", "SIOCOUTQ", "SIOCATMARK"):
            context.out(place, "option")
            return block(b"", 4, 1)
        return _null(value)
    return context.number(place)


def _vector(context: _Context, place: int, value: Value, param: Param) -> Argument:
    from ptrace_net.record.replay.message import vector

    reading = param.kind == "iov_out"
    return vector(value, reading, lambda tag: context.out(place, tag))


def _message(context: _Context, place: int, value: Value, param: Param) -> Argument:
    from ptrace_net.record.replay.message import message

    reading = param.kind == "msg_out"
    return message(value, reading, context.descriptor, lambda tag: context.out(place, tag))


def _messages(context: _Context, place: int, value: Value, param: Param) -> Argument:
    from ptrace_net.record.replay.message import messages

    return messages(value, param.kind == "mmsg_out", context.descriptor, lambda tag: context.out(place, tag))


def _pointer(context: _Context, place: int, value: Value, param: Param) -> Argument:
    """Timeouts (``{tv_sec=0, tv_nsec=0}``) are shortened as the others are; signal masks are left out."""
    if param.name != "timeout" or not isinstance(value, Struct | Change):
        return 0
    wait = QUIET_MS if context.call.result == 0 else context.patience
    unit = 1_000_000 if context.call.name in ("ppoll", "pselect6", "recvmmsg") else 1000
    return block(struct.pack("=qq", wait // 1000, wait % 1000 * unit))


def _fd_set(context: _Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return _null(value)
    items = value.items if isinstance(value, Array) else ()
    numbers = [context.descriptor(number) for item in items if (number := number_of(item)) is not None]
    bits = sum(1 << number for number in set(numbers))
    context.made.arguments[0] = max([1024 if numbers else 0, context.number(0)])
    context.out(place, "set")
    return block(bits.to_bytes(128, "little"), out=1)


_KINDS: dict[str, Callable[[_Context, int, Value, Param], Argument]] = {
    "fd": _fd, "newfd": _new_fd, "addr": _address, "addr_out": _address_out, "lenp": _length, "buf": _buffer,
    "buf_out": _buffer_out, "optval": _option, "optval_out": _option_out, "fdpair": _pair, "pollfds": _poll,
    "ms": _milliseconds, "epev": _event, "epev_out": _events_out, "arg": _command, "iov": _vector,
    "iov_out": _vector, "msg": _message, "msg_out": _message, "mmsg": _messages, "mmsg_out": _messages,
    "ptr": _pointer, "fdset": _fd_set,
}  # fmt: skip
