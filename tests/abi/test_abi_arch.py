"""The architectures hold by the headers: sizes, byte order, call numbers, registers, AUDIT_ARCH_*."""

from __future__ import annotations

import errno
import os
import shutil
import struct

import abi_headers as headers
import pytest

from ptrace_net.abi.arch import ARCHES, SOCKETCALL, X86_64, Arch
from ptrace_net.abi.arch.model import NEWER

# The struct that holds the registers, its header, and what offsetof would say of a register's name.
_REGISTERS = {
    "x86_64": ("struct user_regs_struct", "sys/user.h"),
    "x32": ("struct user_regs_struct", "sys/user.h"),
    "i386": ("struct user_regs_struct", "sys/user.h"),
    "aarch64": ("struct user_pt_regs", "asm/ptrace.h"),
    "arm": ("struct pt_regs", "asm/ptrace.h"),
    "riscv64": ("struct user_regs_struct", "asm/ptrace.h"),
    "s390x": ("s390_regs", "asm/ptrace.h"),
}
_AUDIT = {"x86_64": "X86_64", "x32": "X86_64", "i386": "I386", "s390x": "S390X"}


def _sizes(arch: Arch) -> list[str]:
    order = "__ORDER_LITTLE_ENDIAN__" if arch.endian == "<" else "__ORDER_BIG_ENDIAN__"
    return [
        f"sizeof(long) == {arch.word}",
        f"sizeof(void *) == {arch.word}",
        f"sizeof(__kernel_long_t) == {arch.kernel_long}",
        f"offsetof(struct {{ char c; long long x; }}, x) == {arch.align64}",
        f"__BYTE_ORDER__ == {order}",
        f"AUDIT_ARCH_{_AUDIT.get(arch.name, arch.name.upper())} == {arch.audit}u",
    ]


@pytest.fixture(params=headers.COMPILERS, ids=lambda each: each.arch.name)
def compiler(request: pytest.FixtureRequest) -> headers.Compiler:
    found: headers.Compiler = request.param
    if shutil.which(found.command[0]) is None:
        pytest.skip(f"{found.command[0]} is missing: install {found.packages}")
    return found


def _complaints(compiler: headers.Compiler, includes: str, conditions: list[str]) -> str:
    lines = [f"#include <{name}>" for name in includes.split()]
    lines += [f'_Static_assert({each}, "{each}");' for each in conditions]
    return headers.compile_only(compiler, "\n".join(lines) + "\n")


def test_sizes(compiler: headers.Compiler) -> None:
    assert (
        _complaints(
            compiler, "stddef.h linux/types.h linux/posix_types.h linux/audit.h", _sizes(compiler.arch)
        )
        == ""
    )


def test_call_numbers(compiler: headers.Compiler) -> None:
    prefix = "__ARM_NR" if compiler.arch.name == "arm" else "__NR"
    private = {"breakpoint", "cacheflush", "usr26", "usr32", "set_tls", "get_tls"}
    conditions = [
        f"{prefix if name in private else '__NR'}_{name} == {number}"
        for name, number in compiler.arch.syscalls.items()
        if name not in NEWER
    ]
    assert len(conditions) > 300
    assert _complaints(compiler, "asm/unistd.h", conditions) == ""


def test_newer_call_numbers(compiler: headers.Compiler) -> None:
    """Asserted where the compiler's headers are new enough to have the call."""
    lines = ["#include <asm/unistd.h>"]
    for name in NEWER:
        number = compiler.arch.syscalls[name]
        lines += [f"#ifdef __NR_{name}", f"_Static_assert(__NR_{name} == {number}, \"{name}\");", "#endif"]
    assert headers.compile_only(compiler, "\n".join(lines) + "\n") == ""


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="asks the machine's own architecture")
def test_newer_calls_exist_from_their_version_on() -> None:
    """The kernel answers ENOSYS for the numbers that it has not, and something else for bad arguments."""
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    running = tuple(map(int, os.uname().release.split("-")[0].split(".")[:2]))
    for name in ("cachestat", "fchmodat2", "statmount", "listmount", "mseal", "setxattrat", "file_getattr"):
        number, since = NEWER[name]
        ctypes.set_errno(0)
        assert libc.syscall(number, -1, -1, -1, -1, -1, -1) == -1
        assert (ctypes.get_errno() != errno.ENOSYS) == (tuple(map(int, since.split("."))) <= running), name


def test_registers(compiler: headers.Compiler) -> None:
    arch = compiler.arch
    struct_, header = _REGISTERS[arch.name]
    conditions = [
        f"sizeof((({struct_} *)0)->{name}) >= {arch.word}"
        for name in (arch.number, *arch.args, arch.result, arch.stack, arch.instruction)
    ]
    assert _complaints(compiler, f"stddef.h linux/types.h {header}", conditions) == ""


def test_socketcall_numbers() -> None:
    conditions = [f"SYS_{name.upper()} == {number}" for number, (name, _) in SOCKETCALL.items()]
    assert _complaints(headers.COMPILERS[0], "linux/net.h", conditions) == ""


def test_socketcall_exists_where_it_says() -> None:
    assert {arch.name for arch in ARCHES.values() if arch.socketcall} == {"i386", "s390x"}
    assert all(arch.syscalls["socketcall"] == arch.socketcall for arch in ARCHES.values() if arch.socketcall)


def test_names_are_the_inverse_of_numbers() -> None:
    for arch in ARCHES.values():
        assert all(arch.syscalls[name] == number for number, name in arch.names.items())
        assert set(arch.names) == set(arch.syscalls.values())


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="asks the machine's own architecture")
def test_the_machine_agrees() -> None:
    assert struct.calcsize("P") == X86_64.word
    import ctypes

    assert ctypes.CDLL(None).syscall(X86_64.syscalls["getpid"]) == os.getpid()


def test_agrees_with_python_ptrace() -> None:
    """Its tables are of Linux 5.8; the i386 one has the kernel's own names and is not compared.

    x86_64 lists the x32 numbers from 512 on and a timerfd that was never there; riscv64 has no renameat.
    """
    from ptrace.syscall.linux import aarch64, riscv64, x86_64

    differ = {("x86_64", 283), ("riscv64", 38)}
    for name, module in {"x86_64": x86_64, "aarch64": aarch64, "riscv64": riscv64}.items():
        ours = ARCHES[name].names
        theirs = {n: call for n, call in module.SYSCALL_NAMES.items() if name != "x86_64" or n < 512}
        assert {(name, n) for n, call in theirs.items() if ours.get(n) != call} <= differ
