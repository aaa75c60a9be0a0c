"""The same ICMP errors about segments of ours and of Linux's: what they end, and what SO_ERROR says."""

from collections.abc import Callable

import pytest
from kernel_peer import Near, Ours, kernels
from test_stack_kernel import REFUSED

from ptrace_net.stack.tcp.segment import ACK, RST, SYN

pytestmark = pytest.mark.skipif(bool(REFUSED), reason=REFUSED)

# Version, type and codes: all that there are, and some more.
ERRORS = [
    (4, 3, range(9)), (4, 3, range(9, 17)), (4, 4, range(1)), (4, 5, range(4)), (4, 11, range(3)),
    (4, 12, range(3)), (6, 1, range(9)), (6, 2, range(2)), (6, 3, range(3)), (6, 4, range(4)),
    (6, 5, range(1)), (6, 127, range(1)),
]  # fmt: skip
SMALLER_MTU = 1300
Scenario = Callable[[Near, int, int], list[object]]


def in_a_handshake(near: Near, kind: int, code: int) -> list[object]:
    """About the SYN-ACK: is the acknowledgment that comes then for a connection, or for nobody?"""
    near.listen()
    said: list[object] = []
    for seq in (1, 0):
        said.append(near.send(SYN, 0, 0))
        near.error(kind, code, SMALLER_MTU, seq)
        said.append(near.send(ACK, 1, 1))
        if said[-1] == "":
            near.accept()
            near.send(RST, 1, 0)
            near.close()
    return said


def in_an_attempt(near: Near, kind: int, code: int) -> list[object]:
    """About the SYN."""
    said: list[object] = [near.connect()]
    near.error(kind, code, SMALLER_MTU, 7)
    said.append(near.take_error())
    near.error(kind, code, SMALLER_MTU, 0)
    said.append(near.wait(0.05))
    said.append(near.take_error())
    near.close()
    return said


def in_a_simultaneous_open(near: Near, kind: int, code: int) -> list[object]:
    """About the SYN-ACK of a socket that had begun to connect."""
    said: list[object] = [near.connect(), near.send(SYN, 0, 0)]
    near.error(kind, code, SMALLER_MTU, 0)
    said += [near.send(ACK, 1, 1), near.take_error()]
    near.send(RST, 1, 0)
    near.close()
    return said


def about_a_datagram(near: Near, kind: int, code: int) -> list[object]:
    return [near.take_datagram_error(kind, code, SMALLER_MTU)]


@pytest.mark.parametrize(
    "play", [in_a_handshake, in_an_attempt, in_a_simultaneous_open, about_a_datagram],
    ids=lambda function: function.__name__,
)  # fmt: skip
@pytest.mark.parametrize("errors", ERRORS, ids=lambda each: f"IPv{each[0]}-{each[1]}-{each[2][0]}")
def test_icmp_as_linux(play: Scenario, errors: tuple[int, int, range]) -> None:
    version, kind, codes = errors
    expected = {}
    for code in codes:
        with kernels(version) as linux:
            expected[kind, code] = play(linux, kind, code)
    assert {(kind, code): play(Ours(version), kind, code) for code in codes} == expected
