"""Messages: control buffers in every room, hostile headers, and the order of errors as natively."""

import os
import socket
import struct
from collections.abc import Iterator

import pytest
from direct import AF_INET, AF_INET6, BAD, Kernel, Ours, Room, sockets, told
from hypothesis import given, settings
from hypothesis import strategies as st

from ptrace_net.abi.arch import I386, X86_64, Arch
from ptrace_net.abi.msghdr import cmsg_len, cmsg_space
from ptrace_net.sockets.control6 import items, packed
from ptrace_net.syscalls.receive import fitted

DGRAM = socket.SOCK_DGRAM
DONTWAIT = 0x40
IPV6 = socket.IPPROTO_IPV6
PKTINFO, HOPLIMIT, TCLASS = 50, 52, 67
RECVPKTINFO, RECVHOPLIMIT, RECVTCLASS = 49, 51, 66
HEADER = struct.Struct("=QIxxxxQQQQi4x")


def in6(address: str, port: int) -> bytes:
    return struct.pack("=HH4x16sI", AF_INET6, port, socket.inet_pton(AF_INET6, address), 0)


def message(level: int, kind: int, payload: bytes, length: int | None = None) -> bytes:
    """One control message, padded; ``length`` lies about its size."""
    size = 16 + len(payload)
    head = struct.pack("=Qii", size if length is None else length & (1 << 64) - 1, level, kind)
    return (head + payload).ljust(-(-size // 8) * 8, b"\0")


class Header:
    """A msghdr with one piece, and everything that it points to."""

    def __init__(
        self,
        data: bytes | int,
        name: bytes | int,
        control: bytes | int = 0,
        lies: dict[str, int] | None = None,
    ) -> None:
        self.data, self.name, self.control = map(self._room, (data, name, control))
        self.iov = Room(struct.pack("=QQ", self.data.at, self._size(data)))
        fields = {
            "name": self.name.at if name else 0, "name_length": self._size(name),
            "iov": self.iov.at, "iov_length": 1,
            "control": self.control.at if control else 0, "control_length": self._size(control),
            "flags": 0,
        } | (lies or {})  # fmt: skip
        self.room = Room(HEADER.pack(*fields.values()))
        self.room.owner = self  # what the header points to lives as long as the header

    @staticmethod
    def _size(given: bytes | int) -> int:
        return given if isinstance(given, int) else len(given)

    @staticmethod
    def _room(given: bytes | int) -> Room:
        return Room(size=given) if isinstance(given, int) else Room(given, len(given))

    def seen(self) -> dict[str, object]:
        _, name_length, _, _, _, control_length, flags = HEADER.unpack(self.room.raw[:56])
        control = list(parsed(self.control.raw[: min(control_length, len(self.control.raw))]))
        return {"name": name_length, "length": control_length, "control": control, "flags": flags}


def parsed(control: bytes) -> Iterator[tuple[int, int, bytes]]:
    """``(level, type, payload)`` of each control message; what pads them is nobody's."""
    while len(control) >= 16:
        length, level, kind = struct.unpack_from("=Qii", control)
        yield level, kind, control[16:length]
        control = control[max(-(-length // 8) * 8, 16) :]


def bound(world, fd: int, address: str = "::") -> int:
    """Bind to a free port, which is returned in network order."""
    assert world.call("bind", fd, Room(in6(address, 0)), 28) == 0
    name = Room(size=28)
    assert world.call("getsockname", fd, name, Room(struct.pack("=i", 28))) == 0
    return struct.unpack("=H", name.raw[2:4])[0]


def ask(world, fd: int, *options: int) -> None:
    for option in options:
        assert world.call("setsockopt", fd, IPV6, option, Room(struct.pack("=i", 1)), 4) == 0


def same(scenario, *args) -> None:
    native, ours = scenario(Kernel(), *args), scenario(Ours(), *args)
    assert ours == native


@pytest.mark.parametrize("call", ["recvmsg", "recvmmsg"])
@pytest.mark.parametrize(
    "options", [(), (RECVPKTINFO,), (RECVHOPLIMIT, RECVTCLASS), (RECVPKTINFO, RECVTCLASS)]
)
@pytest.mark.parametrize("address", ["::", "::1"])
def test_control_in_every_room(address: str, options: tuple[int, ...], call: str) -> None:
    """What does not fit is cut as put_cmsg() cuts it, with a length that says so, and MSG_CTRUNC."""

    def scenario(world):
        seen = []
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port = bound(world, server, address)
            ask(world, server, *options)
            for room in range(0, 100, 3):
                assert world.call("sendto", client, Room(b"x"), 1, 0, Room(in6("::1", port)), 28) == 1
                if 16 < room < 28 and RECVPKTINFO in options:
                    world.call("recvfrom", server, Room(size=8), 8, 0, 0, 0)
                    continue  # IPv4's is shorter and lies behind what fits: nothing to translate
                header = Header(8, 28, room)
                extra = (header.room, DONTWAIT) if call == "recvmsg" else (header.room, 1, DONTWAIT, 0)
                seen.append((room, world.call(call, server, *extra), header.seen()))
        return seen

    same(scenario)


@pytest.mark.parametrize("room", [-1, 0, 1, 2, 4, 16, 24, 27, 28, 29, 128, 1 << 30])
@pytest.mark.parametrize("call", ["recvmsg", "recvfrom"])
def test_names_in_every_room(call: str, room: int) -> None:
    def scenario(world):
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port, source = bound(world, server), bound(world, client, "::1")
            assert world.call("sendto", client, Room(b"abc"), 3, 0, Room(in6("::1", port)), 28) == 3
            name, length = Room(size=40), Room(struct.pack("=i", room))
            if call == "recvfrom":
                result = world.call("recvfrom", server, Room(size=8), 8, DONTWAIT, name, length)
                told_length = length.raw
            else:
                header = Header(8, 1, 0, {"name": name.at, "name_length": room & 0xFFFFFFFF})
                result = world.call("recvmsg", server, header.room, DONTWAIT)
                told_length = header.seen()["name"]
            port_bytes = struct.pack("=H", source)
            return told(result), name.raw.replace(port_bytes, b"PP"), told_length

    same(scenario)


CONTROL = [
    b"",
    message(IPV6, TCLASS, struct.pack("=i", 8)),
    message(IPV6, TCLASS, struct.pack("=i", -1)),
    message(IPV6, TCLASS, struct.pack("=i", 256)),
    message(IPV6, TCLASS, b"\1"),
    message(IPV6, HOPLIMIT, struct.pack("=i", 3)),
    message(IPV6, HOPLIMIT, struct.pack("=i", -2)),
    message(IPV6, HOPLIMIT, b""),
    message(IPV6, PKTINFO, socket.inet_pton(AF_INET6, "::1") + bytes(4)),
    message(IPV6, PKTINFO, bytes(20)),
    message(IPV6, PKTINFO, bytes(19)),
    message(IPV6, PKTINFO, socket.inet_pton(AF_INET6, "2001:db8::1") + bytes(4)),
    message(IPV6, 999, bytes(4)),
    message(socket.SOL_SOCKET, 999, bytes(4)),
    message(IPV6, TCLASS, struct.pack("=i", 8), length=0),
    message(IPV6, TCLASS, struct.pack("=i", 8), length=15),
    message(IPV6, TCLASS, struct.pack("=i", 8), length=-1),
    message(IPV6, TCLASS, struct.pack("=i", 8), length=10_000),
    message(IPV6, TCLASS, struct.pack("=i", 8)) + b"rest",
    message(IPV6, TCLASS, struct.pack("=i", 8)) + message(IPV6, HOPLIMIT, struct.pack("=i", 9), length=5),
]


@pytest.mark.parametrize("control", CONTROL, ids=range(len(CONTROL)))
@pytest.mark.parametrize("call", ["sendmsg", "sendmmsg"])
def test_control_that_is_sent(call: str, control: bytes) -> None:
    def scenario(world):
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port = bound(world, server, "::1")
            ask(world, server, RECVHOPLIMIT, RECVTCLASS)
            header = Header(b"x", in6("::1", port), control)
            extra = (header.room, 0) if call == "sendmsg" else (header.room, 1, 0)
            result = told(world.call(call, client, *extra))
            got = Header(8, 0, 96)
            return result, told(world.call("recvmsg", server, got.room, DONTWAIT)), got.seen()

    same(scenario)


LIES = [
    {"name": BAD}, {"name": BAD, "name_length": 0}, {"name": 0, "name_length": 28}, {"name_length": 0},
    {"name_length": 1}, {"name_length": 27}, {"name_length": 23}, {"name_length": 129},
    {"name_length": 0x80000000}, {"name": 0, "name_length": 0xFFFFFFFF}, {"iov": BAD}, {"iov_length": 0},
    {"iov_length": 1025}, {"iov_length": 1 << 63}, {"control": BAD, "control_length": 24},
    {"control": 0, "control_length": 24}, {"control": BAD, "control_length": 0},
    {"control": BAD, "control_length": 1 << 40}, {"iov": BAD, "name": BAD}, {"iov": BAD, "control": BAD,
    "control_length": 24}, {"iov_length": 1025, "name": BAD}, {"flags": -1},
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=str)
@pytest.mark.parametrize("call", ["sendmsg", "recvmsg"])
def test_headers_that_lie(call: str, lie: dict[str, int]) -> None:
    def scenario(world):
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port = bound(world, server, "::1")
            if call == "recvmsg":
                world.call("sendto", client, Room(b"x"), 1, 0, Room(in6("::1", port)), 28)
                return told(world.call(call, server, Header(8, 28, 0, lie).room, DONTWAIT))
            return told(world.call(call, client, Header(b"x", in6("::1", port), b"", lie).room, 0))

    same(scenario)


@pytest.mark.parametrize("size", [0, 1, 65507, 65508, 1 << 17, 1 << 20])
@pytest.mark.parametrize("address", ["::1", "::ffff:127.0.0.1", "::"])
def test_sizes_and_destinations(size: int, address: str) -> None:
    def scenario(world):
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port = bound(world, server)
            data, to = Room(size=max(size, 1)), Room(in6(address, port))
            sent = told(world.call("sendto", client, data, size, 0, to, 28))
            unreadable = told(world.call("sendto", client, BAD, 5, 0, to, 28))
            name, length = Room(size=28), Room(struct.pack("=i", 28))
            received = told(world.call("recvfrom", server, Room(size=8), 8, DONTWAIT | 0x20, name, length))
            return sent, unreadable, received, name.raw[8:], length.raw

    if size == 65508 and address != "::ffff:127.0.0.1":
        pytest.skip("one byte more than IPv4 carries: IPv6's header leaves room for 20 more")
    same(scenario)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 1024, 5000])
def test_many_at_once(count: int) -> None:
    """sendmmsg and recvmmsg stop at the first message that fails, and tell of those before it."""

    def scenario(world):
        with sockets(world, DGRAM, DGRAM) as [server, client]:
            port = bound(world, server, "::1")
            to = in6("::1", port)
            headers = [Header(b"a", to), Header(b"bc", to), Header(b"x", to, 0, {"iov": BAD})]
            vector = Room(b"".join(header.room.raw[:56] + bytes(8) for header in headers).ljust(8192, b"\0"))
            sent = told(world.call("sendmmsg", client, vector, count, 0))
            lengths = [vector.raw[at : at + 4] for at in (56, 120, 184)]
            got = [Header(8, 28) for _ in range(2)] + [Header(8, 28, 0, {"iov": BAD})]
            into = Room(b"".join(header.room.raw[:56] + bytes(8) for header in got).ljust(8192, b"\0"))
            received = told(world.call("recvmmsg", server, into, min(count, 3), DONTWAIT, 0))
            return sent, lengths, received, [into.raw[at : at + 4] for at in (56, 120, 184)]

    same(scenario)


@given(
    control=st.binary(max_size=120),
    name=st.binary(max_size=130),
    lies=st.dictionaries(
        st.sampled_from(["name", "name_length", "iov", "control", "control_length", "flags"]),
        st.sampled_from([0, 1, 8, 16, 17, 24, 28, 129, 0x7FFFFFFF]),
    ),
    call=st.sampled_from(["sendmsg", "recvmsg", "sendmmsg", "recvmmsg"]),
)
@settings(max_examples=400, deadline=None)
def test_hostile_headers_are_answered(control: bytes, name: bytes, lies: dict[str, int], call: str) -> None:
    world = Ours()
    before = os.listdir("/proc/self/fd")
    with sockets(world, DGRAM) as [fd]:
        ask(world, fd, RECVPKTINFO)
        header = Header(b"x", name, control, lies)
        vector = Room(header.room.raw[:56] + bytes(8))
        args = (vector, DONTWAIT) if call.endswith("dmsg") or call == "recvmsg" else (vector, 1, DONTWAIT, 0)
        assert -4096 < world.call(call, fd, *args) <= 1
    assert set(os.listdir("/proc/self/fd")) <= set(before)  # other tests' are collected meanwhile


PAYLOADS = st.lists(st.binary(max_size=24), max_size=4)


@given(payloads=PAYLOADS, room=st.integers(0, 200), arch=st.sampled_from([X86_64, I386]))
def test_what_fits_of_a_control_buffer(payloads: list[bytes], room: int, arch: Arch) -> None:
    whole = packed([(1, number, payload) for number, payload in enumerate(payloads)], arch.word)
    control, cut = fitted(whole, room, arch)
    assert len(control) <= room
    assert cut == (room < needed(payloads, arch))
    kept = list(items(control, arch.word))
    assert all(payloads[kind].startswith(payload) for _, kind, payload in kept)
    assert [payload for _, _, payload in kept[:-1]] == payloads[: len(kept)][:-1]
    assert cut or len(kept) == len(payloads)


def needed(payloads: list[bytes], arch: Arch) -> int:
    """Bytes up to the end of the last payload; its padding may be missing."""
    *before, last = payloads or [None]
    spaces = sum(cmsg_space(len(payload), arch) for payload in before)
    return spaces + cmsg_len(len(last), arch) if last is not None else 0


def test_an_ipv4_peer_is_seen_as_mapped() -> None:
    def scenario(world):
        with sockets(world, DGRAM) as [server]:
            port = bound(world, server)
            ask(world, server, RECVPKTINFO, RECVHOPLIMIT, RECVTCLASS)
            with socket.socket(AF_INET, DGRAM) as peer:
                peer.bind(("127.0.0.1", 0))
                peer.sendto(b"x", ("127.0.0.1", socket.ntohs(port)))
                header = Header(8, 28, 200)
                result = world.call("recvmsg", server, header.room, 0)
                own = struct.pack("=H", socket.htons(peer.getsockname()[1]))
                return result, header.name.raw.replace(own, b"PP"), header.seen()

    same(scenario)
