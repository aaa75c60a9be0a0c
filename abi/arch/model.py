"""What an architecture is to the socket ABI: sizes, byte order, registers and system call numbers, as data.

Mirrors asm/unistd.h, asm/ptrace.h, linux/audit.h and linux/net.h of each architecture. A layout is declared
once and instantiated for an ``Arch``; nothing here imports more than the standard library.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal


class Arch:
    """One Linux ABI. Instances compare by identity, so that they are cheap cache keys.

    * ``name``: as uname -m or the Debian port has it
    * ``word``: bytes in a long, a size_t and a pointer of a user program
    * ``endian``: "<" or ">", as struct and construct have it
    * ``align64``: alignment of a 64-bit integer in a struct
    * ``kernel_long``: bytes in __kernel_long_t; differs from ``word`` on x32 only
    * ``audit``: AUDIT_ARCH_*, as seccomp_data.arch and PTRACE_GET_SYSCALL_INFO report it
    * ``number``: the register (struct user_regs_struct) that holds the call number at entry
    * ``args``: the registers that hold the six arguments
    * ``result``: the register that holds the result at exit
    * ``syscalls``, ``names``: call name -> number, and back
    * ``socketcall``: the call number that multiplexes the socket calls, where there is one
    * ``packed_epoll``: EPOLL_PACKED: struct epoll_event has no padding
    """

    # Written out: dataclasses would cost every start of a program more than all else in abi/arch.
    __slots__ = (
        "align64", "args", "audit", "endian", "instruction", "kernel_long", "name", "names", "number",
        "packed_epoll", "result", "socketcall", "stack", "syscalls", "word",
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        word: int,
        endian: str,
        align64: int,
        kernel_long: int,
        audit: int,
        number: str,
        args: tuple[str, ...],
        result: str,
        stack: str,
        instruction: str,
        syscalls: Mapping[str, int],
        socketcall: int | None = None,
        packed_epoll: bool = False,
    ) -> None:
        self.name: Final = name
        self.word: Final = word
        self.endian: Final = endian
        self.align64: Final = align64
        self.kernel_long: Final = kernel_long
        self.audit: Final = audit
        self.number: Final = number
        self.args: Final = args
        self.result: Final = result
        self.stack: Final = stack
        self.instruction: Final = instruction
        self.syscalls: Final[Mapping[str, int]] = MappingProxyType(syscalls)
        self.names: Final[Mapping[int, str]] = MappingProxyType({n: name for name, n in syscalls.items()})
        self.socketcall: Final = socketcall
        self.packed_epoll: Final = packed_epoll

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

    def __repr__(self) -> str:
        return f"Arch({self.name!r})"


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
