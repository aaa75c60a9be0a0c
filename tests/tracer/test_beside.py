"""The reactor in a thread of its own: one of the two works at a time, and new timers are heard of."""

import os
import threading
import time

import pytest

from ptrace_net.reactor import EPOLLIN, Reactor
from ptrace_net.tracer.beside import Beside


class Failed(Exception):
    pass


@pytest.fixture
def beside():
    reactor = Reactor()
    made = Beside(reactor, lambda: None, lambda: None)
    made.reactor = reactor
    with made.lock:
        made.start()
    yield made
    made.end()


def test_timers_are_called_though_it_sleeps_for_ever_or_longer(beside) -> None:
    called, done = [], threading.Event()
    now = time.monotonic()
    with beside.lock:
        beside.reactor.call_at(now + 3600, lambda: called.append("late"))
    time.sleep(0.05)  # it is asleep by now, or will see what follows anyway
    with beside.lock:
        beside.reactor.call_at(now + 0.1, done.set)
    assert done.wait(10)
    assert not called


def test_descriptors_are_served_while_the_lock_is_free_only(beside) -> None:
    ours, theirs = os.pipe()
    seen = threading.Event()
    with beside.lock:
        beside.reactor.add(ours, EPOLLIN, lambda _events: (os.read(ours, 1), seen.set()))
        os.write(theirs, b"x")
        assert not seen.wait(0.2)
    assert seen.wait(10)
    with beside.lock:
        beside.reactor.remove(ours)
    os.close(ours)
    os.close(theirs)


def test_an_error_of_a_callback_is_told(monkeypatch) -> None:
    told, ended = [], threading.Event()
    monkeypatch.setattr("sys.excepthook", lambda kind, *_: told.append(kind))
    reactor = Reactor()
    beside = Beside(reactor, lambda: None, ended.set)

    def fail() -> None:
        raise Failed

    with beside.lock:
        beside.start()
        reactor.call_at(time.monotonic(), fail)
    assert ended.wait(10)
    assert told == [Failed]
