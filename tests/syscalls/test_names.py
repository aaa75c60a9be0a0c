"""bind, connect, getsockname, getpeername, accept: lengths, pointers and the order of errors as natively."""

import os
import socket
import struct

import pytest
from direct import AF_INET, AF_INET6, BAD, Kernel, Ours, Room, sockets, told
from hypothesis import given, settings
from hypothesis import strategies as st

STREAM, DGRAM = socket.SOCK_STREAM, socket.SOCK_DGRAM
WORLDS = (Kernel, Ours)


def in6(address: str, port: int = 0, family: int = AF_INET6, scope: int = 0) -> bytes:
    packed = socket.inet_pton(AF_INET6, address)
    return struct.pack("=HH4x16sI", family, socket.htons(port), packed, scope)


def in4(address: str, port: int = 0) -> bytes:
    return struct.pack("=HH4s8x", AF_INET, socket.htons(port), socket.inet_aton(address))


def same(scenario, *args) -> None:
    native, ours = (scenario(world(), *args) for world in WORLDS)
    assert ours == native


LOCAL = ["::", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "2001:db8::1", "::ffff:192.0.2.1", "ff02::1"]
FAMILIES = [0, 1, AF_INET, AF_INET6, 16, 0xFFFF]


@pytest.mark.parametrize("kind", [STREAM, DGRAM])
@pytest.mark.parametrize("call", ["bind", "connect"])
@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1"])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_length(kind: int, call: str, address: str, family: int) -> None:
    def scenario(world, length):
        with sockets(world, kind) as [fd]:
            room = Room(in6(address, 9 if call == "connect" else 0, family).ljust(200, b"\0"))
            return told(world.call(call, fd, room, length))

    for length in (-1, 0, 1, 2, 3, 8, 15, 16, 23, 24, 27, 28, 29, 127, 128, 129, 1 << 31, 1 << 32):
        same(scenario, length)


@pytest.mark.parametrize("kind", [STREAM, DGRAM])
@pytest.mark.parametrize("v6only", [0, 1])
@pytest.mark.parametrize("address", LOCAL)
def test_bind_and_the_name_after_it(kind: int, v6only: int, address: str) -> None:
    def scenario(world):
        with sockets(world, kind) as [fd]:
            option = Room(struct.pack("=i", v6only))
            seen = [world.call("setsockopt", fd, 41, 26, option, 4)]
            name, length = Room(size=40), Room(struct.pack("=i", 40))
            seen.append(told(world.call("bind", fd, Room(in6(address)), 28)))
            seen.append(world.call("getsockname", fd, name, length))
            seen += [name.raw[:2], name.raw[2:4] == b"\0\0", name.raw[4:], length.raw]
            seen.append(told(world.call("bind", fd, Room(in6("::1")), 28)))
            return seen

    same(scenario)


@pytest.mark.parametrize("call", ["bind", "connect", "getsockname", "getpeername", "accept"])
@pytest.mark.parametrize("pointer", [0, BAD, 1 << 47, 1 << 63, (1 << 64) - 8])
def test_pointers_that_lead_nowhere(call: str, pointer: int) -> None:
    def scenario(world):
        with sockets(world, STREAM | socket.SOCK_NONBLOCK) as [fd]:
            length = Room(struct.pack("=i", 28))
            by_value = call in ("bind", "connect")
            return [
                told(world.call(call, fd, pointer, 28 if by_value else length)),
                told(world.call(call, fd, Room(in6("::1")), -1 if by_value else pointer)),
                told(world.call(call, 9999, pointer, 28)),
                told(world.call(call, -1, pointer, 28)),
                length.raw,
            ]

    same(scenario)


def connection(world) -> tuple[int, int, int, int]:
    """``(listener, client, accepted, the listener's port)`` on ::1."""
    listener, client = (world.call("socket", AF_INET6, STREAM, 0) for _ in range(2))
    assert world.call("bind", listener, Room(in6("::1")), 28) == 0
    assert world.call("listen", listener, 4) == 0
    name = Room(size=28)
    assert world.call("getsockname", listener, name, Room(struct.pack("=i", 28))) == 0
    assert world.call("connect", client, name, 28) == 0
    accepted = world.call("accept4", listener, 0, 0, 0)
    assert accepted >= 0
    return listener, client, accepted, socket.ntohs(struct.unpack("=H", name.raw[2:4])[0])


