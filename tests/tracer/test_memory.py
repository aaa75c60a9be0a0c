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


def test_two_places_are_read_at_once(pages: int) -> None:
    ctypes.memset(pages, 1, PAGE)
    assert memory.read_two(ME, pages, 3, pages + PAGE, 2) == (b"\1" * 3, b"\1" * 2)
    assert memory.read_two(ME, pages, 3, pages, 0) == (b"\1" * 3, b"")
    assert memory.read_two(ME, pages, 0, pages, 2) == (b"", b"\1" * 2)
    assert memory.read_two(ME, pages, 3, pages + 2 * PAGE, 2) == (b"\1" * 3, b"")
    assert memory.read_two(ME, pages + 2 * PAGE, 3, pages, 2) == (b"", b"")
    first, second = memory.read_two(ME, pages, 3, pages + 2 * PAGE - 5, 10)
    assert first == b"\1" * 3
    assert second in (b"\1" * 5, b"")
    for first, second in ((8, pages), (1 << 63, pages), (pages, 1 << 63), (-1, pages)):
        assert memory.read_two(ME, first, 3, second, 2) in ((b"", b""), (b"\1" * 3, b""))


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=12))
@settings(max_examples=50)
def test_many_places_are_written_in_order(pieces: list[tuple[int, bytes]]) -> None:
    room = ctypes.create_string_buffer(256)
    expected = bytearray(256)
    for place, data in pieces:
        expected[60 * place : 60 * place + len(data)] = data
    at = ctypes.addressof(room)
    assert memory.write_all(ME, [(at + 60 * place, data) for place, data in pieces])
    assert room.raw == bytes(expected)


def test_what_comes_before_a_bad_place_is_written(pages: int) -> None:
    assert not memory.write_all(ME, [(pages, b"one"), (pages + PAGE, b"two"), (pages + 8, b"three")])
    assert ctypes.string_at(pages, 3) == b"one"
    assert not memory.write_all(ME, [(pages, b"two"), (8, b"x")])
    assert ctypes.string_at(pages, 3) == b"two"
    assert not memory.write_all(ME, [(1 << 63, b"x")])
    assert memory.write_all(ME, [(0, b""), (pages, b"")])
    long = b"z" * (1 << 18)
    room = ctypes.create_string_buffer(len(long))
    assert memory.write_all(ME, [(ctypes.addressof(room), long)])
    assert room.raw == long


def test_many_places_are_read_at_once(pages: int) -> None:
    data = os.urandom(1000)
    assert memory.write(ME, pages, data)
    places = [(pages + 13 * number, number % 9) for number in range(64)]
    expected = b"".join(data[13 * number : 13 * number + number % 9] for number in range(64))
    assert memory.read_many(ME, places) == expected
    assert memory.read_many(ME, [(pages, 3), (pages + 2 * PAGE, 2), (pages, 3)]) == data[:3]
    for nothing in ([], [(pages, 0)], [(8, 3)], [(pages, 1 << 20)], [(1 << 63, 3)], [(-1, 3)], [(pages, -1)]):
        assert memory.read_many(ME, nothing) == b""
    assert memory.read_many(ME, [(pages, 1)] * 65) == b""
