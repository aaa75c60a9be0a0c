"""Lowering numbers, descriptors, addresses, buffers, options and commands."""

from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Value, number_of
from ptrace_net.record.replay.lowering import (
    LARGEST,
    CannotReplay,
    Context,
    Kind,
    before_call,
    null_only,
    payload,
)
from ptrace_net.record.replay.message import message, messages, vector
from ptrace_net.record.replay.options import pack_number, pack_value
from ptrace_net.record.replay.wire import Argument, block
from ptrace_net.record.signatures import Param, words
from ptrace_net.record.sockaddr import endpoint_of, pack

_IOCTLS = words("FIONBIO FIOASYNC FIONREAD FIOCLEX FIONCLEX SIOCATMARK SIOCINQ SIOCOUTQ")


def plain(context: Context, place: int, value: Value, param: Param) -> Argument:
    return context.number(place)


def _fd(context: Context, place: int, value: Value, param: Param) -> Argument:
    number = context.number(place)
    return context.descriptor(number) if number >= 0 else number


def _new_fd(context: Context, place: int, value: Value, param: Param) -> Argument:
    """dup2's target: the same open file's number where it has one, else one that is out of the way."""
    number = context.number(place)
    try:
        return context.descriptor(number)
    except CannotReplay:
        return 600 + number


def _address(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return null_only(value)
    endpoint = endpoint_of(value)
    if endpoint is None:
        raise CannotReplay("the address is not in the log")
    length = number_of(context.call.arg(place + 1)) or 0
    try:
        raw = pack(endpoint)
    except OSError as error:
        raise CannotReplay(f"the address {endpoint.host!r} is not one") from error
    return block(raw, max(len(raw), min(length, 256)))


def _address_out(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "address")
    return block(b"", min(max(before_call(context.call.arg(place + 1)), 0), 512), 1)


def _length(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "length")
    return block(pack_number(before_call(value), 4), 4, 1)


def _buffer(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    size = context.number(place + 1)
    if size > LARGEST:
        raise CannotReplay(f"it passes {size} bytes at once")
    return block(payload(value, size))


def _buffer_out(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "data")
    return block(b"", min(max(context.number(place + 1), 0), LARGEST), 2)


def _option(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer):
        return null_only(value)
    raw = pack_value(value, context.number(place + 1))
    if raw is None:
        raise CannotReplay("the value of the option cannot be rebuilt from the log")
    return block(raw)


def _option_out(context: Context, place: int, value: Value, param: Param) -> Argument:
    if isinstance(value, Pointer) and value.address == 0:
        return 0
    context.out(place, "option")
    return block(b"", min(max(before_call(context.call.arg(place + 1)), 0), 4096), 1)


def _pair(context: Context, place: int, value: Value, param: Param) -> Argument:
    context.out(place, "pair")
    return block(b"", 8, 1)


def _command(context: Context, place: int, value: Value, param: Param) -> Argument:
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
        return null_only(value)
    return context.number(place)


def _vector(context: Context, place: int, value: Value, param: Param) -> Argument:
    reading = param.kind == "iov_out"
    return vector(value, reading, lambda tag: context.out(place, tag))


def _message(context: Context, place: int, value: Value, param: Param) -> Argument:
    reading = param.kind == "msg_out"
    return message(value, reading, context.descriptor, lambda tag: context.out(place, tag))


def _messages(context: Context, place: int, value: Value, param: Param) -> Argument:
    count, reading = context.number(place + 1), param.kind == "mmsg_out"
    return messages(value, count, reading, context.descriptor, lambda tag: context.out(place, tag))


KINDS: dict[str, Kind] = {
    "fd": _fd, "newfd": _new_fd, "addr": _address, "addr_out": _address_out, "lenp": _length, "buf": _buffer,
    "buf_out": _buffer_out, "optval": _option, "optval_out": _option_out, "fdpair": _pair, "arg": _command,
    "iov": _vector, "iov_out": _vector, "msg": _message, "msg_out": _message, "mmsg": _messages,
    "mmsg_out": _messages,
}  # fmt: skip
