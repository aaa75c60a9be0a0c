"""ArceOS's and Starry's logs: ``[ 22.749620 0:12 linux_syscall_api::syscall:12] [syscall] id = SOCKET, …``.

The frame is time, CPU, task and module. Entry lines have the call's name and six registers, result lines
its number; between them modules tell more (the endpoint of a bind, an option that is not supported).
Programs write to the same console, so a frame may begin in the middle of a line, and two may share one.
Notes that were typed off screens have blanks for underscores and full stops for colons; the patterns
allow for that.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from ptrace_net.record.importers.kernel.endpoint import parse_endpoint
from ptrace_net.record.importers.kernel.facts import Assembler, Fact, FactKind
from ptrace_net.record.importers.kernel.raw import call_name, decode
from ptrace_net.record.importers.kernel.sendmsg import SENDMSG
from ptrace_net.record.importers.strace.literals import decimal
from ptrace_net.record.model import Log, Source, Symbol, Unknown, Value
from ptrace_net.record.names import constant, spell

_FRAME = re.compile(r"\[\s*(\d{1,12}\.\d{3,9})\]?\s+(\d+)[:.](\d+)\s+([A-Za-z_][^\[\]{}]{2,90}?)\]\s?")
_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_ENTRY = re.compile(r"\[syscall\] id = (\w+), args = \[([\d, ]*)\], ?entry")
_RESULT = re.compile(r"\[syscall\] id = (\w+),(?: args = \[[\d, ]*\],)? ?return (-?\d+)")
_UNWRAP = re.compile(r"^called .?Result::unwrap\(\).? on an .?Err.? value")
_PANIC = re.compile(r"panicked at (.*)")


def looks_like(line: str) -> bool:
    """Whether `line` has a frame of ArceOS."""
    return bool(_FRAME.search(line))


def read(name: str, lines: Iterable[str]) -> Log:
    """Read a console log of ArceOS or Starry."""
    return Assembler(name, "arceos").run(facts(name, lines))


def facts(name: str, lines: Iterable[str]) -> Iterator[Fact]:
    """What the lines say, in order."""
    for number, raw in enumerate(lines, 1):
        text = _COLOUR.sub("", raw.rstrip("\r\n"))
        frames = list(_FRAME.finditer(text))
        before = text[: frames[0].start()] if frames else text
        if before.strip():
            kind: FactKind = "panic" if _UNWRAP.search(before) else "output"
            yield Fact(kind, 0, Source(name, number, 1), text=before.strip())
        ends = [*(frame.start() for frame in frames[1:]), len(text)][: len(frames)]
        for frame, end in zip(frames, ends, strict=True):
            yield _fact(frame, text[frame.end() : end].strip(), Source(name, number, frame.start() + 1))


def _fact(frame: re.Match[str], message: str, source: Source) -> Fact:
    base = Fact("note", decimal(frame[3]), source, float(frame[1]), text=message)
    for pattern, make in _MESSAGES:
        if found := pattern.search(message):
            return make(base, found)
    return base


def _entry(base: Fact, found: re.Match[str]) -> Fact:
    name = call_name(found[1])
    registers = [decimal(word) for word in re.findall(r"\d+", found[2])]
    return base._replace(kind="entry", name=name, values=tuple(enumerate(decode(name, registers))), text="")


def _result(base: Fact, found: re.Match[str]) -> Fact:
    return base._replace(kind="result", name=call_name(found[1]), result=decimal(found[2]), text="")


def _panic(base: Fact, found: re.Match[str]) -> Fact:
    return base._replace(kind="panic", text=found[1])


def _address(name: str, place: int) -> Callable[[Fact, re.Match[str]], Fact]:
    def make(base: Fact, found: re.Match[str]) -> Fact:
        return base._replace(
            kind="detail", name=name, values=((0, decimal(found[1])), (place, parse_endpoint(found[2])))
        )

    return make


def _option(base: Fact, found: re.Match[str]) -> Fact:
    """``option 15 not supported in Socket level``: the level is a word, the option a number."""
    level = {"socket": 1, "ipv6": 41, "ip": 0, "tcp": 6, "udp": 17}.get(found[2].lower(), -1)
    values: list[tuple[int, Value]] = [(1, spell("level", level))] if level >= 0 else []
    return _detail(base, "setsockopt", [*values, (2, spell("optname", decimal(found[1]), level))])


def _detail(base: Fact, name: str, values: list[tuple[int, Value]]) -> Fact:
    return base._replace(kind="detail", name=name, values=tuple(values))


def _registers(base: Fact, found: re.Match[str]) -> Fact:
    """``syscall_mount dev: [1073741345, …]``: a module that prints its registers itself."""
    return _entry(base, found)._replace(kind="detail")


def _level(base: Fact, found: re.Match[str]) -> Fact:
    return _detail(base, "setsockopt", [(1, spell("level", decimal(found[1])))])


def _family(base: Fact, found: re.Match[str]) -> Fact:
    return _detail(base, "socket", [(0, spell("domain", decimal(found[1])))])


def _type(base: Fact, found: re.Match[str]) -> Fact:
    number = constant(found[1])
    return _detail(base, "socket", [(1, Symbol(found[1], number) if number else Unknown(found[1]))])


_Maker = Callable[[Fact, re.Match[str]], Fact]
_MESSAGES: tuple[tuple[re.Pattern[str], _Maker], ...] = (
    (_ENTRY, _entry),
    (_RESULT, _result),
    (_PANIC, _panic),
    (re.compile(r"\[bind\(\)\] binding socket (\d+) to (Endpoint.*)"), _address("bind", 1)),
    (re.compile(r"\[connect\(\)\] socket (\d+) connecting to (Endpoint.*)"), _address("connect", 1)),
    (re.compile(r"\[setsockopt\(\)\] option (\d+) not supported in (\w+) level"), _option),
    (re.compile(r"^syscall_(\w+) \w+: \[([\d, ]+)\]"), _registers),
    (re.compile(r"\[setsockopt\(\)\] level (\d+) not supported"), _level),
    (re.compile(r"\[socket\(\)\] Address Family not supported: (\d+)"), _family),
    (re.compile(r"unimplemented SocketType: (\w+)"), _type),
    *SENDMSG,
)
