"""Names and numbers of constants and system calls, for logs: a view of `ptrace_net.abi`.

Logs of kernels have numbers, strace has names, and `diff` compares the two. Which table names a number
depends on what the number is: a kind of `signatures`, and for an option its level.
"""

import importlib
import os
import pkgutil
import select
import signal
from collections.abc import Iterator
from functools import cache

from ptrace_net.abi import constants
from ptrace_net.abi.arch import ARCHES
from ptrace_net.abi.constants import Constants
from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.constants.fcntl import F, O
from ptrace_net.abi.constants.if_packet import PACKET
from ptrace_net.abi.constants.in6 import IPV6
from ptrace_net.abi.constants.in_ import IP, IPPROTO
from ptrace_net.abi.constants.netlink import NETLINK, NETLINK_OPTIONS
from ptrace_net.abi.constants.poll import EPOLL, EPOLL_CTL, POLL
from ptrace_net.abi.constants.socket import AF, MSG, SHUT, SO, SOCK, SOL
from ptrace_net.abi.constants.sockios import FIO, SIOC
from ptrace_net.abi.constants.tcp import TCP
from ptrace_net.abi.constants.udp import UDP
from ptrace_net.record.model import Symbol

AF_NETLINK = AF["AF_NETLINK"]
OPTIONS = {0: IP, 1: SO, 6: TCP, 17: UDP, 41: IPV6, 263: PACKET, 270: NETLINK_OPTIONS}
"""Option level → the table that names its options."""

_ENUMS = {"domain": AF, "protocol": IPPROTO, "level": SOL, "how": SHUT, "cmd": F, "epop": EPOLL_CTL}
_FLAGS = {"type": SOCK, "msgflags": MSG, "openflags": O, "poll": POLL, "epoll": EPOLL}
_OTHER_PREFIXES = ("CLONE_", "EFD_", "EPOLL_CLOEXEC")
_OTHER_ABI = frozenset({"O_ARM"})
_KERNEL_ERRNO = {
    512: "ERESTARTSYS",
    513: "ERESTARTNOINTR",
    514: "ERESTARTNOHAND",
    516: "ERESTART_RESTARTBLOCK",
}


def _tables() -> Iterator[Constants]:
    for module in pkgutil.iter_modules(constants.__path__):
        loaded = vars(importlib.import_module(f"{constants.__name__}.{module.name}"))
        yield from (
            value for name, value in loaded.items() if isinstance(value, Constants) and name not in _OTHER_ABI
        )


@cache
def _numbers() -> dict[str, int]:
    """Every constant by name; signals and clone flags are the standard library's."""
    found = {
        name: int(value)
        for name, value in vars(signal).items()
        if name.startswith("SIG") and name[3:].isalnum() and isinstance(value, int)
    }
    for module in (os, select):
        found.update(
            {name: value for name, value in vars(module).items() if name.startswith(_OTHER_PREFIXES)}
        )
    for table in _tables():
        for name, number in table.items():
            found.setdefault(name, number)
    return found


def constant(name: str) -> int | None:
    """The number of a constant of the Linux ABI (x86_64's, where they differ), or None."""
    return _numbers().get(name)


def spell(kind: str, number: int, level: int | None = None) -> Symbol:
    """The name of `number`, which is a `kind` of `signatures`; a number without a name is its own text.

    `level` is the option level for kind ``optname``, the address family for kind ``protocol``.
    """
    if kind in _FLAGS:
        return Symbol(_FLAGS[kind].text(number) if number >= 0 else str(number), number)
    if kind == "sockflags":
        return Symbol(SOCK.text(number).removeprefix("0|"), number)
    if kind == "request":
        return Symbol(_request(number & 0xFFFFFFFF), number)
    table = _ENUMS.get(kind)
    if kind == "optname":
        table = OPTIONS.get(-1 if level is None else level)
    elif kind == "protocol" and level == AF_NETLINK:
        table = NETLINK
    return Symbol(table.name(number) if table else str(number), number)


def _request(number: int) -> str:
    return FIO.name(number, "") or SIOC.name(number, "") or hex(number)


def errno_number(name: str) -> int | None:
    """The number of an errno by name, including the kernel's own ERESTART*; None for an unknown name."""
    return ERRNO.get(name) or next((key for key, value in _KERNEL_ERRNO.items() if value == name), None)


def errno_name(number: int) -> str:
    """The name of an errno; ``errno 999`` where it has none."""
    return _KERNEL_ERRNO.get(number) or ERRNO.name(number, f"errno {number}")


def syscall_name(number: int, arch: str = "x86_64") -> str:
    """The name of system call `number`; ``syscall_0x…``, as strace has it, where there is none."""
    return ARCHES[arch].names.get(number, f"syscall_{number:#x}")


def syscall_number(name: str, arch: str = "x86_64") -> int | None:
    """The number of system call `name`, or None."""
    return ARCHES[arch].syscalls.get(name)
