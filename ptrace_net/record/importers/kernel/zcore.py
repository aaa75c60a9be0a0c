"""zCore's logs: ``[  1.234567 INFO  0 0:0 linux_syscall::net] sys_socket: domain:2, type:1, protocol:0``.

The frame is time (seconds, or a date in the libos), level, CPU, pid:tid and target; colours are removed.
A call logs its arguments by name (``sys_connect: sockfd:3, addr:0x…, addrlen:16``) and later its result
as Rust prints it: ``<= Ok(3)`` or ``<= Err(EAFNOSUPPORT)``. zCore prints 0:0 for every task, so
interleaved tasks cannot be told apart.
"""

import re
from collections.abc import Iterable, Iterator

from ptrace_net.record.importers.kernel.endpoint import parse_endpoint
from ptrace_net.record.importers.kernel.facts import Assembler, Fact
from ptrace_net.record.importers.kernel.raw import decode
from ptrace_net.record.importers.strace.literals import decimal, parse_number
from ptrace_net.record.model import Log, Source, Unknown, Value
from ptrace_net.record.names import errno_number
from ptrace_net.record.signatures import canonical, params

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_FRAME = re.compile(
    r"\[\s*(?:(\d{1,12}\.\d{1,9})|\d{4}-\d\d-\d\d (\d\d):(\d\d):(\d\d\.\d+)) (ERROR|WARN|INFO|DEBUG|TRACE)\s+"
    r"(\d+) (\d+):(\d+) ([\w:]+)\]\s?(.*)"
)
_CALL = re.compile(
    r"^(?:sys_(\w+)|(close|dup2?|dup3|pipe2|openat|read|write|fcntl|ioctl|poll|epoll_\w+)): (.*)"
)
_RESULT = re.compile(r"^<= (?:Ok\((-?\d+)\)|Err\((\w+)\))")
_FIELD = re.compile(r"(\w+)\s*[:=]\s*(?:FileDesc\()?(0x[0-9a-fA-F]+|-?\d+|NULL)")
_NAMES = {
    "domain": "family",
    "_type": "type",
    "socket_type": "type",
    "sockfd": "fd",
    "buffer": "buf",
    "length": "len",
    "howto": "how",
    "base": "buf",
    "src_addr": "addr",
    "dest_addr": "addr",
}
_PANIC = re.compile(r"panicked at (.*)|unknown syscall: (\w+)")


def looks_like(line: str) -> bool:
    """Whether `line` has zCore's frame or is the body of one of its system call lines."""
    text = _COLOUR.sub("", line)
    return bool(_FRAME.search(text) or re.match(r"sys_\w+: \w+:", text))


def read(name: str, lines: Iterable[str]) -> Log:
    """Read a console log of zCore."""
    return Assembler(name, "zcore").run(facts(name, lines))


def facts(name: str, lines: Iterable[str]) -> Iterator[Fact]:
    """What the lines say, in order; lines without a frame that begin with ``sys_`` count as well."""
    for number, raw in enumerate(lines, 1):
        text = _COLOUR.sub("", raw.rstrip("\r\n"))
        frame = _FRAME.search(text)
        if frame:
            yield _fact(
                frame[10].strip(), decimal(frame[8]), Source(name, number, frame.start() + 1), _time(frame)
            )
        elif _CALL.match(text.strip()) or _RESULT.match(text.strip()):
            yield _fact(text.strip(), 0, Source(name, number, 1), None)
        elif text.strip():
            yield Fact("output", 0, Source(name, number, 1), text=text.strip())


def _time(frame: re.Match[str]) -> float:
    return (
        float(frame[1]) if frame[1] else decimal(frame[2]) * 3600 + decimal(frame[3]) * 60 + float(frame[4])
    )


def _fact(message: str, task: int, source: Source, time: float | None) -> Fact:
    base = Fact("note", task, source, time, text=message)
    if found := _RESULT.match(message):
        number = errno_number(found[2]) if found[2] else None
        result = decimal(found[1]) if found[1] else -number if number else None
        return base._replace(kind="result", result=result, text="" if result is not None else found[2] or "")
    if found := _CALL.match(message):
        return _call(base, canonical(found[1] or found[2]), found[3])
    if found := _PANIC.match(message):
        return base._replace(kind="panic", text=message)
    return base


def _call(base: Fact, name: str, body: str) -> Fact:
    """Arguments by their names; zCore's names differ a little from the man pages'."""
    given = {_NAMES.get(key, key): text for key, text in _FIELD.findall(body)}
    prototype = params(name)
    numbers = [_number(given.get(param.name)) for param in prototype]
    decoded = decode(name, [number or 0 for number in numbers])
    values: list[tuple[int, Value]] = [
        (place, value if number is not None else Unknown("", "not in the log"))
        for place, (value, number) in enumerate(zip(decoded, numbers, strict=True))
    ]
    if name in ("bind", "connect") and "bind to" in body:
        address = parse_endpoint(body)
        known = not isinstance(address, Unknown)
        return base._replace(
            kind="detail" if known else "note", name=name, values=((1, address),) if known else ()
        )
    return base._replace(kind="entry", name=name, values=tuple(values), text="")


def _number(text: str | None) -> int | None:
    return None if text is None else 0 if text == "NULL" else parse_number(text)
