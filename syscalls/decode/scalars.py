"""Numbers that have names, as strace(1) spells them: families, types, protocols, levels, options, flags.

Numbers repeat endlessly in a trace, so every spelling is remembered.
"""

from __future__ import annotations

from functools import lru_cache

from ptrace_net.abi.constants.if_ether import ETH_P
from ptrace_net.abi.constants.if_packet import PACKET
from ptrace_net.abi.constants.in6 import IPV6
from ptrace_net.abi.constants.in_ import IP, IPPROTO
from ptrace_net.abi.constants.netlink import NETLINK, NETLINK_OPTIONS
from ptrace_net.abi.constants.socket import AF, MSG, SHUT, SO, SOCK, SOL
from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.constants.tcp import TCP
from ptrace_net.abi.constants.udp import UDP
from ptrace_net.abi.constants.vm_sockets import SO_VM
from ptrace_net.syscalls.decode.values import Applied, Symbol, Value

AF_VSOCK, AF_NETLINK, AF_PACKET, AF_INET, AF_INET6 = 40, 16, 17, 2, 10
SOCK_TYPE_MASK = 0xF
SOCK_NONBLOCK, SOCK_CLOEXEC = 0o4000, 0o2000000

# level -> (names of its options, their prefix)
LEVELS: dict[int, tuple[Constants, str]] = {
    0: (IP, "IP_"), 1: (SO, "SO_"), 6: (TCP, "TCP_"), 17: (UDP, "UDP_"), 41: (IPV6, "IPV6_"),
    263: (PACKET, "PACKET_"), 270: (NETLINK_OPTIONS, "NETLINK_"),
}  # fmt: skip


def hexadecimal(number: int) -> str:
    """A 32-bit number as C's ``%#x`` has it: 0 is just 0."""
    return hex(number & 0xFFFFFFFF) if number & 0xFFFFFFFF else "0"


def named(table: Constants, number: int, prefix: str) -> Symbol:
    """The one name of ``number``, or strace's ``0x4d /* AF_??? */``."""
    name = table.name(number, "")
    return Symbol(name or f"{hexadecimal(number)} /* {prefix}??? */", number)


def flags(table: Constants, number: int) -> Value:
    """Names joined by ``|``, the rest in hexadecimal; 0 is just 0."""
    return Symbol(table.text(number), number) if number else 0


@lru_cache(1024)
def domain(number: int) -> Value:
    return named(AF, number, "AF_")


@lru_cache(1024)
def socket_type(number: int) -> Value:
    """The kind of socket and the flags OR-ed to it."""
    kind, rest = number & SOCK_TYPE_MASK, number & 0xFFFFFFFF & ~SOCK_TYPE_MASK
    parts = [SOCK.name(kind, f"{kind:#x} /* SOCK_??? */")] if kind else []
    parts += _creation_flags(rest)
    return Symbol("|".join(parts), number) if parts else 0


def _creation_flags(rest: int, comment: str = " /* SOCK_??? */") -> list[str]:
    parts = []
    for bit, name in ((SOCK_CLOEXEC, "SOCK_CLOEXEC"), (SOCK_NONBLOCK, "SOCK_NONBLOCK")):
        if rest & bit:
            parts.append(name)
            rest &= ~bit
    return [*parts, f"{rest:#x}{comment if not parts else ''}"] if rest else parts


@lru_cache(256)
def accept_flags(number: int) -> Value:
    parts = _creation_flags(number & 0xFFFFFFFF)
    return Symbol("|".join(parts), number) if parts else 0


@lru_cache(1024)
def protocol(family: int, number: int) -> Value:
    """What the third argument of socket(2) means to ``family``."""
    if family in (AF_INET, AF_INET6):
        return named(IPPROTO, number, "IPPROTO_")
    if family == AF_NETLINK:
        return named(NETLINK, number, "NETLINK_")
    if family == AF_PACKET:
        return ethertype(int.from_bytes((number & 0xFFFF).to_bytes(2, "little"), "big"))
    return number


def ethertype(number: int) -> Value:
    return Applied("htons", named(ETH_P, number, "ETH_P_"), number)


@lru_cache(256)
def level(number: int) -> Value:
    name = SOL.name(number, "")
    return Symbol(name or f"{hexadecimal(number)} /* SOL_?? */", number)


@lru_cache(1024)
def option(of_level: int, number: int) -> Value:
    table, prefix = LEVELS.get(of_level, (SO_VM, "SO_VM_"))
    if of_level not in LEVELS:
        return number
    return named(table, number, prefix)


@lru_cache(64)
def how(number: int) -> Value:
    return named(SHUT, number, "SHUT_")


@lru_cache(1024)
def message_flags(number: int) -> Value:
    return flags(MSG, number)


@lru_cache(256)
def request(number: int) -> Value:
    """The ioctl of a socket; SIOCINQ and SIOCOUTQ are named as terminals call them, as in strace."""
    if number == 0x5411:
        return Symbol("TIOCOUTQ", number)
    name = FIO.name(number, "") or SIOC.name(number, "")
    if name:
        return Symbol(name, number)
    direction = ("_IOC_NONE", "_IOC_WRITE", "_IOC_READ", "_IOC_READ|_IOC_WRITE")[number >> 30]
    size = number >> 16 & 0x3FFF
    parts = (direction, *map(hexadecimal, (number >> 8 & 0xFF, number & 0xFF, size)))
    return Symbol(f"_IOC({', '.join(parts)})", number)
