"""Socket options: values, lengths and pointers as on a native AF_INET6 socket, which is the oracle."""

import os
import socket
import struct

import pytest
from direct import AF_INET6, BAD, Kernel, Ours, Room, sockets, told
from hypothesis import given, settings
from hypothesis import strategies as st

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
IPV6 = socket.IPPROTO_IPV6
INTS = [0, 1, 2, 3, 5, 6, 63, 64, 255, 256, -1, -2, (1 << 31) - 1, -(1 << 31)]
# What an IPv4 host cannot do, by number, with the reason.
PRIVILEGED = "for CAP_NET_ADMIN or CAP_NET_RAW alone, and then of IPv6 packets: EPERM"
IP6TABLES = "ip6tables' own numbers: natively EINVAL or ENOPROTOOPT as its modules are loaded"
BEYOND = dict.fromkeys((34, 35, 54, 55, 59), PRIVILEGED) | dict.fromkeys((64, 65, 68, 69, 80), IP6TABLES)
OPTIONS = [number for number in range(1, 82) if number not in BEYOND]


def both(scenario, *args) -> tuple[object, object]:
    return scenario(Kernel(), *args), scenario(Ours(), *args)


def integer(number: int) -> Room:
    return Room(struct.pack("=i", number))


def get(world, fd: int, level: int, option: int, size: int = 4) -> object:
    value, length = Room(size=16), integer(size)
    result = told(world.call("getsockopt", fd, level, option, value, length))
    return result if result else (value.raw, length.raw)


def set_and_get(world, kind: int, option: int) -> list[object]:
    seen = []
    with sockets(world, kind) as [fd]:
        seen.append(("at first", get(world, fd, IPV6, option)))
        for number in INTS:
            result = told(world.call("setsockopt", fd, IPV6, option, integer(number), 4))
            seen.append((number, result, get(world, fd, IPV6, option)))
    return seen


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize("option", OPTIONS)
def test_integers(kind: int, option: int) -> None:
    native, ours = both(set_and_get, kind, option)
    assert ours == native


def lengths(world, kind: int, option: int) -> list[object]:
    seen = []
    with sockets(world, kind) as [fd]:
        for size in (-(1 << 31), -1, 0, 1, 2, 3, 5, 8, 16):
            value = Room(struct.pack("=i", 1).ljust(16, b"\0"))
            seen.append((size, told(world.call("setsockopt", fd, IPV6, option, value, size))))
            seen.append(get(world, fd, IPV6, option, size))
        for pointer in (0, BAD, 1 << 63):
            seen.append((pointer, told(world.call("setsockopt", fd, IPV6, option, pointer, 4))))
            seen.append(told(world.call("getsockopt", fd, IPV6, option, pointer, integer(4))))
            seen.append(told(world.call("getsockopt", fd, IPV6, option, Room(size=4), pointer)))
    return seen


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["tcp", "udp"])
@pytest.mark.parametrize("option", [16, 17, 18, 19, 23, 25, 26, 49, 51, 62, 66, 67, 70, 73, 99])
def test_lengths_and_pointers(kind: int, option: int) -> None:
    native, ours = both(lengths, kind, option)
    assert ours == native


def other_levels(world, kind: int) -> list[object]:
    """Options of other levels must not be taken for IPv6's of the same number."""
    seen = []
    with sockets(world, kind) as [fd]:
        others = [(1, 2), (1, 9), (1, 15), (1, 39), (1, 3), (6, 1), (6, 2), (0, 1), (0, 8), (17, 1)]
        for level, option in others:
            seen.append(get(world, fd, level, option))
            result = told(world.call("setsockopt", fd, level, option, integer(1), 4))
            seen.append((level, option, result, get(world, fd, level, option)))
    return seen


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["tcp", "udp"])
def test_other_levels(kind: int) -> None:
    native, ours = both(other_levels, kind)
    assert ours == native


def v6only(world, kind: int) -> list[object]:
    """IPV6_V6ONLY is settled by the bind."""
    seen = []
    for first, then in ((0, 1), (1, 0)):
        with sockets(world, kind) as [fd]:
            seen.append(told(world.call("setsockopt", fd, IPV6, 26, integer(first), 4)))
            address = struct.pack("=HH4x16sI", AF_INET6, 0, bytes(16), 0)
            seen.append(told(world.call("bind", fd, Room(address), 28)))
            seen.append(told(world.call("setsockopt", fd, IPV6, 26, integer(then), 4)))
            seen.append(get(world, fd, IPV6, 26))
    return seen


@pytest.mark.parametrize("kind", [STREAM, DGRAM], ids=["tcp", "udp"])
def test_v6only_is_settled_by_bind(kind: int) -> None:
    native, ours = both(v6only, kind)
    assert ours == native


@given(
    kind=st.sampled_from([STREAM, DGRAM]),
    level=st.sampled_from([0, 1, 6, 17, 41, 58, -1]),
    option=st.integers(-1, 90),
    value=st.binary(max_size=300),
    size=st.integers(-2, 400),
)
@settings(max_examples=500, deadline=None)
def test_hostile_values_are_answered(kind: int, level: int, option: int, value: bytes, size: int) -> None:
    world = Ours()
    before = set(os.listdir("/proc/self/fd"))
    with sockets(world, kind) as [fd]:
        room = Room(value.ljust(400, b"\0"))
        assert -4096 < world.call("setsockopt", fd, level, option, room, size) <= 0
        out = Room(size=512)
        result = world.call("getsockopt", fd, level, option, out, integer(min(size, 500)))
        assert -4096 < result <= 0
        written = size if size >= 0 else 4  # some options take a length as unsigned
        assert out.raw[written:] == b"\xaa" * (512 - written)
    assert set(os.listdir("/proc/self/fd")) <= before
