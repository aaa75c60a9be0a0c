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
from collections.abc import Sequence
from typing import Final

_libc = ctypes.CDLL(None)  # lets the interpreter go: memory may have to be fetched
# Without declared types a call takes two thirds of the time; numbers are small, addresses c_void_p.
_readv: Final = _libc.process_vm_readv
_writev: Final = _libc.process_vm_writev

_SIZE: Final = 1 << 17  # the largest UDP datagram fits; longer requests get a buffer of their own
_MOST_PIECES: Final = 64
_room: Final = bytearray(_SIZE)
_view: Final = memoryview(_room)
_address: Final[int] = ctypes.addressof(ctypes.c_char.from_buffer(_room))
_iov: Final = bytearray(16 + 16 * _MOST_PIECES)
_iov_address = ctypes.addressof(ctypes.c_char.from_buffer(_iov))
_local: Final = ctypes.c_void_p(_iov_address)
_remote: Final = ctypes.c_void_p(_iov_address + 16)
_pack_one: Final = struct.Struct("=QQQQ").pack_into
_pack_pieces: Final = [struct.Struct(f"={2 + 2 * count}Q").pack_into for count in range(_MOST_PIECES + 1)]
_pack_two: Final = _pack_pieces[2]
_LIMIT: Final = 1 << 63
_ADDRESS_BITS: Final = 62  # more than any program's; a negative number has more
_MOST: Final = 1 << 24  # bytes read at once: no call that is served takes more
_PAGE_MASK: Final[int] = os.sysconf("SC_PAGE_SIZE") - 1


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
        return _read_long(tid, address, size)
    _pack_one(_iov, 0, _address, size, address, size)
    count: int = _readv(tid, _local, 1, _remote, 1, 0)
    return _view[:count].tobytes() if count > 0 else b""


def _read_long(tid: int, address: int, size: int) -> bytes:
    pieces: list[bytes] = []
    while size > 0:
        piece = read_checked(tid, address, min(size, _SIZE))
        pieces.append(piece)
        if len(piece) < min(size, _SIZE):
            break
        address, size = address + len(piece), size - len(piece)
    return b"".join(pieces)


def read_two(tid: int, first: int, size: int, second: int, more: int) -> tuple[bytes, bytes]:
    """The readable prefixes of ``size`` bytes at ``first`` and, where these are all there, of ``more`` at
    ``second``, read in one call; together at most 64 KB.
    """
    both = size + more
    if (first | second) >> _ADDRESS_BITS or not 0 < both <= _SIZE:
        return b"", b""
    _pack_two(_iov, 0, _address, both, first, size, second, more)
    count: int = _readv(tid, _local, 1, _remote, 2, 0)
    if count == both:
        return _view[:size].tobytes(), _view[size:both].tobytes()
    if count <= 0:
        return b"", b""
    return _view[: min(count, size)].tobytes(), _view[size:count].tobytes() if count > size else b""


def read_many(tid: int, places: Sequence[tuple[int, int]]) -> bytes:
    """At most 64 ``places``, an address and a size each, read in one call, one after the other: the readable
    prefix; b"" where they are more than 128 KB.
    """
    size, bits = 0, 0
    flat: list[int] = []
    for address, length in places:
        flat += address, length
        size += length
        bits |= address | length
    if not 0 < size <= _SIZE or bits >> _ADDRESS_BITS or len(places) > _MOST_PIECES:
        return b""
    _pack_pieces[len(places)](_iov, 0, _address, size, *flat)
    count: int = _readv(tid, _local, 1, _remote, len(places), 0)
    return _view[:count].tobytes() if count > 0 else b""


def write(tid: int, address: int, data: bytes) -> bool:
    """Write ``data``; whether all of it reached writable memory."""
    size = len(data)
    if address < 0 or address + size > _LIMIT:
        return False
    while size > _SIZE:
        if not write(tid, address, data[:_SIZE]):
            return False
        address, data, size = address + _SIZE, data[_SIZE:], size - _SIZE
    _room[:size] = data
    _pack_one(_iov, 0, _address, size, address, size)
    return bool(_writev(tid, _local, 1, _remote, 1, 0) == size)


def write_two(tid: int, first: int, head: bytes, second: int, tail: bytes) -> bool:
    """Write ``head`` at ``first``, then ``tail`` at ``second``, in one call: an address and its length."""
    if (first | second) >> _ADDRESS_BITS:
        return False
    size = len(head) + len(tail)
    _room[:size] = head + tail
    _pack_two(_iov, 0, _address, size, first, len(head), second, len(tail))
    return bool(_writev(tid, _local, 1, _remote, 2, 0) == size)


def write_all(tid: int, pieces: Sequence[tuple[int, bytes]]) -> bool:
    """Write each of ``pieces``, an address and bytes, in order, as far as memory is writable; in one call
    where they are few and short.
    """
    bits = 0
    places: list[int] = []
    for address, piece in pieces:
        bits |= address
        places += address, len(piece)
    data = b"".join([piece for _, piece in pieces])
    size, count = len(data), len(pieces)
    if not 0 < size <= _SIZE or count > _MOST_PIECES or bits >> _ADDRESS_BITS:
        return all(not piece or write(tid, address, piece) for address, piece in pieces)
    _room[:size] = data
    _pack_pieces[count](_iov, 0, _address, size, *places)
    return bool(_writev(tid, _local, 1, _remote, count, 0) == size)
