"""The messages of a call: of sendmsg and recvmsg one header, of sendmmsg and recvmmsg an array of them."""

from ptrace_net.record.model import Array, Call, Struct, Value, number_of
from ptrace_net.record.signatures import canonical


def headers(value: Value | None) -> list[Struct]:
    """The message headers in an argument."""
    if isinstance(value, Struct):
        return [value]
    items = value.items if isinstance(value, Array) else ()
    inner = (item.get("msg_hdr") for item in items if isinstance(item, Struct))
    return [header for header in inner if isinstance(header, Struct)]


def is_several(call: Call) -> bool:
    """Whether the call passes an array of messages, and returns how many it has moved."""
    return canonical(call.name) in ("sendmmsg", "recvmmsg")


def lengths(call: Call) -> list[int]:
    """How many bytes each message had that such a call has moved."""
    value = call.arg(1)
    items = value.items if isinstance(value, Array) else ()
    moved = items[: max(call.result or 0, 0)]
    return [number_of(item.get("msg_len")) or 0 for item in moved if isinstance(item, Struct)]


def moved(call: Call) -> int:
    """How many bytes a sending or receiving call has moved."""
    return sum(lengths(call)) if is_several(call) else call.result or 0
