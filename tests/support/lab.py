"""A network with a name, for tests that join it, look at it and end it."""

import itertools
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .deadline import wait_until
from .runner import PTRACE_NET, environment

_count = itertools.count()
SECONDS = 30.0


@dataclass(slots=True)
class Lab:
    """A network with a name of its own; `start` gives it its first program."""

    folder: Path
    name: str = field(default_factory=lambda: f"t{os.getpid()}-{next(_count)}")
    commands: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *argv: str | Path, options: tuple[str, ...] = ("--net", "none"), **how: Any) -> Any:
        """The command that names the network; returns when others can join it."""
        process = self.popen("--name", self.name, *options, "--", *argv, **how)
        wait_until(lambda: self.name in self.command("ps").stdout.decode().split(), "the run is there")
        return process

    def join(self, *argv: str | Path, **how: Any) -> subprocess.Popen[bytes]:
        return self.popen("--join", self.name, "--", *argv, **how)

    def run(self, *argv: str | Path, **how: Any) -> subprocess.CompletedProcess[bytes]:
        """A joined program, run to its end."""
        return self.command("--join", self.name, "--", *argv, **how)

    def popen(self, *words: str | Path, **how: Any) -> subprocess.Popen[bytes]:
        settings = {"env": environment(), "cwd": self.folder, "start_new_session": True, **how}
        process = subprocess.Popen([*PTRACE_NET, *map(str, words)], **settings)
        self.commands.append(process)
        return process

    def command(self, *words: str | Path, **how: Any) -> subprocess.CompletedProcess[bytes]:
        settings = {"env": environment(), "cwd": self.folder, "timeout": SECONDS, **how}
        return subprocess.run([*PTRACE_NET, *map(str, words)], capture_output=True, check=False, **settings)

    def close(self) -> None:
        for process in self.commands:
            if process.poll() is None:
                process.terminate()
        for process in self.commands:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
