"""The messages of sendmmsg(2), read together: four accesses to the program's memory, not three for each.

Only plain ones, of one piece and without control messages. What cannot be read so is read one by one: then
errors come in the kernel's order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, TypeAlias

from ptrace_net.abi.msghdr import iovec, mmsghdr, msghdr
from ptrace_net.syscalls.memory import SOCKADDR_STORAGE
from ptrace_net.syscalls.seam import Errno

if TYPE_CHECKING:
    from ptrace_net.syscalls.seam import Call, Task

MOST = 64  # messages, and places that ``Task.read_many`` takes
_ROOM = 1 << 16  # bytes of all of them
_GAP = 4096  # bytes between places that are read for nothing

Places: TypeAlias = list[tuple[int, int]]  # address and size
Plain: TypeAlias = tuple[bytes, bytes]  # name and data


def plain_messages(call: Call, address: int, count: int) -> list[Plain]:
    """The first of ``count`` messages whose mmsghdr lie at ``address``, as far as they are plain."""
    task, word = call.task, call.arch.word
    names, tables = _heads(call, address, count)
    if not names:
        return []
    fast = iovec.fast(call.arch)
    found = [fast.unpack(table) for table in gathered(task, [(table, 2 * word) for table in tables])]
    places: Places = []
    room = _ROOM
    for base, size in found:
        room -= size
        if room < 0:
            break
        places.append((base, size))
    data = gathered(task, places)
    return list(zip(gathered(task, names[: len(data)]), data, strict=False))


def write_lengths(call: Call, address: int, lengths: list[int]) -> None:
    """Set ``msg_len`` of the messages at ``address``; raises Errno(EFAULT)."""
    stride, word = mmsghdr.fast(call.arch).size, struct.Struct(call.arch.endian + "I")
    first = address + msghdr.size(call.arch)
    call.task.write_all([(first + index * stride, word.pack(each)) for index, each in enumerate(lengths)])


def _heads(call: Call, address: int, count: int) -> tuple[Places, list[int]]:
    """Where the names of plain messages lie, and their iovecs; none where a length could not be written."""
    fast = mmsghdr.fast(call.arch)
    stride, length_at = fast.size, msghdr.size(call.arch)
    table = call.task.read_up_to(address, min(count, MOST) * stride)
    if len(table) < stride:
        return [], []
    ends = 0, len(table) // stride * stride - stride  # two pages at most
    try:
        call.task.write_all([(address + at + length_at, table[at + length_at : at + stride]) for at in ends])
    except Errno:
        return [], []
    names: Places = []
    tables: list[int] = []
    for offset in range(0, len(table) - stride + 1, stride):
        name, length, iov, pieces, _, control, _, _ = fast.unpack(table, offset)
        if pieces != 1 or control or (name and not 0 < length <= SOCKADDR_STORAGE):
            break
        names.append((name, length) if name else (0, 0))
        tables.append(iov)
    return names, tables


def gathered(task: Task, places: Places) -> list[bytes]:
    """What lies at each place; [] where not all of it can be read."""
    wanted = [(address, size) for address, size in places if size]
    if not wanted:
        return [b""] * len(places)
    low = min([address for address, _ in wanted])
    high = max([address + size for address, size in wanted])
    total = sum([size for _, size in wanted])
    if high - low <= total + _GAP:
        data = task.read_up_to(low, high - low)
        if len(data) == high - low:
            return [data[address - low : address - low + size] if size else b"" for address, size in places]
    data = task.read_many(wanted)
    if len(data) < total:
        return []
    gathered, at = [], 0
    for _, size in places:
        gathered.append(data[at : at + size])
        at += size
    return gathered
