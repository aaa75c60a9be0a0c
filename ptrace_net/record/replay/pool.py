"""The workers of one replay: started behind a prefix command, one for every descriptor table."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import ptrace_net
from ptrace_net.record.errors import RecordError
from ptrace_net.record.replay import wire

START_LIMIT = 20.0
"""Seconds that the first worker may take to answer."""


class Answer(NamedTuple):
    """What a system call returned: result, errno (0: none), whether it had to be interrupted, the memory."""

    result: int
    errno: int
    blocked: bool
    out: list[bytes]


class Pool:
    """Worker processes by the number of their descriptor table; `prefix` is a command that runs a command."""

    def __init__(self, prefix: list[str], isolated: bool, first: int) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(START_LIMIT)
        self._command = command = [
            *prefix,
            sys.executable,
            "-m",
            "ptrace_net.record.replay.worker",
            str(theirs.fileno()),
        ]
        root = str(Path(ptrace_net.__file__).resolve().parent.parent)
        path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
        try:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError as error:
            ours.close()
            raise RecordError(f"{command[0]}: {error.strerror}") from error
        finally:
            theirs.close()
        self._channels: dict[int, socket.socket] = {first: ours}
        self.alone = self._isolate(first) if isolated else "not asked for"

    def _isolate(self, group: int) -> str:
        return str(self._ask(group, {"op": "isolate"})[0]["why"])

    def __contains__(self, group: int) -> bool:
        return group in self._channels

    def call(self, group: int, number: int, arguments: list[wire.Argument], limit: float) -> Answer:
        """Make a system call in the worker of `group`; `limit` seconds may it block."""
        answer, _ = self._ask(group, {"op": "call", "nr": number, "args": arguments, "limit": limit})
        return Answer(
            answer["result"],
            answer["errno"],
            answer["blocked"],
            [bytes.fromhex(each) for each in answer["out"]],
        )

    def fork(self, parent: int, child: int) -> None:
        """Make the worker of `child` a copy of that of `parent`."""
        _, descriptors = self._ask(parent, {"op": "fork"})
        if not descriptors:
            raise RecordError("a worker of the replay could not fork")
        self._channels[child] = socket.socket(fileno=descriptors[0])
        self._channels[child].settimeout(START_LIMIT)

    def end(self, group: int) -> None:
        """Let the worker of `group` end; its descriptors close with it."""
        if group in self._channels:
            self._ask(group, {"op": "exit"})
            self._channels.pop(group).close()

    def _ask(self, group: int, request: dict[str, Any]) -> tuple[dict[str, Any], list[int]]:
        channel = self._channels[group]
        try:
            wire.send(channel, request)
            answer = wire.receive(channel)
        except OSError as error:
            raise RecordError(self._ended() or f"a worker of the replay does not answer: {error}") from error
        if answer is None:
            raise RecordError(self._ended() or "a worker of the replay ended")
        return answer

    def _ended(self) -> str:
        """What to say if the command that runs the workers has ended; empty while it runs."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            return ""
        return f"the workers of the replay ended with status {status}: {shlex.join(self._command)}"

    def __enter__(self) -> "Pool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for channel in self._channels.values():
            channel.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
