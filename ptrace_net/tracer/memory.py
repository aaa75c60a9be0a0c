"""A program's memory, read and written as the program itself could (process_vm_readv(2), process_vm_writev(2)).

Unlike /proc/PID/mem these two honour page protections, so that a pointer into a guard page or a read-only page is
answered as Linux would: with EFAULT. One buffer and one pair of iovecs serve the single tracer thread.
"""

from __future__ import annotations

import ctypes
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_SIGNATURE = (ctypes.c_int, *(ctypes.c_void_p, ctypes.c_ulong) * 2, ctypes.c_ulong)

_readv = _libc.process_vm_readv
_readv.argtypes = _SIGNATURE
_readv.restype = ctypes.c_long
_writev = _libc.process_vm_writev
_writev.argtypes = _SIGNATURE
_writev.restype = ctypes.c_long

_SIZE = 1 << 17  # the largest UDP datagram fits; longer requests get a buffer of their own
_buffer = ctypes.create_string_buffer(_SIZE)
_address = ctypes.addressof(_buffer)
_iov = ctypes.create_string_buffer(32)
_iov_local = ctypes.addressof(_iov)
_iov_remote = _iov_local + 16
_pack_iov = struct.Struct("=QQQQ").pack_into
_LIMIT = 1 << 63


def read(tid: int, address: int, size: int) -> bytes:
    """The readable prefix of ``size`` bytes at ``address``; empty where nothing can be read."""
    if size <= 0 or address < 0 or address + size > _LIMIT:
        return b""
    buffer, local = _buffer, _address
    if size > _SIZE:
        buffer = ctypes.create_string_buffer(size)
        local = ctypes.addressof(buffer)
    _pack_iov(_iov, 0, local, size, address, size)
    count: int = _readv(tid, _iov_local, 1, _iov_remote, 1, 0)
    return buffer[:count] if count > 0 else b""


def write(tid: int, address: int, data: bytes) -> int:
    """Write ``data``; the number of bytes that reached writable memory."""
    size = len(data)
    if not size or address < 0 or address + size > _LIMIT:
        return 0
    local = _address
    if size > _SIZE:
        buffer = ctypes.create_string_buffer(size)
        local = ctypes.addressof(buffer)
    ctypes.memmove(local, data, size)
    _pack_iov(_iov, 0, local, size, address, size)
    count: int = _writev(tid, _iov_local, 1, _iov_remote, 1, 0)
    return max(count, 0)