def closed(*fds: int) -> None:
    for fd in fds:
        os.close(fd)


def without_port(name: bytes, room: int, port: bytes) -> bytes:
    """A sockaddr with P for each byte of ``port`` that had room: the kernel chose it."""
    had = max(0, min(room - 2, 2))
    assert name[2 : 2 + had] == port[:had]
    return name[:2] + b"P" * had + name[2 + had :]


def port_of(world, call: str, fd: int) -> bytes:
    name = Room(size=28)
    assert world.call(call, fd, name, Room(struct.pack("=i", 28))) == 0
    return name.raw[2:4]


@pytest.mark.parametrize("room", [-(1 << 31), -1, *range(30), 128, 1 << 30])
def test_names_in_every_room(room: int) -> None:
    def scenario(world):
        listener, client, accepted, _ = connection(world)
        seen = []
        for fd, call in ((client, "getsockname"), (client, "getpeername"), (accepted, "getpeername")):
            name, length = Room(size=40), Room(struct.pack("=i", room))
            result, port = told(world.call(call, fd, name, length)), port_of(world, call, fd)
            seen.append((result, without_port(name.raw, room, port), length.raw))
        closed(listener, client, accepted)
        return seen

    same(scenario)


@pytest.mark.parametrize("room", [-1, 0, 1, 2, 4, 8, 16, 27, 28, 29, 64])
@pytest.mark.parametrize("client", ["::1", "127.0.0.1"])
def test_accept_in_every_room(room: int, client: str) -> None:
    def scenario(world):
        with sockets(world, STREAM) as [listener]:
            world.call("bind", listener, Room(in6("::")), 28)
            world.call("listen", listener, 4)
            bound = Room(size=28)
            world.call("getsockname", listener, bound, Room(struct.pack("=i", 28)))
            port = socket.ntohs(struct.unpack("=H", bound.raw[2:4])[0])
            family = AF_INET6 if ":" in client else AF_INET
            caller = world.call("socket", family, STREAM, 0)
            to = in6(client, port) if family == AF_INET6 else in4(client, port)
            assert world.call("connect", caller, Room(to), len(to)) == 0
            name, length = Room(size=40), Room(struct.pack("=i", room))
            fd = world.call("accept", listener, name, length)
            port = port_of(world, "getsockname", caller)
            closed(caller, *([fd] if fd >= 0 else []))
            return told(min(fd, 0)), without_port(name.raw, room, port), length.raw

    same(scenario)


@given(name=st.binary(max_size=140), length=st.integers(-2, 140), kind=st.sampled_from([STREAM, DGRAM]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_address_or_an_errno(name: bytes, length: int, kind: int) -> None:
    world = Ours()
    with sockets(world, kind | socket.SOCK_NONBLOCK) as [fd]:
        for call in ("bind", "connect"):
            assert -4096 < world.call(call, fd, Room(name.ljust(140, b"\0")), length) <= 0


def test_ports_that_need_a_privilege_are_the_programs_question() -> None:
    world = Ours()
    world.task.privileged = False
    with sockets(world, STREAM, DGRAM) as fds:
        for fd in fds:
            for address in ("::", "::1", "::ffff:127.0.0.1"):
                assert told(world.call("bind", fd, Room(in6(address, 81)), 28)) == "EACCES"


def test_nothing_is_left_open() -> None:
    world = Ours()
    before = set(os.listdir("/proc/self/fd"))
    for _ in range(20):
        listener, client, accepted, _ = connection(world)
        world.call("bind", client, BAD, 28)
        world.call("connect", client, Room(in6("::1", 9)), 28)
        world.call("getpeername", listener, BAD, BAD)
        closed(listener, client, accepted)
    assert set(os.listdir("/proc/self/fd")) <= before
