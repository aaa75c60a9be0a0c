"""A program under an engine whose handlers are a test's own: `answering.py ENGINE SCENARIO PROGRAM ARG…`.

A script, so that the engine's thread is the main thread of a process of its own. Each scenario says which
calls are intercepted and what is answered; the program (c/answers.c) prints what it saw.
"""

import errno
import os
import select
import signal
import socket
import sys
import time

from ptrace_net.run import supervise
from ptrace_net.syscalls.seam import NATIVE, Errno, Fail, Native, Park, Replace, Return, Wait
from ptrace_net.tracer.filter import NOTIFY, Rule, assemble
from ptrace_net.tracer.registers import arches, machine

STREAM = socket.SOCK_STREAM
RUNG = 8  # in the backlog: a signal is to come while the call sleeps


class Scenario:
    """The base: what a test's provider has to hand."""

    calls: tuple[str, ...] = ()

    def __init__(self, engine):
        self.engine = engine
        self.reactor = engine.reactor
        self.kept, self.rung = [], set()

    def dispatch(self, call):
        try:
            return getattr(self, call.name, lambda call: NATIVE)(call)
        except Errno as error:
            return Fail(error.number)

    def ready(self, greeting):
        """Our descriptor of a socket on which ``greeting`` can be read; we keep the other end."""
        mine, theirs = socket.socketpair()
        mine.sendall(greeting)
        self.kept.append(mine)
        return theirs.detach()

    def rings(self, call):
        """SIGALRM for the caller, who sleeps by then, where it asks for that and for the first time so."""
        if not call.args[1] & RUNG or call.args in self.rung:
            return False
        self.rung.add(call.args)
        self.reactor.call_at(time.monotonic() + 0.02, lambda: os.kill(call.task.tid, signal.SIGALRM))
        return True


class MadeKept(Scenario):
    calls = ("socket",)

    def socket(self, call):
        def made(handle):
            self.inode = os.fstat(handle).st_ino
            return handle

        def then(fd):
            return None if call.task.socket_inode(fd) == self.inode else Return(-errno.EIO)

        return Native(then, "socket", (socket.AF_UNIX, call.args[1], 0), made)


class MadeOther(Scenario):
    calls = ("socket", "accept", "accept4")

    def socket(self, call):
        if call.args[0] == socket.AF_UNIX:
            return NATIVE
        return Native(None, "socket", (socket.AF_UNIX, call.args[1], 0), lambda handle: self.ready(b"made"))

    def accept(self, call):
        def made(handle):
            call.task.write(call.args[1], b"\x07\0peer")
            return self.ready(b"accepted")

        flags = call.args[3] if call.name == "accept4" else 0
        return Native(None, "accept4", (call.args[0], 0, 0, flags), made)

    accept4 = accept


class MadeFails(Scenario):
    calls = ("socket", "accept")

    def refuse(self, handle):
        raise Errno(errno.ENOBUFS)

    def socket(self, call):
        if call.args[0] == socket.AF_UNIX:
            return NATIVE
        return Native(None, "socket", (socket.AF_UNIX, call.args[1], 0), self.refuse)

    def accept(self, call):
        return Native(None, "accept4", (call.args[0], 0, 0, 0), self.refuse)


class Replaced(Scenario):
    """connect puts another socket in place; it answers as the port says."""

    calls = ("connect",)
    late = False

    def connect(self, call):
        port = int.from_bytes(call.task.read(call.args[1], 4)[2:], "big")
        fd = call.args[0]
        if port == 1:
            return Replace(fd, self.ready(b"new"), Return(0))
        if port == 2:
            return Replace(fd, self.ready(b"new"), Fail(errno.EINPROGRESS))
        if port == 3:
            return Replace(fd + 500, self.ready(b"new"), Return(0))
        if self.late:
            return Return(0)
        self.late = True
        mine, theirs = socket.socketpair()
        self.kept.append(mine)
        self.reactor.call_at(time.monotonic() + 0.05, lambda: mine.sendall(b"late"))
        return Replace(fd, theirs.detach(), Wait(fd, select.POLLIN))


class Parking(Scenario):
    """listen parks: backlog 0: at once, 1: for 50 ms, 2: until 0.1 s are over, 3: for ever.

    What was to end a sleep that a signal ended comes during the next one of 50 ms.
    """

    calls = ("listen",)
    done = False

    def __init__(self, engine):
        super().__init__(engine)
        self.stale = []

    def start(self, call, backlog):
        def start(resume):
            def come():
                self.done = True
                resume()
                resume()

            now = time.monotonic()
            if self.rings(call):
                self.stale.append(come)
            elif backlog == 0:
                come()
            elif backlog == 1:
                for late in self.stale:
                    self.reactor.call_at(now + 0.02, late)
                self.reactor.call_at(now + 0.05, come)

        return start

    def listen(self, call):
        fd, backlog = call.args[0], call.args[1] & ~RUNG
        if self.done:
            self.done = False
            return Return(backlog + 100)
        if fd == 1:
            return Park(self.start(call, backlog), 10, restart=False)
        return Park(self.start(call, backlog), 0.1 if backlog == 2 else None, errno.ETIMEDOUT)


class Waiting(Scenario):
    """listen waits for its descriptor, again and again, for 0.2 s in all; for 10 s where it is rung for."""

    calls = ("listen",)

    def listen(self, call):
        fd, restart = call.args
        self.rings(call)
        return Wait(fd, select.POLLIN, 10 if restart & RUNG else 0.2, errno.ETIMEDOUT, bool(restart & 1))


class Serving(Scenario):
    """The reactor serves a pipe and timers while the program makes calls, and while it makes none."""

    calls = ("listen",)
    ticks = told = 0

    def __init__(self, engine):
        super().__init__(engine)
        self.pipe = os.pipe()
        self.reactor.add(self.pipe[0], select.EPOLLIN, self.read)
        self.tick()

    def tick(self):
        self.ticks += 1
        os.write(self.pipe[1], b"x")
        self.reactor.call_at(time.monotonic() + 0.01, self.tick)

    def read(self, events):
        self.told += len(os.read(self.pipe[0], 100))

    def listen(self, call):
        return Return(min(self.told, self.ticks))


SCENARIOS = {
    each.__name__: each
    for each in (MadeKept, MadeOther, MadeFails, Replaced, Parking, Waiting, Serving)
}


def start_ptrace(argv, scenario):
    from ptrace_net.tracer.engine import Engine
    from ptrace_net.tracer.spawn import failure_of, spawn_traced

    engine = Engine(lambda call: provider.dispatch(call), machine())
    provider = scenario(engine)
    rules = [Rule(call) for call in (*scenario.calls, "socketcall")]
    engine.root, report = spawn_traced(argv, assemble(rules, arches()), engine.seize)
    engine.until_executed()
    assert failure_of(report) is None
    return engine


def start_notify(argv, scenario):
    from ptrace_net.tracer.notify import NotifyEngine
    from ptrace_net.tracer.spawn import failure_of, spawn_notified

    engine = NotifyEngine(lambda call: provider.dispatch(call), arches())
    provider = scenario(engine)
    rules = [Rule(call, (), NOTIFY) for call in (*scenario.calls, "socketcall")]
    pid, listener, report = spawn_notified(argv, assemble(rules, arches()))
    assert failure_of(report) is None
    engine.attend(pid, listener)
    return engine


if __name__ == "__main__":
    START = {"ptrace": start_ptrace, "notify": start_notify}
    sys.exit(supervise(START[sys.argv[1]](sys.argv[3:], SCENARIOS[sys.argv[2]])))
