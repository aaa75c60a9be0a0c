"""Which descriptor numbers a call names: arguments, sets it waits for, control messages."""

from ptrace_net.record.model import Array, Call, Change, Struct, Value, number_of
from ptrace_net.record.signatures import params


def descriptors(call: Call) -> list[int]:
    """The descriptor numbers that a call names, in the order of its arguments, each once."""
    found: list[int] = []
    for value, param in zip(call.args, params(call.name), strict=False):
        if param.kind == "fd" and (number := number_of(value)) is not None:
            found.append(number)
        elif param.kind == "pollfds":
            found.extend(poll_descriptors(value))
        elif param.kind == "fdset" and isinstance(value, Array):
            found.extend(number for item in value.items if (number := number_of(item)) is not None)
    return list(dict.fromkeys(found))


def poll_descriptors(value: Value) -> list[int]:
    """The descriptors in the pollfd array of poll(2)."""
    array = value.before if isinstance(value, Change) else value
    if not isinstance(array, Array):
        return []
    numbers = (number_of(item.get("fd")) for item in array.items if isinstance(item, Struct))
    return [number for number in numbers if number is not None]


def passed(call: Call) -> list[int]:
    """The descriptors in the SCM_RIGHTS control messages of a sendmsg or recvmsg."""
    header = call.arg(1)
    control = header.get("msg_control") if isinstance(header, Struct) else None
    found: list[int] = []
    for message in control.items if isinstance(control, Array) else ():
        if isinstance(message, Struct) and number_of(message.get("cmsg_type")) == 1:
            data = message.get("cmsg_data")
            found.extend(number for item in (data.items if isinstance(data, Array) else ())
                         if (number := number_of(item)) is not None)  # fmt: skip
    return found
