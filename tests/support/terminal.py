"""An interactive bash on a pseudo-terminal (pty(7)), as a user has it: job control, ^C, ^Z.

It shows no prompt and no echo, so that all that is read was written by a command or by job control.
"""

import os
import pty
import re
import select
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

SHELL = ["bash", "--norc", "--noprofile", "--noediting", "-i"]
INTERRUPT, SUSPEND, QUIT, END_OF_INPUT = "\x03", "\x1a", "\x1c", "\x04"


@dataclass(slots=True)
class Terminal:
    """Type with `send`, read with `expect`; every wait ends after `patience` seconds."""

    folder: Path
    environment: dict[str, str]
    patience: float = 10.0
    seen: str = ""
    _master: int = -1
    shell: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> "Terminal":
        self._master, slave = pty.openpty()
        surroundings = {**self.environment, "PS1": "", "PS2": "", "TERM": "dumb"}
        self.shell = subprocess.Popen(
            SHELL, stdin=slave, stdout=slave, stderr=slave, cwd=self.folder, env=surroundings,
            preexec_fn=lambda: os.login_tty(slave),
        )  # fmt: skip
        os.close(slave)
        self.command("stty -echo; echo shell $((40 + 2))")
        self.expect("^shell 42$")
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._master)  # hangs up: SIGHUP to the session
        try:
            self.shell.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.shell.kill()
            self.shell.wait()

    def send(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def command(self, line: str) -> None:
        self.send(line + "\n")

    def expect(self, pattern: str) -> re.Match[str]:
        """Read until `pattern` (^ and $ match at lines) is found; what comes up to its end is used up.

        Raises TimeoutError with the text that came instead.
        """
        deadline = time.monotonic() + self.patience
        while (match := re.search(pattern, self.seen, re.MULTILINE)) is None:
            ready, _, _ = select.select([self._master], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(f"{pattern!r} did not come, but {self.seen!r}")
            self.seen += os.read(self._master, 4096).decode(errors="replace").replace("\r", "")
        self.seen = self.seen[match.end() :]
        return match

    def status(self) -> int:
        """The status of the last command, as the shell tells it."""
        self.command("echo status=$?")
        return int(self.expect(r"^status=(\d+)\n")[1])
