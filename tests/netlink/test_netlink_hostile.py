"""Requests that were cut, bent and made up: an error message or silence as Linux gives, never an exception.
"""

import random
import shlex
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from netlink_net import STRICT, Ours, kernel, plain
from netlink_requests import BODIES, ETH0, address, ask, dump, ip, link, neighbour, route
from netlink_tools import natively, ours

from ptrace_net.abi.netlink.messages import split_messages

NLMSG_ERROR = 2

READS = [
    *(dump(kind, family) for kind in BODIES for family in (0, 2, 10)),
    route("GETROUTE", "10.0.2.7", RTA_OIF=ETH0), route("GETROUTE", "fec0::7"),
    link("GETLINK", ETH0, IFLA_EXT_MASK=1), neighbour("GETNEIGH", "10.0.2.2", None, state=0),
    ask("GETADDR", {"ifa_family": 10}, {"IFA_ADDRESS": ip("::1")}),
]  # fmt: skip
CHANGES = [
    address("NEWADDR", "10.9.0.1", 16, IFA_LABEL="eth0:1"), address("NEWADDR", "2001:db8::5", 64),
    route("NEWROUTE", "192.168.7.0/24", 0x400, RTA_GATEWAY=ip("10.0.2.9"), RTA_METRICS={"RTAX_MTU": 1400}),
    neighbour("NEWNEIGH", "10.0.2.9", b"123456", flags=0x400), link("NEWLINK", ETH0, IFLA_MTU=1400),
    address("DELADDR", "10.0.2.15", 24), route("DELROUTE", "0.0.0.0/0"),
    link("SETLINK", ETH0, IFLA_IFALIAS="x"),
]  # fmt: skip


def bent(request: bytes, rng: random.Random) -> bytes:
    """One to three bytes changed behind the type, perhaps cut, with a length that says so or not."""
    data = bytearray(request)
    for _ in range(rng.randint(1, 3)):
        data[rng.randrange(16, len(data))] = rng.choice((0, 1, 2, 4, 8, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    if rng.random() < 0.3:
        del data[rng.randrange(16, len(data)) :]
        if rng.random() < 0.8:
            data[0:4] = len(data).to_bytes(4, "little")
    return bytes(data)


def errors(datagrams: list[bytes]) -> list[int]:
    """The errnos that an answer has; the texts may differ, and how many objects there are."""
    messages = [each for data in datagrams for each in split_messages(data)]
    return [int.from_bytes(each[16:20], "little", signed=True) for each in messages if each[4] == NLMSG_ERROR]


def test_bent_requests_to_read_end_as_in_linux() -> None:
    """A few hundred; where Linux has objects that we do not (bits of a family, a filter), ours may be fewer.
    """
    rng, ours, wrong = random.Random(6), Ours(), []
    with kernel() as linux:
        for _ in range(1200):
            request = bent(rng.choice(READS), rng)
            options = (STRICT,) if rng.random() < 0.5 else ()
            expected, got = (errors(side.ask(request, options=options)) for side in (linux, ours))
            if got != expected and request[16] not in (128, 129):
                wrong.append((request.hex(), options, expected, got))
    assert not wrong


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.sampled_from(READS + CHANGES), min_size=1, max_size=3))
def test_bent_requests_never_raise(seed: int, requests: list[bytes]) -> None:
    ours, rng = Ours(), random.Random(seed)
    for request in requests:
        for message in plain(ours.ask(bent(request, rng))):
            assert message[0] != "NLMSG_OVERRUN"
    assert plain(ours.ask(dump("GETLINK")))[-1][0] == "NLMSG_DONE"


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_never_raise(data: bytes) -> None:
    Ours().ask(data)


@pytest.mark.parametrize("engine", ["ptrace", "notify"])
def test_bent_questions_about_sockets_end_as_in_linux(ptrace_net_command: list[str], engine: str) -> None:
    script = shlex.join([sys.executable, str(Path(__file__).with_name("py") / "diag_requests.py")])
    with kernel() as linux:
        expected = natively(linux, script)
    assert {line.split()[5] for line in expected.splitlines()} == {"done", "error", "silence"}
    assert ours(ptrace_net_command, script, "--engine", engine).splitlines() == expected.splitlines()
