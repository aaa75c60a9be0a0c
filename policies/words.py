"""The words of policy files: names of the socket ABI, or numbers, turned into what calls carry.

Every kind of word has a reader ``read(text, before)``; ``before`` are the words that stand before it in the
same key (an option is looked up in its level). ``*`` is read by nobody: it stands for any.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from ptrace_net.abi.arch import ARCHES
from ptrace_net.abi.constants.genetlink import GENL_ID
from ptrace_net.abi.constants.if_ether import ETH_P
from ptrace_net.abi.constants.if_packet import PACKET
from ptrace_net.abi.constants.in6 import IPV6
from ptrace_net.abi.constants.in_ import IP, IPPROTO
from ptrace_net.abi.constants.netlink import NETLINK, NETLINK_OPTIONS, NLMSG
from ptrace_net.abi.constants.rtnetlink import RTM
from ptrace_net.abi.constants.sock_diag import SOCK_DIAG
from ptrace_net.abi.constants.socket import AF, MSG, SCM, SO, SOCK, SOL
from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.abi.constants.tcp import TCP
from ptrace_net.abi.constants.udp import UDP
from ptrace_net.policies.problem import Problem, near
from ptrace_net.policies.values import Word

Reader: TypeAlias = Callable[[str, tuple[Word, ...]], int | str]

OPTIONS: Mapping[int, Mapping[str, int]] = {
    0: IP, 1: SO, 6: TCP, 17: UDP, 41: IPV6, 263: PACKET, 270: NETLINK_OPTIONS,
}  # fmt: skip
NETLINK_TYPES: Mapping[int, Mapping[str, int]] = {
    0: {**NLMSG, **RTM}, 4: {**NLMSG, **SOCK_DIAG}, 16: {**NLMSG, **GENL_ID},
}  # fmt: skip
AF_NETLINK, AF_PACKET = 16, 17
_SOCKET_FLAGS = {"SOCK_NONBLOCK": SOCK["SOCK_NONBLOCK"], "SOCK_CLOEXEC": SOCK["SOCK_CLOEXEC"]}
FLAGGED: Mapping[str, Mapping[str, int]] = {
    **dict.fromkeys(("socket", "socketpair", "accept4"), _SOCKET_FLAGS),
    **dict.fromkeys(
        ("send", "recv", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg"), MSG
    ),
}
WAYS = ("set", "get")
FILE_WAYS = ("open", "readlink", "stat")


def _listed(table: Mapping[str, int], what: str, most: int = 0xFFFFFFFF) -> Reader:
    def read(text: str, before: tuple[Word, ...]) -> int:
        return looked_up(text, table, what, most)

    return read


def looked_up(text: str, table: Mapping[str, int], what: str, most: int = 0xFFFFFFFF) -> int:
    """The number of a name of ``table``, or of a number as text; raises Problem."""
    if text in table:
        return table[text]
    try:
        number = int(text, 0)
    except ValueError:
        raise Problem(f"{text!r} is no {what}{near(text, table)}") from None
    if not 0 <= number <= most:
        raise Problem(f"{text!r} is no {what}: 0 to {most}")
    return number


def one_of(words: Iterable[str], what: str) -> Reader:
    known = tuple(words)

    def read(text: str, before: tuple[Word, ...]) -> str:
        if text not in known:
            raise Problem(f"{text!r} is no {what}: known are {', '.join(known)}{near(text, known)}")
        return text

    return read


def read_call(text: str, before: tuple[Word, ...]) -> str:
    """A system call of any architecture."""
    if any(text in arch.syscalls for arch in ARCHES.values()) or text in FLAGGED:
        return text
    raise Problem(f"{text!r} is no system call{near(text, _call_names())}")


def _call_names() -> set[str]:
    return {name for arch in ARCHES.values() for name in arch.syscalls}


def _protocol(text: str, before: tuple[Word, ...]) -> int:
    family = before[0] if before else None
    if family == AF_PACKET and text in ETH_P:
        return int.from_bytes(ETH_P[text].to_bytes(2, "little"), "big")
    return looked_up(text, NETLINK if family == AF_NETLINK else {**NETLINK, **IPPROTO}, "protocol")


def _flag(text: str, before: tuple[Word, ...]) -> int:
    mask = looked_up(text, FLAGGED[str(before[0])], f"flag of {before[0]}")
    if mask.bit_count() != 1:
        raise Problem(f"{text!r}: one flag, one bit")
    return mask


def _option(text: str, before: tuple[Word, ...]) -> int:
    level = before[0]
    if level is None:
        every = {name: number for table in OPTIONS.values() for name, number in table.items()}
        raise Problem(f"{text!r}: an option needs its level{near(text, every)}")
    return looked_up(text, OPTIONS.get(int(level), {}), "option of this level")


def _control(text: str, before: tuple[Word, ...]) -> int:
    level = before[0]
    table = SCM if level == 1 else OPTIONS.get(int(level), {}) if level is not None else {}
    return looked_up(text, table, "control message of this level")


def _netlink_type(text: str, before: tuple[Word, ...]) -> int:
    protocol = before[0]
    table = NETLINK_TYPES.get(int(protocol), NLMSG) if protocol is not None else NLMSG
    return looked_up(text, table, "message of this protocol", 0xFFFF)


def _path(text: str, before: tuple[Word, ...]) -> str:
    if not text.startswith("/"):
        raise Problem(f"{text!r}: a path from the root is wanted; a * at its end stands for anything")
    return text


_AS_LEVELS = ("IPPROTO_IP", "IPPROTO_TCP", "IPPROTO_UDP", "IPPROTO_IPV6")
_LEVELS = {**SOL, **{name: IPPROTO[name] for name in _AS_LEVELS}}
READERS: Mapping[str, Reader] = {
    "family": _listed(AF, "address family"),
    "type": _listed({name: number for name, number in SOCK.items() if number <= 10}, "type of socket"),
    "protocol": _protocol,
    "call": read_call,
    "flagged": one_of(FLAGGED, "call with flags"),
    "flag": _flag,
    "level": _listed(_LEVELS, "level"),
    "option": _option,
    "way": one_of(WAYS, "way to use an option"),
    "control": _control,
    "request": _listed({**SIOC, **FIO}, "ioctl of sockets"),
    "netlink protocol": _listed(NETLINK, "protocol of netlink"),
    "netlink type": _netlink_type,
    "path": _path,
    "file way": one_of(FILE_WAYS, "way to use a file"),
}
_ANY = "*"


def read(kind: str, text: str, before: tuple[Word, ...]) -> Word:
    """The word ``text`` of ``kind``; None for ``*``; raises Problem."""
    if text == _ANY and kind not in ("call", "flagged", "path"):
        return None
    return READERS[kind](text, before)


def _named(table: Mapping[str, int], number: int) -> str:
    return next((name for name, value in table.items() if value == number), f"{number:#x}")


def spelled(kind: str, word: Word, before: tuple[Word, ...]) -> str:
    """The other way round: what ``read`` would read as ``word``."""
    if word is None:
        return _ANY
    if isinstance(word, str):
        return word
    first = before[0] if before else None
    tables: dict[str, Mapping[str, int]] = {
        "family": AF, "type": SOCK, "level": SOL, "request": {**SIOC, **FIO}, "netlink protocol": NETLINK,
        "protocol": NETLINK if first == AF_NETLINK else {} if first in (AF_PACKET, None) else IPPROTO,
        "flag": FLAGGED.get(str(first), {}),
        "option": OPTIONS.get(first, {}) if isinstance(first, int) else {},
        "control": SCM if first == 1 else OPTIONS.get(first, {}) if isinstance(first, int) else {},
        "netlink type": NETLINK_TYPES.get(first, NLMSG) if isinstance(first, int) else NLMSG,
    }  # fmt: skip
    return _named(tables[kind], word)
