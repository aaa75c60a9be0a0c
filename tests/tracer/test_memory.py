"""Memory as the program itself could read and write it: prefixes, protections, the ends of the space."""

import ctypes
import mmap
import os
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrace_net.tracer import memory

PAGE = mmap.PAGESIZE
NONE, READ, WRITE = 0, 1, 2
libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
ME = os.getpid()


@pytest.fixture(scope="module")
def pages() -> Iterator[int]:
    """Four pages: writable, read-only, a guard page that nobody ever touched, writable; full of ones."""
    at = libc.mmap(None, 4 * PAGE, READ | WRITE, 0x22, -1, 0)
    ctypes.memset(at, 1, 2 * PAGE)
    for page, protection in ((1, READ), (2, NONE)):
        assert libc.mprotect(ctypes.c_void_p(at + page * PAGE), PAGE, protection) == 0
    yield at
    libc.munmap(ctypes.c_void_p(at), 4 * PAGE)


@pytest.fixture(scope="module")
def mem() -> Iterator[int]:
    descriptor = os.open("/proc/self/mem", os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


def test_reading_stops_where_the_program_could_not_read(pages: int, mem: int) -> None:
    checked = partial(memory.read_checked, ME)
    for read in (partial(memory.read, ME, mem), checked):
        assert read(pages + 5, 10) == b"\1" * 10
        assert read(pages + PAGE - 5, 10) == b"\1" * 10
        assert read(pages + 2 * PAGE - 5, 10) in (b"\1" * 5, b"")
        assert read(pages + 2 * PAGE, 10) == b""
        assert read(pages + 2 * PAGE + 8, 4) == b""
        assert read(pages, 1 << 40) in (b"\1" * 2 * PAGE, b"")


def test_writing_respects_protections(pages: int) -> None:
    assert memory.write(ME, pages, b"abc")
    assert ctypes.string_at(pages, 3) == b"abc"
    assert memory.write(ME, pages, b"")
    for at in (pages + PAGE, pages + 2 * PAGE, 0, 8):
        assert not memory.write(ME, at, b"abc")
    assert not memory.write(ME, pages + PAGE - 1, b"abc")
    assert ctypes.string_at(pages + PAGE, 3) == b"\1\1\1"


def test_writing_two_places_in_order(pages: int) -> None:
    assert memory.write_two(ME, pages, b"LEN", pages + 100, b"name")
    assert (ctypes.string_at(pages, 3), ctypes.string_at(pages + 100, 4)) == (b"LEN", b"name")
    assert memory.write_two(ME, pages, b"len", 0, b"")
    assert not memory.write_two(ME, pages, b"Len", pages + PAGE, b"name")
    assert not memory.write_two(ME, pages + PAGE, b"len", pages, b"name")
    assert ctypes.string_at(pages, 3) == b"Len"


ENDS = [-1, 0, 1, 8, 1 << 47, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
ADDRESSES = st.sampled_from(ENDS) | st.integers(0, 1 << 64)
SIZES = st.sampled_from([-1, 0, 1, 100, 1 << 17, (1 << 17) + 1])


@given(address=ADDRESSES, size=SIZES)
@settings(max_examples=200, deadline=None)
def test_no_address_raises(mem: int, address: int, size: int) -> None:
    memory.read(ME, mem, address, size)
    memory.read_checked(ME, address, size)
    if not (1 << 12) <= address < 1 << 47:
        assert not memory.write(ME, address, b"x")
        assert not memory.write_two(ME, address, b"x", address, b"y")


def test_more_than_the_buffer_holds() -> None:
    data = os.urandom(300_000)
    into = ctypes.create_string_buffer(len(data))
    assert memory.write(ME, ctypes.addressof(into), data)
    assert memory.read_checked(ME, ctypes.addressof(into), len(data)) == data


def test_a_process_that_is_gone() -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert memory.read_checked(pid, 1 << 20, 8) == b""
    assert not memory.write(pid, 1 << 20, b"x")
