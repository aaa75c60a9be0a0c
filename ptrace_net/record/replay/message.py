"""struct msghdr and struct iovec for a replay: built from what the log shows of them.

sendmsg gives name, vector and control messages; recvmsg gives room: as much as the log says the program
had. Of control messages only SCM_RIGHTS is rebuilt, with the replay's own descriptors.
"""

import struct
from collections.abc import Callable
from typing import Any

from ptrace_net.record.headers import headers
from ptrace_net.record.model import Array, Data, Pointer, Struct, Value, number_of
from ptrace_net.record.replay.lowering import FILLER, LARGEST, CannotReplay
from ptrace_net.record.replay.wire import Argument, block
from ptrace_net.record.sockaddr import endpoint_of, pack

_WORD = 8
_CONTROL_ROOM = 256
_NAME_ROOM = 128
_MMSGHDR, _MOST = 64, 1024
_ROOM = Struct((("msg_iov", Array((Struct((("iov_base", Data(b"")), ("iov_len", 1 << 16))),))),))
"""For a message that did not come."""


def _data(value: Value | None) -> tuple[bytes, int | None]:
    return (value.data, value.total) if isinstance(value, Data) else (b"", None)


def vector(value: Value, reading: bool, out: Callable[[str], None]) -> Argument:
    """An array of struct iovec; `out` is told of each buffer that comes back."""
    refs: list[list[Any]] = []
    raw = b""
    items = value.items if isinstance(value, Array) else ()
    for place, item in enumerate(items):
        base = item.get("iov_base") if isinstance(item, Struct) else None
        length = number_of(item.get("iov_len")) if isinstance(item, Struct) else None
        known, total = _data(base)
        size = min(max(length if length is not None else total or len(known), 0), LARGEST)
        if reading:
            out("piece")
            refs.append([place * 2 * _WORD, block(b"", size, 1)])
        else:
            refs.append([place * 2 * _WORD, block(known[:size] + FILLER * max(0, size - len(known)))])
        raw += struct.pack("=qQ", 0, size)
    return block(raw, refs=refs)


def header(
    value: Value, reading: bool, descriptor: Callable[[int], int], out: Callable[[str], None]
) -> tuple[bytes, list[list[Any]]]:
    """The bytes of a msghdr without its pointers, and the pointers."""
    if not isinstance(value, Struct):
        raise CannotReplay("the message header is not in the log")
    refs: list[list[Any]] = []
    name_size = _name(value, reading, refs, out)
    items = value.get("msg_iov")
    refs.append([16, vector(items if items is not None else Array(()), reading, out)])
    count = len(items.items) if isinstance(items, Array) else 0
    control_size = _control(value, reading, refs, descriptor, out)
    return struct.pack("=qIxxxxqQqQixxxx", 0, name_size, 0, count, 0, control_size, 0), refs


def _name(value: Struct, reading: bool, refs: list[list[Any]], out: Callable[[str], None]) -> int:
    name = value.get("msg_name")
    if name is None or (isinstance(name, Pointer) and name.address == 0):
        return 0
    if reading:
        out("name")
        refs.append([0, block(b"", _NAME_ROOM, 1)])
        return _NAME_ROOM
    endpoint = endpoint_of(name)
    raw = pack(endpoint) if endpoint else b""
    refs.append([0, block(raw)])
    return len(raw)


def _control(
    value: Struct,
    reading: bool,
    refs: list[list[Any]],
    descriptor: Callable[[int], int],
    out: Callable[[str], None],
) -> int:
    control = value.get("msg_control")
    if reading:
        if not number_of(value.get("msg_controllen")) and not isinstance(control, Array):
            return 0
        out("control")
        refs.append([32, block(b"", _CONTROL_ROOM, 1)])
        return _CONTROL_ROOM
    raw = b"".join(
        _rights(item, descriptor) for item in (control.items if isinstance(control, Array) else ())
    )
    if raw:
        refs.append([32, block(raw)])
    return len(raw)


def _rights(item: Value, descriptor: Callable[[int], int]) -> bytes:
    """One SCM_RIGHTS control message."""
    kind, data = (item.get("cmsg_type"), item.get("cmsg_data")) if isinstance(item, Struct) else (None, None)
    if number_of(kind) != 1 or not isinstance(data, Array):
        return b""
    numbers = [descriptor(number) for each in data.items if (number := number_of(each)) is not None]
    body = struct.pack(f"={len(numbers)}i", *numbers)
    raw = struct.pack("=Qii", 16 + len(body), 1, 1) + body
    return raw + bytes(-len(raw) % 8)


def message(
    value: Value, reading: bool, descriptor: Callable[[int], int], out: Callable[[str], None]
) -> Argument:
    """A struct msghdr with everything that it points to."""
    if reading:
        out("header")
    raw, refs = header(value, reading, descriptor, out)
    return block(raw, out=int(reading), refs=refs)


def all_headers(value: Value, count: int, reading: bool) -> list[Struct]:
    """The headers of an array of ``count`` messages; logs do not have those of messages that did not come."""
    known, count = headers(value)[: max(count, 0)], min(max(count, 0), _MOST)
    if len(known) < count and not reading:
        raise CannotReplay("some of its messages are not in the log")
    return known + [_ROOM] * (count - len(known))


def messages(
    value: Value, count: int, reading: bool, descriptor: Callable[[int], int], out: Callable[[str], None]
) -> Argument:
    """An array of ``count`` struct mmsghdr: a msghdr and a length each. What comes back of a message has its
    number before the tag.
    """
    raw, refs = b"", []
    if reading:
        out("headers")
    for place, inner in enumerate(all_headers(value, count, reading)):

        def numbered(tag: str, place: int = place) -> None:
            out(f"{place}:{tag}")

        head, pointers = header(inner, reading, descriptor, numbered)
        refs += [[place * _MMSGHDR + offset, argument] for offset, argument in pointers]
        raw += head + struct.pack("=Ixxxx", 0)
    return block(raw, out=int(reading), refs=refs)
