"""One ptrace-net run (or one native process tree) with several programs in it, driven from a test.

`Session` talks to support/agent.py, which runs inside. Each program's output goes to files below the
session's directory. When a session closes, its programs are ended, and a process that outlives them is an
error. A session that must do without AF_INET6 checks after every step that no such socket exists.
"""

import json
import os
import select
import shlex
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from . import agent, leftovers
from .domains import inet6_descriptors
from .procnet import inet6_in_use

STEP = 15.0  # seconds a step may take unless the test says otherwise
SLACK = 5.0  # seconds more that the agent's answer may take to arrive


class StepFailed(AssertionError):
    """A program inside the session did not do what the step asked for; the text ends with its output."""


@dataclass(frozen=True, slots=True)
class Finished:
    """How a program ended: `status` as Popen.returncode, the bytes it wrote."""

    status: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return self.stdout.decode(errors="replace")


@dataclass(slots=True)
class Program:
    """One program running inside a session."""

    session: "Session"
    argv: list[str]
    pid: int
    out: Path
    err: Path

    def wait(self, seconds: float = STEP) -> Finished:
        status = self.session.ask(seconds, self, do="wait", pid=self.pid, seconds=seconds)["status"]
        return Finished(status, self.out.read_bytes(), self.err.read_bytes())

    def send(self, number: signal.Signals) -> None:
        self.session.ask(STEP, self, do="kill", pid=self.pid, signal=int(number))

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = STEP) -> Finished:
        """Send a signal and wait until the program has ended."""
        self.send(number)
        return self.wait(seconds)

    def complaint(self) -> str:
        tail = (self.out.read_bytes() + self.err.read_bytes())[-2000:].decode(errors="replace")
        return f"\n$ {shlex.join(self.argv)}\n{tail}"


@dataclass(slots=True)
class Session:
    """`prefix` is put before the agent's own command; `without_inet6` asks for the checks named above."""

    prefix: tuple[str, ...]
    folder: Path
    without_inet6: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    _agent: subprocess.Popen[str] | None = None
    _log: IO[bytes] | None = None
    _before: set[psutil.Process] = field(default_factory=set)
    _started: int = 0

    def __enter__(self) -> "Session":
        self._before = leftovers.descendants()
        self._log = open(self.folder / "agent.err", "ab")
        self._agent = subprocess.Popen(
            [*self.prefix, sys.executable, agent.__file__], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True,
        )  # fmt: skip
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(BrokenPipeError):
            self._agent.stdin.close()
        try:
            status: int | str = self._agent.wait(SLACK)
        except subprocess.TimeoutExpired:
            status = f"none: still running {SLACK} s after its last program ended"
        remaining = leftovers.left_behind(self._before)
        self._agent.wait(SLACK)
        self._agent.stdout.close()
        self._log.close()
        if kind is None:
            assert (status, remaining) == (0, []), self._said()

    def _said(self) -> str:
        return "\n" + (self.folder / "agent.err").read_text(errors="replace")[-3000:]

    @property
    def pid(self) -> int:
        """The first process of the run: ptrace-net itself where there is one, else the agent."""
        return self._agent.pid

    def ask(self, patience: float, about: Program | None = None, /, **request: Any) -> dict[str, Any]:
        """Send one request to the agent and return its answer, which may take `patience` seconds.

        Raises StepFailed when the answer is an error, or does not come; then nothing more can be asked.
        """
        answer = self._exchange(json.dumps(request) + "\n", patience + SLACK)
        if "error" in answer:
            complaint = about.complaint() if about else ""
            raise StepFailed(f"{request['do']}: {answer['error']}{complaint}{self._said()}")
        if self.without_inet6:
            self._assert_no_inet6()
        return answer

    def _exchange(self, line: str, seconds: float) -> dict[str, Any]:
        with suppress(BrokenPipeError):  # the run has ended: so says the end of its output
            self._agent.stdin.write(line)
            self._agent.stdin.flush()
        if not select.select([self._agent.stdout], [], [], seconds)[0]:
            return {"error": f"no answer from inside the run within {seconds} s"}
        return json.loads(self._agent.stdout.readline() or '{"error": "the run has ended"}')

    def _assert_no_inet6(self) -> None:
        members = [self.pid, *(child.pid for child in psutil.Process(self.pid).children(recursive=True))]
        found = {pid: fds for pid in members if (fds := inet6_descriptors(pid))}
        assert not found, f"AF_INET6 sockets of the kernel, descriptors by process: {found}"
        assert not inet6_in_use(self.pid)

    def start(self, *argv: str | Path, stdin: Path | None = None) -> Program:
        """Start a program in the session's folder and return at once."""
        self._started += 1
        words = [str(word) for word in argv]
        out, err = (self.folder / f"{self._started}-{Path(words[0]).name}.{end}" for end in ("out", "err"))
        request = {"argv": words, "out": str(out), "err": str(err), "stdin": stdin and str(stdin)}
        pid = self.ask(STEP, None, do="start", **request)["pid"]
        return Program(self, words, pid, out, err)

    def run(self, *argv: str | Path, seconds: float = STEP, **how: Any) -> Finished:
        """Start a program and wait for its end."""
        return self.start(*argv, **how).wait(seconds)

    def output(self, *argv: str | Path, seconds: float = STEP, **how: Any) -> str:
        """What a program that must succeed wrote to standard output."""
        program = self.start(*argv, **how)
        done = program.wait(seconds)
        if done.status:
            raise StepFailed(f"status {done.status}{program.complaint()}{self._said()}")
        return done.text

    def serve(self, *argv: str | Path, port: int, kind: str = "tcp", **how: Any) -> Program:
        """Start a server and return when `port` is open."""
        server = self.start(*argv, **how)
        self.await_port(port, kind, about=server)
        return server

    def await_port(self, port: int, kind: str = "tcp", about: Program | None = None) -> None:
        self.ask(STEP, about, do="listening", port=port, kind=kind, seconds=STEP)
