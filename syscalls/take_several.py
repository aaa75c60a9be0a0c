"""recvmmsg(2) where the provider receives: messages are taken and written several at a time where all have
one piece.
"""

from __future__ import annotations

import errno
import struct
import time
from typing import TYPE_CHECKING

from ptrace_net.abi.msghdr import iovec, mmsghdr
from ptrace_net.syscalls.batch import gathered
from ptrace_net.syscalls.msghdr import UIO_MAXIOV, Header, checked, pieces, raw_header, raw_headers
from ptrace_net.syscalls.seam import Answer, Call, Errno, Return, Wait, WouldBlock
from ptrace_net.syscalls.take import (
    MOST_BYTES,
    MSG_DONTWAIT,
    MSG_ERRQUEUE,
    MSG_OOB,
    MSG_PEEK,
    POLLIN,
    result_of,
    scattered,
)

if TYPE_CHECKING:
    from ptrace_net.syscalls.sockets import Held, Received

MSG_WAITFORONE = 0x10000
_SINGLY = MSG_OOB | MSG_PEEK | MSG_ERRQUEUE
_NO_MORE = _SINGLY | MSG_DONTWAIT | MSG_WAITFORONE
_MOST = 16  # messages at a time
_PAGE = 12  # bits of an address in a page
_TIMESPEC = {4: "ii", 8: "qq"}


def received_messages(call: Call, held: Held) -> Answer:
    """All that are asked for, or what is there; the deadline is looked at after each that is taken singly, as
    the kernel does.
    """
    _, address, count, flags, timeout = call.args[:5]
    patience, done = _timeout(call, timeout), 0
    count = min(count, UIO_MAXIOV)
    if count > 1 and not flags & _NO_MORE:
        sleep = held.sock.several_more(call, held.handle, count, patience)
        if sleep is not None:
            return sleep
    deadline = None if patience is None else time.monotonic() + patience
    if count > 1 and patience != 0 and not flags & _SINGLY:
        done = _together(call, held, address, count, flags)
    while done < count and not (done and deadline is not None and time.monotonic() >= deadline):
        if done and flags & MSG_WAITFORONE:
            flags |= MSG_DONTWAIT
        try:
            _into(call, held, address + done * mmsghdr.fast(call.arch).size, flags & ~MSG_WAITFORONE)
        except WouldBlock as blocked:
            if done:
                break
            return Wait(call.args[0], POLLIN, blocked.timeout, restart=blocked.timeout is None)
        except Errno as error:
            if not done:
                raise
            if error.number != errno.EAGAIN:
                held.sock.fail(error.number)  # for the next call (__sys_recvmmsg)
            break
        done += 1
    return Return(done)


def _timeout(call: Call, address: int) -> float | None:
    if not address:
        return None
    form = call.arch.endian + _TIMESPEC[8 if call.name == "recvmmsg_time64" else call.arch.word]
    seconds, nanoseconds = struct.unpack(form, call.task.read(address, struct.calcsize(form)))
    if seconds < 0 or not 0 <= nanoseconds < 10**9:
        raise Errno(errno.EINVAL)
    left: float = seconds + nanoseconds / 1e9
    return left


def _into(call: Call, held: Held, address: int, flags: int) -> None:
    """Receive into the mmsghdr at ``address``."""
    asked = raw_header(call.task, call.arch, address)
    places = pieces(call.task, call.arch, checked(asked))
    size = min(sum([length for _, length in places]), MOST_BYTES)
    got = held.sock.receive(call.task, held.handle, size, flags)
    written, filled = scattered(call.arch, got, asked, places)
    written.append((address, mmsghdr.fast(call.arch).pack(*filled, result_of(got, flags))))
    call.task.write_all(written)


def _together(call: Call, held: Held, address: int, count: int, flags: int) -> int:
    """Receive into the first of ``count`` mmsghdr, as far as they are of one piece; how many. What comes then
    is received singly, which tells whether anything is there.
    """
    stride, done = mmsghdr.fast(call.arch).size, 0
    flags &= ~MSG_WAITFORONE
    while done < count:
        at = address + done * stride
        asked = raw_headers(call.task, call.arch, at, min(count - done, _MOST))
        places = _whole(call, asked)
        if not _are_writable(call, at, asked, places):
            break
        sizes = [min(size, MOST_BYTES) for _, size in places]
        several = held.sock.receive_several(call.task, held.handle, sizes, flags)
        if not several:
            break
        written = _write(call, at, flags, several, asked, places)
        if written < len(several):
            if not done + written:
                raise Errno(errno.EFAULT)
            held.sock.fail(errno.EFAULT)
        done += written
        if len(several) < _MOST or written < _MOST:
            break
    return done


def _whole(call: Call, asked: list[Header]) -> list[tuple[int, int]]:
    """Where the first messages lie, as far as they have one piece each and nothing is wrong with them."""
    tables: list[int] = []
    for header in asked:
        if header.iov_length != 1 or (header.name and header.name_length < 0):
            break
        tables.append(header.iov)
    fast = iovec.fast(call.arch)
    found = gathered(call.task, [(table, fast.size) for table in tables])
    places: list[tuple[int, int]] = []
    for table in found:
        base, size = fast.unpack(table)
        if size >= 1 << (call.arch.bits - 1):
            break
        places.append((base, size))
    return places


def _are_writable(call: Call, address: int, asked: list[Header], places: list[tuple[int, int]]) -> bool:
    """Whether the ends of what will be written are there: else each message has to be taken by itself, so
    that those behind the first that cannot be written stay.
    """
    if not places:
        return False
    last = address + len(places) * mmsghdr.fast(call.arch).size - 1
    ends = {address >> _PAGE: address, last >> _PAGE: last}
    for header, (base, size) in zip(asked, places, strict=False):
        if size:
            last = base + size - 1
            ends[base >> _PAGE], ends[last >> _PAGE] = base, last
        if header.name:
            ends[header.name >> _PAGE] = header.name
    found = call.task.read_many([(end, 1) for end in ends.values()])
    if len(found) < len(ends):
        return False
    try:
        call.task.write_all([(end, found[at : at + 1]) for at, end in enumerate(ends.values())])
    except Errno:
        return False
    return True


def _write(
    call: Call, address: int, flags: int, several: list[Received], asked: list[Header],
    places: list[tuple[int, int]],
) -> int:  # fmt: skip
    """Write messages and the mmsghdr from ``address`` on; how many, until memory is not there: the rest is
    lost.
    """
    pack, stride = mmsghdr.fast(call.arch).pack, mmsghdr.fast(call.arch).size
    bodies: list[list[tuple[int, bytes]]] = []
    heads: list[bytes] = []
    for got, header, place in zip(several, asked, places, strict=False):
        written, filled = scattered(call.arch, got, header, [place])
        bodies.append(written)
        heads.append(pack(*filled, result_of(got, flags)))
    try:
        call.task.write_all([*[piece for body in bodies for piece in body], (address, b"".join(heads))])
    except Errno:
        for index, body in enumerate(bodies):
            try:
                call.task.write_all([*body, (address + index * stride, heads[index])])
            except Errno:
                return index
    return len(bodies)
