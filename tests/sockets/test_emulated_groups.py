"""Multicast memberships of the option table against the kernel's, by long random sequences on ``lo``."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Callable

import pytest
from kernel_options import KINDS, Emulated, Kernel

LO = 1
GROUPS4 = [socket.inet_aton(each) for each in ("224.0.0.77", "239.1.2.3", "10.0.0.1")]
SOURCES4 = [socket.inet_aton(f"10.9.8.{last}") for last in range(1, 14)]
WHERE4 = [socket.inet_aton(each) for each in ("127.0.0.1", "192.0.2.77")]
GROUPS6 = [socket.inet_pton(socket.AF_INET6, each) for each in ("ff02::77", "ff05::1:3", "fe80::1")]
SOURCES6 = [socket.inet_pton(socket.AF_INET6, f"2001:db8::{last}") for last in range(1, 6)]
INDICES = [LO, LO, LO, 99999]
Step = tuple[int, int, bytes, int]  # level, option, value, length

CHOICE = random.Random


def storage(address: bytes) -> bytes:
    """A sockaddr_storage."""
    if len(address) == 4:
        return struct.pack("=H2x4s", socket.AF_INET, address).ljust(128, b"\0")
    return struct.pack("=H6x16s", socket.AF_INET6, address).ljust(128, b"\0")


def group_req(chance: CHOICE, group: bytes) -> bytes:
    return struct.pack("=i4x", chance.choice(INDICES)) + storage(group)


def by_name(level: int, groups: list[bytes], sources: list[bytes]) -> Callable[[CHOICE], Step]:
    """RFC 3678: MCAST_JOIN_GROUP to MCAST_MSFILTER."""

    def step(chance: CHOICE) -> Step:
        option = chance.randrange(42, 49)
        value = group_req(chance, chance.choice(groups))
        if option == 48:
            some = chance.sample(sources, chance.randrange(4))
            value += struct.pack("=II", chance.choice((0, 1, 1, 2)), len(some)) + b"".join(map(storage, some))
        elif option not in (42, 45):
            value += storage(chance.choice((*sources, *GROUPS4)))
        return level, option, value, len(value) - (chance.random() < 0.05)

    return step


def step4(chance: CHOICE) -> Step:
    """ip(7): IP_ADD_MEMBERSHIP to IP_MSFILTER."""
    option = chance.randrange(35, 42)
    group, where = chance.choice(GROUPS4), chance.choice(WHERE4)
    if option in (35, 36):
        value = group + where + (struct.pack("=i", chance.choice(INDICES)) if chance.random() < 0.5 else b"")
    elif option == 41:
        some = chance.sample(SOURCES4, chance.randrange(12))
        value = group + where + struct.pack("=II", chance.choice((0, 1, 1, 2)), len(some)) + b"".join(some)
    else:
        value = group + where + chance.choice(SOURCES4)
    return 0, option, value, len(value) - (chance.random() < 0.05)


def step6(chance: CHOICE) -> Step:
    """ipv6(7): IPV6_ADD_MEMBERSHIP, IPV6_DROP_MEMBERSHIP, IPV6_LEAVE_ANYCAST."""
    option = chance.choice((20, 20, 21, 28))
    value = chance.choice(GROUPS6) + struct.pack("=i", chance.choice(INDICES))
    return 41, option, value, len(value) - (chance.random() < 0.05)


def shown(answer: bytes | str, head: int, each: int) -> object:
    """Errno, or length, mode, number of sources, and the sources in any order."""
    if isinstance(answer, str):
        return answer
    sources = sorted(answer[at : at + each].hex() for at in range(head, len(answer), each))
    return len(answer), answer[head - 8 : head].hex(), sources


def filters(sock: Kernel | Emulated, level: int, count: int) -> list[object]:
    """What MCAST_MSFILTER and IP_MSFILTER say of every group, with room for ``count`` sources."""
    seen: list[object] = []
    for group in GROUPS4 if level == 0 else GROUPS6:
        asked = struct.pack("=i4x", LO) + storage(group) + struct.pack("=II", 0, count)
        seen.append(shown(sock.get(level, 48, 4096, asked), 144, 128))
        if level == 0:
            asked = group + WHERE4[0] + struct.pack("=II", 0, count)
            seen.append(shown(sock.get(0, 41, 4096, asked), 16, 4))
    return seen


STEPS: dict[str, tuple[str, int, list[Callable[[CHOICE], Step]]]] = {
    "ipv4": ("udp", 0, [step4, by_name(0, GROUPS4, SOURCES4)]),
    "ipv4 on tcp": ("tcp", 0, [step4, by_name(0, GROUPS4, SOURCES4)]),
    "ipv6": ("udp6", 41, [step6, by_name(41, GROUPS6, SOURCES6)]),
    "ipv6 on tcp": ("tcp6", 41, [step6, by_name(41, GROUPS6, SOURCES6)]),
}


@pytest.mark.parametrize("case", STEPS)
@pytest.mark.parametrize("seed", range(6))
def test_memberships_go_as_the_kernel_has_them(case: str, seed: int) -> None:
    kind, level, makers = STEPS[case]
    try:
        sock, twin = socket.socket(*KINDS[kind]), socket.socket(*KINDS[kind])
    except OSError:
        pytest.skip("the machine has no IPv6")
    chance = random.Random(seed)
    emulated, results = Emulated(twin, KINDS[kind][2]), []
    with sock, twin, emulated.backing:
        native = Kernel(sock)
        for _ in range(150):
            at, option, value, length = chance.choice(makers)(chance)
            results.append(native.set(at, option, value, length))
            ours = emulated.set(at, option, value, length)
            assert (at, option, value.hex(), ours) == (at, option, value.hex(), results[-1])
            assert filters(emulated, level, 20) == filters(native, level, 20)
        groups = emulated.options.groups or {}
        assert emulated.target.joined == {(group, index) for index, group in groups}
    assert len(set(results)) > 4
