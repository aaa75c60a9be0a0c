"""What an architecture is to the socket ABI: sizes, byte order, registers and system call numbers, as data.

Mirrors asm/unistd.h, asm/ptrace.h, linux/audit.h and linux/net.h of each architecture. A layout is declared
once and instantiated for an ``Arch``; nothing here imports more than the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True, eq=False)
class Arch:
    """One Linux ABI. Instances compare by identity, so that they are cheap cache keys."""

    name: str  # as uname -m or the Debian port has it
    word: int  # bytes in a long, a size_t and a pointer of a user program
    endian: str  # "<" or ">", as struct and construct have it
    align64: int  # alignment of a 64-bit integer in a struct
    kernel_long: int  # bytes in __kernel_long_t; differs from word on x32 only
    audit: int  # AUDIT_ARCH_*, as seccomp_data.arch and PTRACE_GET_SYSCALL_INFO report it
    number: str  # the register (struct user_regs_struct) that holds the call number at entry
    args: tuple[str, ...]  # the registers that hold the six arguments
    result: str  # the register that holds the result at exit
    stack: str
    instruction: str
    syscalls: Mapping[str, int] = field(repr=False)
    socketcall: int | None = None  # the call number that multiplexes the socket calls, where there is one
    packed_epoll: bool = False  # EPOLL_PACKED: struct epoll_event has no padding
    names: Mapping[int, str] = field(init=False, repr=False)  # call number -> name

    def __post_init__(self) -> None:
        object.__setattr__(self, "syscalls", MappingProxyType(self.syscalls))
        object.__setattr__(self, "names", MappingProxyType({n: name for name, n in self.syscalls.items()}))

    @property
    def bits(self) -> int:
        """Bits in a long of a user program."""
        return self.word * 8

    @property
    def byteorder(self) -> Literal["little", "big"]:
        """The byte order as ``int.from_bytes`` has it."""
        return "little" if self.endian == "<" else "big"

    def __str__(self) -> str:
        return self.name


# The calls that Linux 6.2 and later brought, with one number for every architecture, and the version.
NEWER: Mapping[str, tuple[int, str]] = MappingProxyType({
    "cachestat": (451, "6.5"), "fchmodat2": (452, "6.6"), "map_shadow_stack": (453, "6.6"),
    "futex_wake": (454, "6.7"), "futex_wait": (455, "6.7"), "futex_requeue": (456, "6.7"),
    "statmount": (457, "6.8"), "listmount": (458, "6.8"), "lsm_get_self_attr": (459, "6.8"),
    "lsm_set_self_attr": (460, "6.8"), "lsm_list_modules": (461, "6.8"), "mseal": (462, "6.10"),
    "setxattrat": (463, "6.13"), "getxattrat": (464, "6.13"), "listxattrat": (465, "6.13"),
    "removexattrat": (466, "6.13"), "open_tree_attr": (467, "6.15"), "file_getattr": (468, "6.17"),
    "file_setattr": (469, "6.17"),
})  # fmt: skip


def numbered(own: Mapping[str, int], bit: int = 0) -> dict[str, int]:
    """The calls of an architecture and the newer ones, each number with ``bit`` set."""
    newer = {name: number for name, (number, _) in NEWER.items()}
    return {name: number | bit for name, number in {**own, **newer}.items()}


# linux/net.h SYS_*: the first argument of socketcall(2) -> the call and how many longs its arguments are.
SOCKETCALL: Mapping[int, tuple[str, int]] = MappingProxyType({
    1: ("socket", 3), 2: ("bind", 3), 3: ("connect", 3), 4: ("listen", 2), 5: ("accept", 3),
    6: ("getsockname", 3), 7: ("getpeername", 3), 8: ("socketpair", 4), 9: ("send", 4), 10: ("recv", 4),
    11: ("sendto", 6), 12: ("recvfrom", 6), 13: ("shutdown", 2), 14: ("setsockopt", 5),
    15: ("getsockopt", 5), 16: ("sendmsg", 3), 17: ("recvmsg", 3), 18: ("accept4", 4),
    19: ("recvmmsg", 5), 20: ("sendmmsg", 4),
})  # fmt: skip
