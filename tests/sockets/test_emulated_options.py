"""The option table of the stack provider against the kernel's sockets: every option of abi, every kind of
socket, fresh, bound, listening and connected.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest
from kernel_options import KINDS, Emulated, Kernel, history

from ptrace_net.abi.sockopt import OPTIONS
from ptrace_net.sockets.emulated.options import (
    NATIVE_GET,
    NATIVE_SET,
    Inheritance,
    Options,
    base,
    ip,
    ipv6,
    tcp,
    udp,
)
from ptrace_net.syscalls.options import ASKING
from ptrace_net.wanted import KEPT_BENEATH

SOL_SOCKET = socket.SOL_SOCKET
LEVELS = {SOL_SOCKET: base, 0: ip, 41: ipv6, 6: tcp, 17: udp}
UNIX_LEVELS = (40, 263)  # vsock and packet sockets
# What Linux does for a privileged program, and we refuse: IPsec, TCP_REPAIR, taking an anycast address.
REFUSED = {(0, 16), (0, 17), (41, 34), (41, 35), (6, 19), (41, 27)}
# Every socket has its own cookie; the clock goes on, in struct tcp_info as well.
UNLIKE = {(SOL_SOCKET, 57), (6, 24), (6, 11)}
COMPARED = sorted(key for key in OPTIONS if key[0] not in UNIX_LEVELS and key not in REFUSED | UNLIKE)
# Levels and options that nobody has.
ABSENT = [
    (SOL_SOCKET, 99),
    (0, 120),
    (41, 120),
    (6, 99),
    (17, 7),
    (255, 7),
    (58, 7),
    (136, 1),
    (282, 1),
    (999, 1),
]


def make(kind: str) -> socket.socket:
    try:
        return socket.socket(*KINDS[kind])
    except PermissionError:
        pytest.skip("raw sockets need CAP_NET_RAW")
    except OSError:
        pytest.skip("the machine has no IPv6")


def loopback(sock: socket.socket) -> str:
    return "127.0.0.1" if sock.family == socket.AF_INET else "::1"


@contextmanager
def prepared(kind: str, state: str) -> Iterator[socket.socket]:
    with make(kind) as sock:
        if state == "connected" and sock.type == socket.SOCK_STREAM:
            with closing(socket.create_server((loopback(sock), 0), family=sock.family)) as server:
                sock.connect(server.getsockname()[:2])
                with server.accept()[0]:
                    yield sock
            return
        if state in ("bound", "listening"):
            sock.bind((loopback(sock), 0))
        if state == "listening":
            sock.listen()
        if state == "connected":
            sock.connect((loopback(sock), 9))
        yield sock


def differences(kind: str, state: str, level: int, option: int) -> list[str]:
    with prepared(kind, state) as sock, prepared(kind, state) as twin:
        emulated = Emulated(twin, KINDS[kind][2])
        with emulated.backing:
            native, ours = history(Kernel(sock), level, option), history(emulated, level, option)
    return [f"{level} {option}: Linux {one}, not {other}" for one, other in zip(native, ours, strict=True)
            if one != other]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_fresh_socket_answers_as_linux(kind: str) -> None:
    assert [line for key in (*COMPARED, *ABSENT) for line in differences(kind, "fresh", *key)] == []


# Two sockets have two ports: SO_PEERNAME, IP_PROTOCOL.
NAMING = {(SOL_SOCKET, 28), (0, 52)}
# What traffic has done to a connection, and the kernel to its buffer: SO_SNDBUF, SO_INCOMING_CPU, SO_MEMINFO,
# TCP_CC_INFO.
TUNED = {(SOL_SOCKET, 7), (SOL_SOCKET, 49), (SOL_SOCKET, 55), (6, 26)}


@pytest.mark.parametrize(
    ("kind", "state"),
    [("tcp", "bound"), ("tcp6", "bound"), ("udp", "bound"), ("udp6", "bound"), ("tcp", "listening"),
     ("tcp6", "listening"), ("tcp", "connected"), ("tcp6", "connected"), ("udp", "connected"),
     ("udp6", "connected")],
)  # fmt: skip
def test_a_socket_in_use_answers_as_linux(kind: str, state: str) -> None:
    unlike = NAMING | TUNED if (kind[:3], state) == ("tcp", "connected") else NAMING
    asked = [key for key in COMPARED if key not in unlike]
    assert [line for key in asked for line in differences(kind, state, *key)] == []


@pytest.mark.parametrize("level", LEVELS)
def test_every_option_of_abi_has_a_row(level: int) -> None:
    rows = LEVELS[level].ROWS
    wanted = {option.number for option in OPTIONS.values() if option.level == level}
    assert len(wanted) > 5
    raw_only = {36, 7} if level == 41 else set()
    assert wanted - set(rows) - raw_only == set()


@pytest.mark.parametrize("level", LEVELS)
def test_defaults_are_those_of_abi(level: int) -> None:
    found = {}
    for number, row in LEVELS[level].ROWS.items():
        option = OPTIONS.get((level, number))
        if option is not None and option.default.lstrip("-").isdigit() and row.get is None and not row.unread:
            found[option.name] = (int(option.default), row.default)
    assert len(found) > 5
    assert {name: pair for name, pair in found.items() if pair[0] != pair[1]} == {}


def unix_history(kind: int, option: int) -> list[object]:
    with socket.socket(socket.AF_UNIX, kind) as sock:
        return [*history(Kernel(sock), SOL_SOCKET, option)]


def inet_history(kind: int, option: int) -> list[object]:
    with socket.socket(socket.AF_INET, kind) as sock:
        return [*history(Kernel(sock), SOL_SOCKET, option)]


RCVLOWAT, COOKIE = 18, 57


@pytest.mark.parametrize("option", sorted(NATIVE_GET - {RCVLOWAT, COOKIE}))
def test_the_kernel_treats_backing_sockets_as_it_would_treat_tcp_and_udp_ones(option: int) -> None:
    assert unix_history(socket.SOCK_STREAM, option) == inet_history(socket.SOCK_STREAM, option)
    assert unix_history(socket.SOCK_SEQPACKET, option) == inet_history(socket.SOCK_DGRAM, option)


def test_the_filter_lets_through_only_what_the_kernel_treats_alike() -> None:
    assert set(KEPT_BENEATH) <= NATIVE_SET <= NATIVE_GET


def test_an_accepted_socket_has_what_its_listener_was_set_to() -> None:
    values = [(2, 1), (5, 1), (6, 1), (9, 1), (10, 1), (18, 7)]
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as accepted:
        for option, value in values:
            listener.setsockopt(SOL_SOCKET, option, value)
        listener.setsockopt(SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 5))
        listener.setsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("=qq", 3, 0))
        inheritance = Inheritance()
        inheritance.read(listener.fileno())
        inheritance.give(accepted.fileno())
        assert [(option, accepted.getsockopt(SOL_SOCKET, option)) for option, _ in values] == values
        assert accepted.getsockopt(SOL_SOCKET, socket.SO_LINGER, 8) == struct.pack("=ii", 1, 5)
        assert accepted.getsockopt(SOL_SOCKET, socket.SO_RCVTIMEO, 16) == struct.pack("=qq", 3, 0)


def test_a_copy_goes_its_own_way() -> None:
    with make("tcp") as twin:
        emulated = Emulated(twin, 6)
        with emulated.backing:
            assert emulated.set(6, 1, struct.pack("=i", 1), 4) == ""
            child = emulated.options.copy()
            assert child.value(6, 1) == 1
            assert emulated.set(6, 1, struct.pack("=i", 0), 4) == ""
            assert (child.value(6, 1), emulated.options.value(6, 1)) == (1, 0)
            assert child.value(6, 4) == 7200


def test_tcp_info_is_cut_to_the_room() -> None:
    with make("tcp") as twin:
        emulated = Emulated(twin, 6)
        emulated.target.tcp_info = lambda handle=-1: bytes(range(248))  # type: ignore[method-assign]
        with emulated.backing:
            assert [emulated.get(6, 11, size) for size in (0, 3, 104, 248, 400)] == [
                bytes(range(min(size, 248))) for size in (0, 3, 104, 248, 400)
            ]
            assert emulated.get(6, 11, -1) == "EINVAL"


def test_what_asks_with_its_buffer_is_an_option() -> None:
    assert all(key in OPTIONS for key in ASKING)


def test_common_options_load_no_layouts() -> None:
    """A program that sets SO_REUSEADDR and TCP_NODELAY must not wait for construct."""
    code = """if True:
        import sys
        from ptrace_net.sockets.emulated.options import Options
        options = Options(2, 1, 6)
        assert (options.value(1, 15), options.value(6, 1)) == (0, 0)
        heavy = {name.partition(".")[0] for name in sys.modules} & {"construct", "asyncio", "json"}
        heavy |= {name for name in sys.modules if name.endswith(("options.ip", "options.ipv6"))}
        print(*sorted(heavy))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("\n", "")


def test_nothing_is_kept_until_something_is_set() -> None:
    options = Options(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    assert (options.values, options.blobs, options.groups) == (None, None, None)
    assert options.value(socket.IPPROTO_IP, 2) == 64
    assert options.values is None
