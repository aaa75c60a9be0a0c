"""A program's memory, as the program itself could read and write it.

Reads go through /proc/PID/mem (proc(5)), half the price of process_vm_readv(2), which alone honours page
protections: it is asked again when all that came were zeros, as from a guard page. Writes are
process_vm_writev(2)'s: a read-only page is EFAULT. One buffer and one set of iovecs serve the single tracer
thread.
"""

from __future__ import annotations

import ctypes
import os
import struct

_libc = ctypes.CDLL(None)
_SIGNATURE = (ctypes.c_int, *(ctypes.c_void_p, ctypes.c_ulong) * 2, ctypes.c_ulong)

_readv = _libc.process_vm_readv
_readv.argtypes = _SIGNATURE
_readv.restype = ctypes.c_long
_writev = _libc.process_vm_writev
_writev.argtypes = _SIGNATURE
_writev.restype = ctypes.c_long

_SIZE = 1 << 17  # the largest UDP datagram fits; longer requests get a buffer of their own
_buffer = ctypes.create_string_buffer(_SIZE)
_view = memoryview(_buffer)
_address = ctypes.addressof(_buffer)
_iov = ctypes.create_string_buffer(64)
_iov_local = ctypes.addressof(_iov)
_iov_remote = _iov_local + 16
_iov_pair = _iov_local + 32
_pack_one = struct.Struct("=QQQQ").pack_into
_pack_two = struct.Struct("=QQ").pack_into
_LIMIT = 1 << 63
_MOST = 1 << 24  # bytes read at once: no call that is served takes more
_PAGE_MASK = os.sysconf("SC_PAGE_SIZE") - 1


def read(tid: int, mem: int, address: int, size: int) -> bytes:
    """The readable prefix of ``size`` bytes at ``address``; ``mem`` is a descriptor of /proc/PID/mem."""
    if not 0 < size <= _MOST or address < 0 or address + size > _LIMIT:
        return b""
    if (address & _PAGE_MASK) + size > _PAGE_MASK + 1:  # each page may have another protection
        return read_checked(tid, address, size)
    try:
        data = os.pread(mem, size, address)
    except OSError:
        return read_checked(tid, address, size)
    if len(data) < size or not data.strip(b"\0"):
        return read_checked(tid, address, size)
    return data


def read_checked(tid: int, address: int, size: int) -> bytes:
    """``read`` by process_vm_readv(2): of the address space that the thread has now, and only what it may
    read.
    """
    if not 0 < size <= _MOST or address < 0 or address + size > _LIMIT:
        return b""
    if size > _SIZE:
        buffer = ctypes.create_string_buffer(size)
        return ctypes.string_at(buffer, _read_into(ctypes.addressof(buffer), tid, address, size))
    return bytes(_view[: _read_into(_address, tid, address, size)])


def _read_into(local: int, tid: int, address: int, size: int) -> int:
    """How many bytes could be read."""
    _pack_one(_iov, 0, local, size, address, size)
    count: int = _readv(tid, _iov_local, 1, _iov_remote, 1, 0)
    return max(count, 0)


def write(tid: int, address: int, data: bytes) -> bool:
    """Write ``data``; whether all of it reached writable memory."""
    size = len(data)
    if address < 0 or address + size > _LIMIT:
        return False
    local = _address
    if size > _SIZE:
        buffer = ctypes.create_string_buffer(size)
        local = ctypes.addressof(buffer)
    ctypes.memmove(local, data, size)
    _pack_one(_iov, 0, local, size, address, size)
    return bool(_writev(tid, _iov_local, 1, _iov_remote, 1, 0) == size)


def write_two(tid: int, first: int, head: bytes, second: int, tail: bytes) -> bool:
    """Write ``head`` at ``first``, then ``tail`` at ``second``, in one call: an address and its length."""
    if min(first, second) < 0 or max(first, second) + _SIZE > _LIMIT:
        return False
    size = len(head) + len(tail)
    ctypes.memmove(_address, head + tail, size)
    _pack_two(_iov, 0, _address, size)
    _pack_one(_iov, 32, first, len(head), second, len(tail))
    return bool(_writev(tid, _iov_local, 1, _iov_pair, 2, 0) == size)
