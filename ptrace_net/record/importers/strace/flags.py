"""Values as the text that stands among flags: ``A|B|0x4``, ``A<<3``, ``[RTMIN RT_1]``."""

from ptrace_net.record.importers.strace.literals import parse_number
from ptrace_net.record.model import Array, Data, Pointer, Symbol, Unknown, Value, number_of
from ptrace_net.record.names import constant


def token(word: str) -> Value:
    """An element of a set: a number or a name."""
    return parse_number(word) if word.isdigit() else Symbol(word, constant(word))


def plain(value: Value) -> str:
    """A value as text among flags."""
    match value:
        case Symbol(text=text) | Unknown(text=text):
            return text
        case Data(data=data):
            return repr(data.decode("latin-1"))
        case Pointer(address):
            return hex(address) if address else "NULL"
        case Array(items=items):
            return f"[{' '.join(plain(item) for item in items)}]"
        case int():
            return str(value)
        case _:
            return "..."  # structures do not stand among flags


def joined(left: int | None, right: Value, shift: bool) -> int | None:
    """Two numbers OR-ed, or shifted; None where either is not known."""
    number = number_of(right)
    if left is None or number is None:
        return None
    if not shift:
        return left | number
    return left << number if 0 <= number < 64 else None
