"""Asterinas's logs: ``[    12.345] Info  : [pid=5][tid=5][id=41][SYS_SOCKET]`` and what follows it.

The entry line names the task and the call; the next lines tell the arguments as Rust prints them
(``domain = AF_INET6, sock_type = SOCK_STREAM``), an error says ``syscall return error: Error { errno:
EAFNOSUPPORT, … }``. Successful results are not logged: such a call has no result here, which is not the
same as 0. Detail lines do not name their task; they belong to the call whose entry came last.
"""

import re
from collections.abc import Iterable, Iterator

from ptrace_net.record.importers.kernel.facts import Assembler, Fact
from ptrace_net.record.importers.strace.literals import decimal, parse_number
from ptrace_net.record.model import Log, Pointer, Source, Symbol, Unknown, Value
from ptrace_net.record.names import constant, errno_number, spell
from ptrace_net.record.signatures import canonical, params
from ptrace_net.record.sockaddr import AF_INET, AF_INET6, AF_UNIX, Endpoint, struct_of

_COLOUR = re.compile(r"\x1b\[[\d;]*m")
_FRAME = re.compile(r"\[\s*(\d{1,12}\.\d{1,9})\]\s+(\w+)\s*:\s+(.*)")
_ENTRY = re.compile(
    r"\[pid=(\d+)\]\[tid=(\d+)\]\[id=(\d+)\]\[(?:SYS_)?(\w+)\]|\[SYSCALL\]\[id=(\d+)\]\[SYS_(\w+)\]"
)
_ERROR = re.compile(r"syscall return error: Error \{ errno: (\w+)(?:, msg: (?:Some\(\"(.*?)\"\)|None))?")
_PAIR = re.compile(r"(\w+) = (Some\(.*?\)\)|Some\([^()]*\)|[A-Z]\w*\((?:[^()]|\([^()]*\))*\)|[^,]+)")
_ADDRESS = re.compile(r"(IPv[46]|Unix)\((.*)\)")
_NAMES = {
    "domain": "family",
    "sock_type": "type",
    "sockfd": "fd",
    "raw_fd": "fd",
    "socket_addr": "addr",
    "cmd": "how",
    "sockaddr_ptr": "addr",
    "addrlen_ptr": "addrlen",
    "src_addr": "addr",
    "user_msghdr": "msg",
    "raw_ioctl": "request",
}
_UNKNOWN = re.compile(r"Unimplemented syscall number: (\d+)|Unsupported syscall")


def looks_like(line: str) -> bool:
    """Whether `line` is an entry line of Asterinas."""
    return bool(_ENTRY.search(line))


def read(name: str, lines: Iterable[str]) -> Log:
    """Read a console log of Asterinas."""
    return Assembler(name, "asterinas").run(facts(name, lines))


def facts(name: str, lines: Iterable[str]) -> Iterator[Fact]:
    """What the lines say, in order."""
    task, call = 0, ""
    for number, raw in enumerate(lines, 1):
        text = _COLOUR.sub("", raw.rstrip("\r\n"))
        frame = _FRAME.search(text)
        if not frame:
            if text.strip():
                yield _unframed(text.strip(), task, Source(name, number, 1))
            continue
        base = Fact("note", task, Source(name, number, frame.start() + 1), float(frame[1]), text=frame[3])
        if found := _ENTRY.search(frame[3]):
            task, call = decimal(found[2] or "0"), canonical((found[4] or found[6]).lower())
            yield base._replace(kind="entry", task=task, name=call, text="")
        else:
            yield _detail(base, call)


def _unframed(text: str, task: int, source: Source) -> Fact:
    panic = "panicked at" in text or "Uncaught panic" in text
    return Fact("panic" if panic else "output", task, source, text=text)


def _detail(base: Fact, call: str) -> Fact:
    if found := _ERROR.search(base.text):
        number = errno_number(found[1])
        return base._replace(kind="result", result=-number if number else None, name=call,
                             text="" if number else found[1])  # fmt: skip
    pairs = _PAIR.findall(base.text) if call else []
    if not pairs or _UNKNOWN.search(base.text):
        return base
    values = list(_values(call, dict(pairs)))
    return base._replace(kind="detail", name=call, values=tuple(values), text="") if values else base


def _values(call: str, pairs: dict[str, str]) -> Iterator[tuple[int, Value]]:
    named = {_NAMES.get(key, key): text.strip() for key, text in pairs.items()}
    if "sock_flags" in named and "type" in named:
        named["type"] = _or(named["type"], named["sock_flags"])
    if call == "setsockopt" and "optlen" not in named and "optval" in named:
        named["optlen"] = named.pop("optval")  # the kernel prints the length under the other name
    for place, param in enumerate(params(call)):
        if param.name in named:
            yield place, _value(param.kind, named[param.name], named)


def _or(kind: str, flags: str) -> str:
    extra = re.findall(r"SOCK_\w+", flags)
    return "|".join([kind, *extra])


def _value(kind: str, text: str, named: dict[str, str]) -> Value:
    """A value of Rust's Debug: a number, a name, an address."""
    text = text.removeprefix("Some(").removesuffix(")") if text.startswith("Some(") else text
    if found := re.fullmatch(r"-?(?:0x[0-9a-fA-F]+|\d+)", text):
        number = parse_number(found[0])
        if kind in ("optname", "level"):
            level = constant(named.get("level", "")) if kind == "optname" else None
            return spell(kind, number, level)
        return Pointer(number) if text.startswith("0x") and kind not in ("size", "int") else number
    if found := _ADDRESS.match(text):
        return _address(found[1], found[2])
    if text in ("None", "(empty)", "SendRecvFlags(0x0)"):
        return Pointer(0) if kind == "addr" else 0
    if re.fullmatch(r"[A-Z][A-Z0-9_|]*", text):
        numbers = [constant(word) for word in text.split("|")]
        return Symbol(text, None if None in numbers else sum(number or 0 for number in numbers))
    return Unknown(text, "a value of the kernel's own")


def _address(kind: str, body: str) -> Value:
    """``IPv4([127, 0, 0, 1], 80)``, ``IPv6(::1, 80)``, ``Unix(Path("/x"))``."""
    if kind == "Unix":
        path = re.search(r"\"(.*?)\"", body)
        return struct_of(Endpoint(AF_UNIX, path[1])) if path else Unknown(body)
    host, _, port = body.rpartition(",")
    octets = re.findall(r"\d+", host) if "[" in host or "(" in host else []
    address = ".".join(octets[:4]) if len(octets) >= 4 and kind == "IPv4" else host.strip(" []()")
    family = AF_INET if kind == "IPv4" else AF_INET6
    digits = port.strip(" )")
    if not digits.isdigit() or not address:
        return Unknown(body)
    return struct_of(Endpoint(family, address, decimal(digits)))
