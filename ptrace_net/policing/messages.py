"""Messages as policies look at them: the netlink messages and the control messages that a program sends."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ptrace_net.abi.arch import Arch
from ptrace_net.abi.msghdr import cmsg_align, cmsghdr, mmsghdr, msghdr
from ptrace_net.policing.calls import Go, afterwards, onward
from ptrace_net.syscalls.msghdr import Header, pieces, read_control, read_header
from ptrace_net.syscalls.seam import Answer, Call, Errno, Fail

UIO_MAXIOV = 1024
_MOST = 1 << 16
_NLMSGHDR = 16


def netlink_types(call: Call) -> tuple[list[int], int]:
    """The types of the netlink messages that sendto or sendmsg sends, and the bytes of the datagram."""
    if call.name == "sendmsg":
        header = read_header(call.task, call.arch, call.args[1])
        places = pieces(call.task, call.arch, header)
        size = sum(length for _, length in places)
        data = b"".join(call.task.read(base, min(length, _MOST)) for base, length in places[:16])
    else:
        size = call.args[2]
        data = call.task.read(call.args[1], min(size, _MOST))
    return list(_types(data, call.arch)), size


def _types(data: bytes, arch: Arch) -> Iterator[int]:
    at = 0
    while at + _NLMSGHDR <= len(data):
        length, kind = struct.unpack_from(arch.endian + "IH", data, at)
        if length < _NLMSGHDR:
            return
        yield kind
        at += (length + 3) & ~3


def headers(call: Call) -> list[int]:
    """The addresses of the msghdrs of sendmsg or sendmmsg."""
    if call.name == "sendmsg":
        return [call.args[1]]
    stride = mmsghdr.size(call.arch)
    return [call.args[1] + stride * place for place in range(min(call.args[2], UIO_MAXIOV))]


def control_of(call: Call) -> list[tuple[int, int]]:
    """(level, type) of every control message that the call sends; raises Errno."""
    found: list[tuple[int, int]] = []
    for address in headers(call):
        header = read_header(call.task, call.arch, address)
        if header.control_length:
            data = read_control(call.task, call.arch, header)
            found += [(level, kind) for level, kind, _ in control_items(data, call.arch)]
    return found


def control_items(data: bytes, arch: Arch) -> Iterator[tuple[int, int, bytes]]:
    """(level, type, the whole message with its padding) of a control buffer, as far as it is one."""
    head, at = cmsghdr.fast(arch), 0
    while at + head.size <= len(data):
        length, level, kind = head.unpack(data, at)
        if length < head.size or at + length > len(data):
            return
        padded = cmsg_align(length, arch)
        yield level, kind, data[at : at + padded].ljust(padded, b"\0")
        at += padded


def without_control(call: Call, go: Go, dropped: set[tuple[int, int]]) -> Answer:
    """Send without the control messages ``dropped``; of sendmmsg only the first, as it may."""
    task, arch = call.task, call.arch
    try:
        header = read_header(task, arch, call.args[1])
        data = read_control(task, arch, header) if header.control_length else b""
    except Errno as error:
        return Fail(error.number)
    kept = b"".join(item for level, kind, item in control_items(data, arch) if (level, kind) not in dropped)
    several = call.name == "sendmmsg"
    size = mmsghdr.size(arch) if several else msghdr.size(arch)
    address = task.scratch(size + len(kept) + 64)
    if not address:
        return go(call)
    changed = _copy(header, arch, address + 64, kept).ljust(size, b"\0")
    try:
        task.write(address, changed.ljust(64, b"\0") + kept)
    except Errno as error:
        return Fail(error.number)
    answer = onward(go, call, _args(call, address, several))
    if not several:
        return answer
    length_at = msghdr.size(arch)

    def sent(count: int) -> None:
        task.write(call.args[1] + length_at, task.read(address + length_at, 4))

    return afterwards(answer, sent)


def _copy(header: Header, arch: Arch, control: int, kept: bytes) -> bytes:
    changed = header._replace(control=control if kept else 0, control_length=len(kept))
    packed: bytes = msghdr.fast(arch).pack(*changed)
    return packed


def _args(call: Call, address: int, several: bool) -> tuple[int, ...]:
    rest = (1, *call.args[3:]) if several else call.args[2:]
    return (call.args[0], address, *rest)
