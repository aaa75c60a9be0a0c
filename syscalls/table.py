"""The socket calls and their arguments, one row each (socket(2) and its relatives; net/socket.c).

``ARGUMENTS[name]`` lists every argument with its kind, which says how wide the register is, whether it is an
address, and what it points to; decoding, tracing, recording and explaining all read this one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from ptrace_net.abi.arch import Arch


class Kind(NamedTuple):
    """What an argument is, and how its register is read (a key of ``_READERS``)."""

    name: str
    width: str


FD = Kind("fd", "i32")
DOMAIN = Kind("domain", "i32")
TYPE = Kind("type", "i32")
PROTOCOL = Kind("protocol", "i32")
LEVEL = Kind("level", "i32")
OPTION = Kind("option", "i32")
HOW = Kind("how", "i32")
INT = Kind("int", "i32")
LENGTH = Kind("length", "i32")  # socklen_t by value
MSG_FLAGS = Kind("msg flags", "u32")
ACCEPT_FLAGS = Kind("accept flags", "i32")
REQUEST = Kind("request", "u32")
COUNT = Kind("count", "u32")
SIZE = Kind("size", "size")
SOCKADDR = Kind("sockaddr", "pointer")
LENGTH_POINTER = Kind("length pointer", "pointer")
BUFFER = Kind("buffer", "pointer")
OPTION_VALUE = Kind("option value", "pointer")
MSGHDR = Kind("msghdr", "pointer")
MMSGHDR = Kind("mmsghdr", "pointer")
TIMESPEC = Kind("timespec", "pointer")
FD_PAIR = Kind("fd pair", "pointer")
IOCTL = Kind("ioctl", "pointer")


class Argument(NamedTuple):
    """``direction``: what the kernel does with the memory behind it ("in", "out", "inout"), "" for values."""

    name: str
    kind: Kind
    direction: str = ""
    length: str = ""  # the argument that holds its length in bytes or elements


_FD = Argument("sockfd", FD)
_FLAGS = Argument("flags", MSG_FLAGS)
_NAME_OUT = (
    Argument("addr", SOCKADDR, "out", "addrlen"),
    Argument("addrlen", LENGTH_POINTER, "inout"),
)
_NAME_IN = (Argument("addr", SOCKADDR, "in", "addrlen"), Argument("addrlen", LENGTH))
_OPTION = (_FD, Argument("level", LEVEL), Argument("optname", OPTION))
_CREATE = (Argument("domain", DOMAIN), Argument("type", TYPE), Argument("protocol", PROTOCOL))

ARGUMENTS: Mapping[str, tuple[Argument, ...]] = {
    "socket": _CREATE,
    "socketpair": (*_CREATE, Argument("sv", FD_PAIR, "out")),
    "bind": (_FD, *_NAME_IN),
    "connect": (_FD, *_NAME_IN),
    "listen": (_FD, Argument("backlog", INT)),
    "accept": (_FD, *_NAME_OUT),
    "accept4": (_FD, *_NAME_OUT, Argument("flags", ACCEPT_FLAGS)),
    "getsockname": (_FD, *_NAME_OUT),
    "getpeername": (_FD, *_NAME_OUT),
    "setsockopt": (
        *_OPTION,
        Argument("optval", OPTION_VALUE, "in", "optlen"),
        Argument("optlen", LENGTH),
    ),
    "getsockopt": (
        *_OPTION,
        Argument("optval", OPTION_VALUE, "out", "optlen"),
        Argument("optlen", LENGTH_POINTER, "inout"),
    ),
    "shutdown": (_FD, Argument("how", HOW)),
    "send": (_FD, Argument("buf", BUFFER, "in", "len"), Argument("len", SIZE), _FLAGS),
    "recv": (_FD, Argument("buf", BUFFER, "out", "len"), Argument("len", SIZE), _FLAGS),
    "sendto": (_FD, Argument("buf", BUFFER, "in", "len"), Argument("len", SIZE), _FLAGS, *_NAME_IN),
    "recvfrom": (
        _FD, Argument("buf", BUFFER, "out", "len"), Argument("len", SIZE), _FLAGS, *_NAME_OUT,
    ),
    "sendmsg": (_FD, Argument("msg", MSGHDR, "in"), _FLAGS),
    "recvmsg": (_FD, Argument("msg", MSGHDR, "inout"), _FLAGS),
    "sendmmsg": (
        _FD, Argument("msgvec", MMSGHDR, "inout", "vlen"), Argument("vlen", COUNT), _FLAGS,
    ),
    "recvmmsg": (
        _FD, Argument("msgvec", MMSGHDR, "inout", "vlen"), Argument("vlen", COUNT), _FLAGS,
        Argument("timeout", TIMESPEC, "inout"),
    ),
    "ioctl": (_FD, Argument("request", REQUEST), Argument("argp", IOCTL, "inout")),
}  # fmt: skip
# i386 and arm have recvmmsg with a 64-bit timespec beside the old one.
ARGUMENTS = {**ARGUMENTS, "recvmmsg_time64": ARGUMENTS["recvmmsg"]}


def signed32(register: int) -> int:
    """The C int in the low half of a register."""
    return ((register & 0xFFFFFFFF) ^ 0x80000000) - 0x80000000


def unsigned32(register: int) -> int:
    return register & 0xFFFFFFFF


# How the argument in a register is read.
_READERS = {
    "i32": "{0} if {0} < 0x80000000 else signed32({0})",
    "u32": "{0} & 0xFFFFFFFF",
    "size": "{0}",
    "pointer": "{0}",
}
Converter: TypeAlias = Callable[[tuple[int, ...]], tuple[int, ...]]


@cache
def converter(name: str) -> Converter:
    """Registers to typed arguments; compiled, since it runs with each call."""
    readers = [_READERS[argument.kind.width] for argument in ARGUMENTS[name]]
    words = "".join(f"({reader.format(f'registers[{i}]')}), " for i, reader in enumerate(readers))
    made: Converter = eval(f"lambda registers: ({words})", {"signed32": signed32})
    return made


def typed(name: str, registers: tuple[int, ...], arch: Arch) -> tuple[int, ...]:
    """A call's arguments from its registers: C ints signed, sizes and addresses as wide as ``arch``'s."""
    if arch.word == 4:
        registers = tuple(register & 0xFFFFFFFF for register in registers)
    return converter(name)(registers)
