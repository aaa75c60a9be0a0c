"""Message headers, vectors, poll sets and epoll events as C: set up before the call, checked after it."""

from dataclasses import dataclass

from ptrace_net.record.export.c_context import Context, address_text, quoted
from ptrace_net.record.headers import lengths
from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Value, number_of
from ptrace_net.record.replay.lowering import QUIET_MS, WAIT_LIMIT_MS, CannotReplay, user_word
from ptrace_net.record.replay.message import all_headers
from ptrace_net.record.signatures import Param, canonical
from ptrace_net.record.sockaddr import endpoint_of, pack


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


@dataclass(slots=True)
class _Room:
    """How much of ``vector`` and ``memory`` a call has used."""

    vectors: int = 0
    bytes: int = 0


def _fill_vector(context: Context, value: Value | None, reading: bool, room: _Room, message: int = -1) -> int:
    """Fill ``vector``, for one of several messages or for the whole call; the number of its elements."""
    items = value.items if isinstance(value, Array) else ()
    context.need("VECTOR", room.vectors + len(items))
    for index, item in enumerate(items):
        at = room.bytes
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
        elif context.succeeds and known and message >= 0:
            context.made.after.append(f"same_piece({message}, {at}, {quoted(known)}, {len(known)});")
        elif context.succeeds and known and index == 0:
            context.made.after.append(f"same_bytes({quoted(known)}, {len(known)});")
        context.made.before.append(f"vector[{room.vectors}] = (struct iovec){{{area}, {size}}};")
        room.vectors += 1
        room.bytes += size
    return len(items)


def _vector(context: Context, place: int, value: Value, param: Param) -> str:
    _fill_vector(context, value, param.kind == "iov_out", _Room())
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
    count = _fill_vector(context, value.get("msg_iov"), param.kind == "msg_out", _Room())
    context.made.before.append(f"message.msg_iov = vector; message.msg_iovlen = {count};")
    return "&message"


def _messages(context: Context, place: int, value: Value, param: Param) -> str:
    reading, room, before = param.kind == "mmsg_out", _Room(), context.made.before
    inner = all_headers(value, context.number(place + 1), reading)
    context.need("MESSAGES", len(inner))
    before.append("memset(messages, 0, sizeof messages);")
    for index, header in enumerate(inner):
        if isinstance(header.get("msg_control"), Array):
            raise CannotReplay("control messages are not exported")
        endpoint, hdr = endpoint_of(header.get("msg_name")), f"messages[{index}].msg_hdr"
        if endpoint is not None:
            size = f"sizeof names[{index}]" if reading else str(len(pack(endpoint)))
            if not reading:
                before.append(f"memcpy(&names[{index}], {address_text(context, endpoint)}, {size});")
            before.append(f"{hdr}.msg_name = &names[{index}]; {hdr}.msg_namelen = {size};")
        before.append(f"{hdr}.msg_iov = vector + {room.vectors};")
        count = _fill_vector(context, header.get("msg_iov"), reading, room, index)
        before.append(f"{hdr}.msg_iovlen = {count};")
    if context.succeeds:
        sizes = enumerate(lengths(context.call))
        context.made.after += [f"same_length({index}, {size});" for index, size in sizes]
    return "messages"


def _timeout(context: Context, place: int, value: Value, param: Param) -> str:
    if param.name != "timeout" or not isinstance(value, Struct | Change):
        return "NULL"
    wait = QUIET_MS if context.call.result == 0 else WAIT_LIMIT_MS
    if canonical(context.call.name) == "select":
        return f"&(struct timeval){{{wait // 1000}, {wait % 1000 * 1000}}}"
    return f"&(struct timespec){{{wait // 1000}, {wait % 1000 * 1000000}}}"


KINDS = {
    "pollfds": _poll, "ms": _milliseconds, "epev": _event, "epev_out": _events_out, "iov": _vector,
    "iov_out": _vector, "msg": _message, "msg_out": _message, "mmsg": _messages, "mmsg_out": _messages,
    "ptr": _timeout,
}  # fmt: skip
