"""Threads that sleep for datagrams, without an engine: who is handed what, and what becomes of the rest."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from ptrace_net.sockets.emulated.handing import Sleepers
from ptrace_net.sockets.emulated.names import Name
from ptrace_net.sockets.emulated.origins import Origin
from ptrace_net.syscalls.seam import Answer, Park, Return
from ptrace_net.syscalls.sockets import Received

ORIGIN = Origin(Name(b"\x7f\0\0\1", 7), b"\x7f\0\0\1")


@dataclass
class Engine:
    """Parks calls; ``withdrawn`` are the threads that sleep no more, ``late`` those that a signal reaches
    when they have been promised an answer.
    """

    withdrawn: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    results: dict[int, Answer] = field(default_factory=dict)
    again: list[int] = field(default_factory=list)
    promised: list[tuple[int, Callable[[], Answer], Callable[[], object]]] = field(default_factory=list)

    def sleep(self, tid: int, park: Park) -> None:
        def resume(
            ready: Callable[[], Answer] | None = None, lost: Callable[[], object] | None = None
        ) -> bool:
            if tid in self.withdrawn:
                return False
            if ready is None or lost is None:
                self.again.append(tid)
            else:
                self.promised.append((tid, ready, lost))
            return True

        park.start(resume)

    def go_on(self) -> None:
        while self.promised:
            tid, ready, lost = self.promised.pop(0)
            answer = ready()
            if tid in self.late:
                lost()
            else:
                self.results[tid] = answer


@dataclass
class Sock:
    """What ``Sleepers`` asks of a socket; ``queue`` is what no thread has taken."""

    sleepers: Sleepers = field(default_factory=Sleepers)
    queue: list[bytes] = field(default_factory=list)

    def received(self, data: bytes, origin: Origin, size: int, flags: int) -> Received:
        return Received(data[:size], b"", [], flags, len(data))

    def deliver(self, data: bytes, origin: Origin) -> bool:
        if not self.sleepers.hand(self, data, origin):
            self.queue.append(data)
        return True


@pytest.fixture
def world() -> tuple[Engine, Sock, dict[int, bytes]]:
    engine, sock, given = Engine(), Sock(), {}

    def park(tid: int) -> None:
        def give(got: Received) -> int:
            given[tid] = got.data
            return got.total

        engine.sleep(tid, sock.sleepers.park(tid, 4, 0, give, None))

    for tid in (3, 1, 2):
        park(tid)
    park(3)  # called again: it is the last now
    return engine, sock, given


def test_who_has_slept_longest_comes_first(world: tuple[Engine, Sock, dict[int, bytes]]) -> None:
    engine, sock, given = world
    for data in (b"a", b"bcdef", b"c", b"d"):
        sock.deliver(data, ORIGIN)
    engine.go_on()
    assert given == {1: b"a", 2: b"bcde", 3: b"c"}
    assert engine.results == {1: Return(1), 2: Return(5), 3: Return(1)}
    assert sock.queue == [b"d"]


def test_who_sleeps_no_more_takes_nothing(world: tuple[Engine, Sock, dict[int, bytes]]) -> None:
    engine, sock, given = world
    engine.withdrawn |= {1, 3}
    sock.deliver(b"a", ORIGIN)
    sock.deliver(b"b", ORIGIN)
    engine.go_on()
    assert given == {2: b"a"}
    assert sock.queue == [b"b"]


def test_a_signal_in_the_last_moment_loses_nothing(world: tuple[Engine, Sock, dict[int, bytes]]) -> None:
    engine, sock, _given = world
    engine.late |= {1, 2, 3}
    sock.deliver(b"a", ORIGIN)
    engine.go_on()
    assert engine.results == {}
    assert sock.queue == [b"a"]


def test_all_look_for_themselves(world: tuple[Engine, Sock, dict[int, bytes]]) -> None:
    engine, sock, _given = world
    engine.withdrawn.add(2)
    sock.sleepers.wake()
    assert engine.again == [1, 3]
    sock.deliver(b"a", ORIGIN)
    assert sock.queue == [b"a"]
