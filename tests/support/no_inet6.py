"""A control group whose processes the kernel forbids to create AF_INET6 sockets (EPERM).

The program of bpf(2) attached to it (BPF_CGROUP_INET_SOCK_CREATE) looks at `family` in `struct bpf_sock`
(linux/bpf.h). It acts on the socket that would really be made, after any translation by a tracer, which
a seccomp filter cannot: seccomp looks at the call before the tracer does, and its errno wins.
"""

import ctypes
import os
import platform
import socket
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .deadline import wait_until

SYS_BPF = {"x86_64": 321, "aarch64": 280}
BPF_PROG_LOAD, BPF_PROG_ATTACH = 5, 8
BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE = 9, 2
PREFIX = "no-inet6-"
R0, R1, FAMILY_OFFSET = 0, 1, 4


def _insn(opcode: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> bytes:
    return struct.pack("<BBhi", opcode, dst | src << 4, offset, imm)


PROGRAM = b"".join(
    [
        _insn(0x61, R1, R1, FAMILY_OFFSET),  # r1 = *(u32 *)(r1 + 4): bpf_sock.family
        _insn(0xB7, R0, imm=0),  # r0 = 0: refuse
        _insn(0x15, R1, offset=1, imm=socket.AF_INET6),  # if r1 == AF_INET6 skip one
        _insn(0xB7, R0, imm=1),  # r0 = 1: permit
        _insn(0x95),  # exit
    ]
)


def _bpf(command: int, attributes: bytes) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    result = libc.syscall(SYS_BPF[platform.machine()], command, buffer, len(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result


def _load() -> int:
    program = ctypes.create_string_buffer(PROGRAM, len(PROGRAM))
    license_name = ctypes.create_string_buffer(b"GPL")
    union = struct.pack(
        "<IIQQIIQII16sII", BPF_PROG_TYPE_CGROUP_SOCK, len(PROGRAM) // 8, ctypes.addressof(program),
        ctypes.addressof(license_name), 0, 0, 0, 0, 0, b"no_inet6", 0, BPF_CGROUP_INET_SOCK_CREATE,
    )  # fmt: skip
    return _bpf(BPF_PROG_LOAD, union)


def _attach(cgroup: Path) -> None:
    directory = os.open(cgroup, os.O_RDONLY | os.O_DIRECTORY)
    program = _load()
    try:
        _bpf(BPF_PROG_ATTACH, struct.pack("<IIII", directory, program, BPF_CGROUP_INET_SOCK_CREATE, 0))
    finally:
        os.close(program)
        os.close(directory)


def _cgroup2() -> Path | None:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    return next((Path(mount[1]) for mount in mounts if mount[2] == "cgroup2"), None)


def _sweep(root: Path) -> None:
    """Remove the groups of test processes that were killed before they could do it."""
    for group in root.glob(f"{PREFIX}*-*"):
        maker = group.name.removeprefix(PREFIX).partition("-")[0]
        if not Path(f"/proc/{maker}").exists():
            with suppress(OSError):  # another worker was faster, or a process still sits there
                group.rmdir()


def _removed(group: Path) -> bool:
    """False while a process that was killed has not quite left."""
    try:
        group.rmdir()
    except OSError:
        return False
    return True


@contextmanager
def forbidding_cgroup() -> Iterator[Path | None]:
    """The new group's directory, or None where making one is not permitted; removed after the block."""
    root = _cgroup2()
    if root is None or os.geteuid() != 0 or platform.machine() not in SYS_BPF:
        yield None
        return
    _sweep(root)
    group = root / f"{PREFIX}{os.getpid()}-{uuid.uuid4().hex[:12]}"
    try:
        group.mkdir()
        _attach(group)
    except OSError:
        if group.is_dir():
            group.rmdir()
        yield None
        return
    try:
        yield group
    finally:
        wait_until(lambda: _removed(group), f"{group} without processes")
