"""recvfrom(2), recvmsg(2) where the provider receives, not the kernel; ``take_several``: recvmmsg(2)."""

from __future__ import annotations

import errno
import struct
from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import cmsghdr, msghdr
from ptrace_net.syscalls.memory import read_int
from ptrace_net.syscalls.msghdr import Header, checked, fitted, pieces, raw_header
from ptrace_net.syscalls.seam import Answer, Call, Errno, Return, Wait, WouldBlock

if TYPE_CHECKING:
    from collections.abc import Callable

    from ptrace_net.abi.arch import Arch
    from ptrace_net.syscalls.sockets import Held, Received

POLLIN = 1
MSG_OOB, MSG_PEEK, MSG_CTRUNC, MSG_TRUNC, MSG_DONTWAIT = 0x1, 0x2, 0x8, 0x20, 0x40
MSG_ERRQUEUE = 0x2000
MOST_BYTES = 1 << 17  # bytes taken at once: more than any datagram
_INT = {"<": struct.Struct("<i"), ">": struct.Struct(">i")}


def first_asks(call: Call) -> bool:
    """Whether recvmmsg's first msghdr has room for a source, or an error is wanted. Where there is none, the
    kernel knows which error comes first.
    """
    try:
        return call.args[2] != 0 and asks(raw_header(call.task, call.arch, call.args[1]), call.args[3])
    except Errno:
        return False


def asks(header: Header, flags: int) -> bool:
    return bool(flags & MSG_ERRQUEUE or header.name)


def received_from(call: Call, held: Held) -> Answer:
    size, flags = call.args[2:4]
    return _received(call, held, min(size, MOST_BYTES), flags, lambda got: _give(call, got))


def _give(call: Call, got: Received) -> int:
    """Data, then the source (__sys_recvfrom); the length is looked at last, and written first."""
    _, address, _, flags, name_address, length_address = call.args
    task, data = call.task, got.data
    if not name_address:
        task.write(address, data)
        return result_of(got, flags)
    try:
        room = read_int(task, call.arch, length_address)
    except Errno:
        task.write(address, data)
        raise
    if room < 0:
        task.write(address, data)
        raise Errno(errno.EINVAL)
    name = got.name
    length = _INT[call.arch.endian].pack(len(name))
    task.write_all(((address, data), (length_address, length), (name_address, name[:room])))
    return result_of(got, flags)


def _received(
    call: Call, held: Held, size: int, flags: int, give: Callable[[Received], int]
) -> Answer:
    """At once, or the call sleeps."""
    sock, handle = held.sock, held.handle
    asleep = sock.sleeps(call, handle, size, flags, give)
    if asleep is not None:
        return asleep
    try:
        return Return(give(sock.receive(call.task, handle, size, flags)))
    except WouldBlock as blocked:
        timeout = blocked.timeout
    return sock.sleeps(call, handle, size, flags, give) or Wait(
        call.args[0], POLLIN, timeout, restart=timeout is None
    )


def received_message(call: Call, held: Held, asked: Header) -> Answer:
    """``asked`` is the msghdr as it lies there."""
    address, flags = call.args[1:3]
    places = pieces(call.task, call.arch, checked(asked))
    size = min(sum(length for _, length in places), MOST_BYTES)
    return _received(call, held, size, flags, lambda got: _scatter(call, got, address, flags, asked, places))


def _scatter(
    call: Call, got: Received, address: int, flags: int, asked: Header, places: list[tuple[int, int]]
) -> int:
    """Write a message as the iovec says, and the fields of its msghdr."""
    written, filled = scattered(call.arch, got, asked, places)
    written.append((address, msghdr.fast(call.arch).pack(*filled)))
    call.task.write_all(written)
    return result_of(got, flags)


def scattered(
    arch: Arch, got: Received, asked: Header, places: list[tuple[int, int]]
) -> tuple[list[tuple[int, bytes]], Header]:
    """What of a message is written where, and the fields that its msghdr has then."""
    header, offset = checked(asked), 0
    written: list[tuple[int, bytes]] = []
    for base, length in places:
        written.append((base, got.data[offset : offset + length]))
        offset += length
    cut, size = False, 0
    if got.control:
        room = header.control_length if header.control else 0
        control, cut = fitted(packed(got.control, arch), room, arch)
        size = len(control)
        written.append((header.control, control))
    name, name_length = asked.name, asked.name_length
    if name:
        written.append((name, got.name[: header.name_length]))
        name_length = len(got.name)
    flags = got.flags | (MSG_CTRUNC if cut else 0)
    return written, Header(name, name_length, asked.iov, asked.iov_length, asked.control, size, flags)


def packed(messages: list[tuple[int, int, bytes]], arch: Arch) -> bytes:
    """A control buffer; times have the words of ``arch`` (put_cmsg, put_cmsg_compat)."""
    head, found = cmsghdr.fast(arch), b""
    for level, kind, payload in messages:
        if arch.word == 4 and (level, kind) in ((1, 29), (1, 35)):
            payload = struct.pack(arch.endian + "ii", *struct.unpack("=qq", payload))
        found += head.pack(head.size + len(payload), level, kind) + payload
        found += bytes(-len(found) % arch.word)
    return found


def result_of(got: Received, flags: int) -> int:
    """What the call returns, or the length that an mmsghdr shows."""
    return got.total if flags & MSG_TRUNC else len(got.data)

