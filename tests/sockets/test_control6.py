"""Control messages between the families: both word sizes, truncation, and nothing but Errno for any bytes."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptrace_net.policies.policy import Policy
from ptrace_net.sockets.control4 import Control4
from ptrace_net.sockets.control6 import Control6, items, packed
from ptrace_net.sockets.faces import FourOnSix, SixOnFour
from ptrace_net.syscalls.seam import Errno

FACE = SixOnFour(Policy().addresses)
REVERSE = FourOnSix(Policy().addresses)
IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6
WORDS = [4, 8]
ALL = dict.fromkeys((2, 8, 25, 49, 51, 66, 74), 1)
NUMBERS = st.integers(-(1 << 31), (1 << 31) - 1)
ITEMS = st.lists(st.tuples(NUMBERS, NUMBERS, st.binary(max_size=40)), max_size=5)


def six(text: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6, text)


@pytest.mark.parametrize("word", WORDS)
@given(messages=ITEMS)
def test_round_trip(word: int, messages: list[tuple[int, int, bytes]]) -> None:
    control = packed(messages, word)
    assert list(items(control, word)) == messages
    assert len(control) % word == 0


def test_packed_as_cmsg_space_and_the_c_library_say() -> None:
    messages = [(1, 2, b"abc"), (3, 4, b"")]
    control = packed(messages)
    sizes = [socket.CMSG_SPACE(3), socket.CMSG_SPACE(0)]
    assert len(control) == sum(sizes)
    assert struct.unpack_from("=Qii3s", control) == (socket.CMSG_LEN(3), 1, 2, b"abc")
    assert struct.unpack_from("=Qii", control, sizes[0]) == (socket.CMSG_LEN(0), 3, 4)


@pytest.mark.parametrize("word", WORDS)
@given(control=st.binary(max_size=90), own=st.booleans())
def test_any_bytes_give_a_buffer_or_an_errno(word: int, control: bytes, own: bool) -> None:
    for convert in (
        lambda: list(items(control, word)),
        lambda: Control6(FACE).to_host(control, word, own),
        lambda: Control6(FACE).from_host(control, own, ALL, word),
        lambda: Control4(REVERSE).to_host(control, word, own),
        lambda: Control4(REVERSE).from_host(control, own, {}, word),
    ):
        try:
            convert()
        except Errno as error:
            number = error.number
        else:
            number = 0
        assert number in (0, 22, 101)


HOST_TYPES = [1, 2, 8, 11, 20]


@pytest.mark.parametrize("word", WORDS)
@given(kind=st.sampled_from(HOST_TYPES), payload=st.binary(max_size=48), own=st.booleans(), data=st.data())
def test_a_payload_may_be_cut_anywhere(
    word: int, kind: int, payload: bytes, own: bool, data: st.DataObject
) -> None:
    """The kernel cuts the last message where the program's room ends."""
    options = dict.fromkeys(data.draw(st.sets(st.sampled_from(sorted(ALL)))), 1)
    control = Control6(FACE).from_host(packed([(IP, kind, payload)], word), own, options, word)
    for level, _, _ in items(control, word):
        assert level in ((IP, IPV6) if kind == 11 or not own else (IPV6,))


@pytest.mark.parametrize("word", WORDS)
def test_pktinfo_both_ways(word: int) -> None:
    asked = packed([(IPV6, 50, six("::1") + struct.pack("=I", 7))], word)
    sent = Control6(FACE).to_host(asked, word, True)
    assert list(items(sent, 8)) == [(IP, 8, struct.pack("=i4s4s", 7, FACE.plain_loopback, bytes(4)))]
    came = packed([(IP, 8, struct.pack("=i4s4s", 7, bytes(4), b"\x7f\0\0\1"))], word)
    seen = Control6(FACE).from_host(came, True, {49: 1}, word)
    assert list(items(seen, word)) == [(IPV6, 50, six("::1") + struct.pack("=I", 7))]
    mapped = Control6(FACE).from_host(came, False, {49: 1}, word)
    assert (IPV6, 50, six("::ffff:127.0.0.1") + struct.pack("=I", 7)) in list(items(mapped, word))


@given(
    kind=st.sampled_from([2, 8, 50, 52, 62, 67]), payload=st.binary(max_size=24), own=st.booleans(),
    word=st.sampled_from(WORDS),
)  # fmt: skip
def test_any_payload_that_is_sent(kind: int, payload: bytes, own: bool, word: int) -> None:
    try:
        sent = Control6(FACE).to_host(packed([(IPV6, kind, payload)], word), word, own)
    except Errno:
        sent = b""
    assert all(level == IP for level, _, _ in items(sent, 8))


def test_other_levels_pass_in_the_hosts_word() -> None:
    for word in WORDS:
        sent = Control6(FACE).to_host(packed([(99, 7, b"abcdefgh")], word), word, True)
        assert list(items(sent, 8)) == [(99, 7, b"abcdefgh")]
