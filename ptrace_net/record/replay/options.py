"""Option values and other small structures between decoded fields and bytes.

strace decodes an option's value into numbers, text and named fields; the length that the program passed
says how wide a number is. That is enough for every option whose fields are of one width (linger, timeval,
ucred, mreq); what is not is not guessed but reported as not replayable.
"""

import socket
import sys

from ptrace_net.record.model import Array, Change, Data, Pointer, Struct, Symbol, Value, number_of


def pack_value(value: Value, size: int) -> bytes | None:
    """The bytes of a decoded value that takes `size` bytes in memory; None where it cannot be told."""
    match value:
        case Data(data, _):
            return (_address(data, size) or data + bytes(size))[:size]
        case Array(items=(only,)):
            return pack_value(only, size)
        case Array(items=items, abbreviated=False) if items and size % len(items) == 0:
            return _joined(list(items), size)
        case Struct(fields=fields, abbreviated=False) if fields and size % len(fields) == 0:
            return _joined([inner for _, inner in fields], size)
        case int() | Symbol():
            number = number_of(value)
            return None if number is None or size not in (1, 2, 4, 8) else pack_number(number, size)
        case Change(before=before):
            return pack_value(before, size)
        case _:
            return None


def _joined(values: list[Value], size: int) -> bytes | None:
    parts = [pack_value(value, size // len(values)) for value in values]
    return None if None in parts else b"".join(part for part in parts if part is not None)


def _address(data: bytes, size: int) -> bytes | None:
    """The bytes of an address given as text, where it is one and fits."""
    for family, length in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        if size == length:
            try:
                return socket.inet_pton(family, data.decode("ascii"))
            except (OSError, ValueError):  # not an address, not ASCII, a NUL in it
                return None
    return None


def pack_number(number: int, size: int) -> bytes:
    """`number` in `size` bytes of this machine's order; what does not fit is cut, as C does."""
    return (number & ((1 << 8 * size) - 1)).to_bytes(size, sys.byteorder)


def unpack_like(value: Value, raw: bytes) -> Value:
    """`raw` decoded in the shape that `value` has in the log."""
    match value:
        case Struct(fields, _) if fields and len(raw) % len(fields) == 0:
            width = len(raw) // len(fields)
            return Struct(tuple((name, _number(raw[place * width : (place + 1) * width], inner))
                                for place, (name, inner) in enumerate(fields)))  # fmt: skip
        case Data():
            return Data(raw, len(raw))
        case Array(items=(_, _, *_) as items, abbreviated=False) if len(raw) % len(items) == 0:
            width = len(raw) // len(items)
            return Array(
                tuple(_number(raw[place * width : (place + 1) * width], 0) for place in range(len(items)))
            )
        case Pointer():
            return value
        case _:
            return Array((_number(raw, 0),)) if 0 < len(raw) <= 8 else Data(raw, len(raw))


def _number(raw: bytes, like: Value) -> Value:
    if isinstance(like, Data):
        return Data(raw, len(raw))
    return int.from_bytes(raw, sys.byteorder, signed=True)
