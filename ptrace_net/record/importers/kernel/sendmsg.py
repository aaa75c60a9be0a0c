"""The lines that Starry's sendmsg logs: header, vector, the bytes that TCP sent, how many and where to.

They stand alone where the kernel logs errors only; together they are one ``sendmsg`` with its message header.
"""

import re
from collections.abc import Callable

from ptrace_net.record.importers.kernel.endpoint import parse_endpoint
from ptrace_net.record.importers.kernel.facts import Fact
from ptrace_net.record.importers.strace.literals import decimal, parse_number
from ptrace_net.record.model import Array, Data, Pointer, Struct, Value
from ptrace_net.record.names import spell
from ptrace_net.record.sockaddr import endpoint_of

_FIELD = re.compile(r"(\w+): (0x[0-9a-fA-F]+|\d+)")
_FIELDS = {"name": "msg_name", "name_len": "msg_namelen", "iovec_len": "msg_iovlen", "control": "msg_control",
           "control_len": "msg_controllen", "flags": "msg_flags"}  # fmt: skip


def _header(text: str) -> Struct:
    """The fields of a MessageHeader that are in `text`, under the names of struct msghdr."""
    fields: list[tuple[str, Value]] = []
    for key, number in _FIELD.findall(text):
        if key in _FIELDS:
            pointer = key in ("name", "control")
            fields.append((_FIELDS[key], Pointer(parse_number(number)) if pointer else parse_number(number)))
    return Struct(tuple(fields), abbreviated="}" not in text)


def _vector(data: Data) -> Struct:
    length: tuple[tuple[str, Value], ...] = (("iov_len", data.total),) if data.total is not None else ()
    return Struct((("msg_iov", Array((Struct((("iov_base", data), *length)),))),))


def _message(base: Fact, *values: tuple[int, Value]) -> Fact:
    return base._replace(kind="detail", name="sendmsg", values=values, text="")


def _begin(base: Fact, found: re.Match[str]) -> Fact:
    values: list[tuple[int, Value]] = [(0, decimal(found[1]))]
    if "MessageHeader" in found[2]:
        values.append((1, _header(found[2])))
    elif flags := re.search(r"flags: (\d+)", found[2]):
        values.append((2, spell("msgflags", decimal(flags[1]))))
    return _message(base, *values)


def _name(base: Fact, found: re.Match[str]) -> Fact:
    return _message(base, (1, _header(found[0])))


def _iovec(base: Fact, found: re.Match[str]) -> Fact:
    return _message(base, (1, _vector(Data(b"", decimal(found[1])))))


def _bytes(base: Fact, found: re.Match[str]) -> Fact:
    numbers = [decimal(word) for word in found[1].split(",") if word.strip().isdigit()]
    if not found[2] and numbers and found[1].rstrip()[-1:].isdigit():
        numbers.pop()  # a number at the cut may have lost digits
    data = bytes(number for number in numbers if number < 256)
    return _message(base, (1, _vector(Data(data, len(data) if found[2] else None))))


def _sent(base: Fact, found: re.Match[str]) -> Fact:
    to = endpoint_of(parse_endpoint(found[3]))
    done = _message(base, (0, decimal(found[1])))
    return done._replace(
        result=decimal(found[2]), closes=True, text=f"sent to {to}" if to else f"sent to {found[3]}"
    )


SENDMSG: tuple[tuple[re.Pattern[str], Callable[[Fact, re.Match[str]], Fact]], ...] = (
    (re.compile(r"\[sendmsg\(\)\] socket (\d+) sent (\d+) bytes to addr (.*)"), _sent),
    (re.compile(r"sendmsg fd: (\d+), (.*)"), _begin),
    (re.compile(r"e?ndmsg message_hdr iovec\.base: 0x[0-9a-fA-F]+, iovec_len: (\d+)"), _iovec),
    (re.compile(r"e?ndmsg message_hdr (?:name|iovec): .*"), _name),
    (re.compile(r"tcp send: \[([\d, ]*)(\])?"), _bytes),
)
