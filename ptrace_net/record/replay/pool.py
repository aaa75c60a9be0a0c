"""The workers of one replay: started behind a prefix command, one for every descriptor table."""

import os
import select
import shlex
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, NamedTuple

import ptrace_net
from ptrace_net.record.errors import RecordError
from ptrace_net.record.replay import wire

START_LIMIT = 20.0
"""Seconds that a worker may take to answer, beyond what a call may block."""

_PACKAGE = "ptrace_net.record.replay"
_KILLED = 137
"""Status of a command whose policy says that the kernel panics: 128 + SIGKILL."""


class WorkersEnded(RecordError):
    """The command that runs the workers has ended; `panicked`: as a policy's kernel ends."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.panicked = status == _KILLED


class Answer(NamedTuple):
    """What a system call returned: result, errno (0: none), whether it had to be interrupted, the memory."""

    result: int
    errno: int
    blocked: bool
    out: list[bytes]


class _Pipes(NamedTuple):
    """The replay's ends of a worker's FIFOs, and their names."""

    requests: int
    answers: int
    names: tuple[str, str]


class Pool:
    """Worker processes by the number of their descriptor table; `prefix` is a command that runs a command."""

    def __init__(self, prefix: list[str], isolated: bool, first: int) -> None:
        self._folder = TemporaryDirectory(prefix="ptrace-net-replay-", ignore_cleanup_errors=True)
        self._made = 0  # a table's number may come again: its process executed another program
        self._pipes = {first: self._make_pipes()}
        python = [sys.executable, "-m"]
        self._command = [*prefix, *python, f"{_PACKAGE}.worker", *self._pipes[first].names]
        if prefix and isolated:
            self._command = [*python, f"{_PACKAGE}.isolate", *self._command]
        root = str(Path(ptrace_net.__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        try:
            self._process = subprocess.Popen(
                self._command, env=os.environ | {"PYTHONPATH": path}, stdin=subprocess.DEVNULL, cwd="/"
            )
        except OSError as error:
            self._close_all()
            raise RecordError(f"{self._command[0]}: {error.strerror}") from error
        try:
            self.alone = self._alone(first, "told" if prefix else "isolate") if isolated else "not asked for"
        except RecordError:
            self.__exit__(None, None, None)
            raise

    def _make_pipes(self) -> _Pipes:
        """The pipes of a worker to be; our end of its answers holds no writer, so that its end is seen."""
        self._made += 1
        names = tuple(f"{self._folder.name}/{self._made}.{way}" for way in ("in", "out"))
        for name in names:
            os.mkfifo(name, 0o600)
        requests = os.open(names[0], os.O_RDWR | os.O_CLOEXEC)
        answers = os.open(names[1], os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(answers, True)
        return _Pipes(requests, answers, (names[0], names[1]))

    def _alone(self, group: int, op: str) -> str:
        return str(self._ask(group, {"op": op})["why"])

    def __contains__(self, group: int) -> bool:
        return group in self._pipes

    def call(self, group: int, number: int, arguments: list[wire.Argument], limit: float) -> Answer:
        """Make a system call in the worker of `group`; `limit` seconds may it block."""
        answer = self._ask(group, {"op": "call", "nr": number, "args": arguments, "limit": limit}, limit)
        return Answer(
            answer["result"],
            answer["errno"],
            answer["blocked"],
            [bytes.fromhex(each) for each in answer["out"]],
        )

    def fork(self, parent: int, child: int) -> None:
        """Make the worker of `child` a copy of that of `parent`; what had this number before goes."""
        pipes = self._make_pipes()
        self._ask(parent, {"op": "fork", "in": pipes.names[0], "out": pipes.names[1]})
        if child in self._pipes:
            self._close(self._pipes[child])
        self._pipes[child] = pipes

    def end(self, group: int) -> None:
        """Let the worker of `group` end; its descriptors close with it."""
        if group in self._pipes:
            self._ask(group, {"op": "exit"})
            self._close(self._pipes.pop(group))

    def _ask(self, group: int, request: dict[str, Any], blocks: float = 0.0) -> dict[str, Any]:
        pipes = self._pipes[group]
        try:
            wire.send(pipes.requests, request)
            self._wait(pipes.answers, START_LIMIT + blocks)
            answer = wire.receive(pipes.answers)
        except OSError as error:
            self._raise_ended()
            raise RecordError(f"a worker of the replay does not answer: {error}") from error
        if answer is None:
            self._raise_ended()
            raise RecordError("a worker of the replay ended")
        return answer

    def _wait(self, answers: int, limit: float) -> None:
        """Until there is an answer, or the worker has ended. Raises `TimeoutError`."""
        poll, deadline = select.poll(), time.monotonic() + limit
        poll.register(answers, select.POLLIN)
        while not poll.poll(100):
            if self._process.poll() is not None:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing for {limit:.0f} s")

    def _raise_ended(self) -> None:
        """Raise `WorkersEnded` if the command that runs the workers has ended."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return
        text = f"the workers of the replay ended with status {status}: {shlex.join(self._command)}"
        raise WorkersEnded(text, status)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_all()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _close_all(self) -> None:
        for pipes in self._pipes.values():
            self._close(pipes)
        self._pipes.clear()
        self._folder.cleanup()

    @staticmethod
    def _close(pipes: _Pipes) -> None:
        os.close(pipes.requests)
        os.close(pipes.answers)
        for name in pipes.names:
            with suppress(FileNotFoundError):
                os.unlink(name)
