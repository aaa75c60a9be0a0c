"""A ring of frames in memory that the program maps: TPACKET_V2 of packet(7), packet_mmap.

The memory is a memfd that the program was given when it asked for the ring; mmap(2) of its socket maps that.
A byte in the backing pair makes poll(2) return; it is taken out when the program has seen all frames.
"""

from __future__ import annotations

import errno
import mmap
import os
import struct
import time
from typing import NamedTuple

from ptrace_net.syscalls.seam import Errno

TP_STATUS_KERNEL, TP_STATUS_USER, TP_STATUS_COPY = 0, 1, 2
HEADER_LENGTH = 52  # TPACKET2_HDRLEN: struct tpacket2_hdr, aligned, and struct sockaddr_ll
_REQUEST = struct.Struct("=IIII")
_HEADER = struct.Struct("=IIIHHIIHH4x")
_STATUS = struct.Struct("=I")
_ALIGN, _ETH_HLEN = 16, 14
_MOST = 256 << 20


class Request(NamedTuple):
    """struct tpacket_req."""

    block_size: int
    block_count: int
    frame_size: int
    frame_count: int


def request(data: bytes, reserve: int) -> Request | None:
    """What a program asks for; None to give the ring back. Raises Errno(EINVAL) as packet_set_ring()."""
    asked = Request(*_REQUEST.unpack(data))
    if not asked.block_count:
        if asked.frame_count:
            raise Errno(errno.EINVAL)
        return None
    page = mmap.PAGESIZE
    if asked.block_size <= 0 or asked.block_size % page or asked.frame_size < HEADER_LENGTH + reserve:
        raise Errno(errno.EINVAL)
    per_block = asked.block_size // asked.frame_size
    if asked.frame_size % _ALIGN or not per_block or per_block * asked.block_count != asked.frame_count:
        raise Errno(errno.EINVAL)
    if asked.block_size * asked.block_count > _MOST:
        raise Errno(errno.ENOMEM)
    return asked


class Ring:
    """``fd`` is the program's number of the memfd."""

    def __init__(self, asked: Request, reserve: int, raw: bool) -> None:
        self._asked = asked
        head = _ETH_HLEN if raw else 0
        self._net = (HEADER_LENGTH + max(head, 16) + _ALIGN - 1 & -_ALIGN) + reserve
        self._mac = self._net - head
        self._memory: mmap.mmap | None = None
        self._next = 0
        self.fd = -1

    def attach(self, handle: int) -> None:
        """``handle`` is the memfd."""
        size = self._asked.block_size * self._asked.block_count
        os.ftruncate(handle, size)
        self._memory = mmap.mmap(handle, size)

    def _place(self, number: int) -> int:
        block, frame = divmod(number, self._asked.block_size // self._asked.frame_size)
        return block * self._asked.block_size + frame * self._asked.frame_size

    def put(self, data: bytes, total: int, name: bytes) -> bool:
        """Enter a frame of ``total`` bytes, cut to ``data``; False where no place is free."""
        memory = self._memory
        if memory is None:
            return False
        at = self._place(self._next)
        if _STATUS.unpack_from(memory, at)[0] & TP_STATUS_USER:
            return False
        data = data[: self._asked.frame_size - self._mac]
        now = time.time_ns()
        memory[at + self._mac : at + self._mac + len(data)] = data
        memory[at + 32 : at + 32 + len(name)] = name
        seconds, rest = divmod(now, 10**9)
        head = _HEADER.pack(0, total, len(data), self._mac, self._net, seconds & 0xFFFFFFFF, rest, 0, 0)
        memory[at + 4 : at + _HEADER.size] = head[4:]
        _STATUS.pack_into(memory, at, TP_STATUS_USER)
        self._next = (self._next + 1) % self._asked.frame_count
        return True

    def drained(self) -> bool:
        """Whether the program has taken the last frame that was entered."""
        memory = self._memory
        last = self._place((self._next - 1) % self._asked.frame_count)
        return memory is None or not _STATUS.unpack_from(memory, last)[0] & TP_STATUS_USER

    def close(self) -> None:
        if self._memory is not None:
            self._memory.close()
            self._memory = None
