"""Messages that are sent and taken several at a time: as many, as long and in the order as one by one."""

import errno
import socket
from collections.abc import Iterator

import pytest

from ptrace_net.sockets.incoming import received_all
from ptrace_net.sockets.outgoing import Outgoing

PLAIN = Outgoing(b"")
MESSAGES = [bytes([number % 256]) * (number * 37 % 5000 + 1) for number in range(200)]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 21)
        yield ours, theirs


def test_all_arrive_in_order(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert PLAIN.send_many(ours.fileno(), MESSAGES) == (len(MESSAGES), 0)
    assert received_all(theirs.fileno(), 1000) == MESSAGES


def test_the_longest_go_a_few_at_a_time(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    long = [bytes([number]) * 65507 for number in range(7)]
    assert PLAIN.send_many(ours.fileno(), long) == (7, 0)
    assert received_all(theirs.fileno(), 7) == long


def test_about_as_many_as_are_asked_for(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    PLAIN.send_many(ours.fileno(), MESSAGES)
    first = received_all(theirs.fileno(), 64)
    assert 64 <= len(first) < 80
    assert first + received_all(theirs.fileno(), 1000) == MESSAGES


def test_a_full_queue_says_how_many_it_took(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4608)
    sent, number = PLAIN.send_many(ours.fileno(), MESSAGES)
    assert number == errno.EAGAIN
    assert received_all(theirs.fileno(), 1000) == MESSAGES[:sent]


def test_the_end_of_file_is_no_message(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert received_all(theirs.fileno(), 10) == []
    PLAIN.send_many(ours.fileno(), [b"one", b"two"])
    ours.close()
    assert received_all(theirs.fileno(), 10) == [b"one", b"two"]
    assert received_all(theirs.fileno(), 10) == []


def test_nobody_is_left(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    theirs.close()
    assert PLAIN.send_many(ours.fileno(), [b"one", b"two"]) == (0, errno.EPIPE)


def test_empty_ones_count(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    assert PLAIN.send_many(ours.fileno(), [b"", b"x", b""]) == (3, 0)
    assert received_all(theirs.fileno(), 10) == [b"", b"x", b""]
