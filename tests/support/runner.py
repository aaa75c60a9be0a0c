"""How a scenario is run: natively, or under ptrace-net, or under ptrace-net where there is no IPv6.

The native run is the oracle: what a test asserts of the others holds for it too.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .session import Session

PTRACE_NET = (sys.executable, "-m", "ptrace_net")
HOST = (*PTRACE_NET, "--net", "host", "--")
HOST_PTRACE = (*HOST[:-1], "--engine", "ptrace", "--")
STACK = (*PTRACE_NET, "--net", "stack", "--")


def environment() -> dict[str, str]:
    """The environment of every run: English messages, no proxy, servers found."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return {**kept, "LC_ALL": "C.UTF-8", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


@contextmanager
def named_network() -> Iterator[tuple[str, ...]]:
    """A network with a name; the words that run a command in it."""
    name = f"test-{os.getpid()}-{os.urandom(3).hex()}"
    keep = [*PTRACE_NET, "--net", "stack", "--name", name, "--", "sh", "-c", "echo up; exec sleep 600"]
    with subprocess.Popen(keep, env=environment(), stdout=subprocess.PIPE, start_new_session=True) as held:
        try:
            assert held.stdout is not None
            assert held.stdout.readline() == b"up\n"
            yield (*PTRACE_NET, "--join", name, "--")
        finally:
            held.terminate()


@dataclass(frozen=True, slots=True)
class Runner:
    """`enter`: the words that join a namespace; `supervise`: those that start ptrace-net; or ()."""

    name: str
    supervise: tuple[str, ...] = ()
    enter: tuple[str, ...] = ()
    without_inet6: bool = False

    def command(self, *argv: str | Path) -> list[str]:
        return [*self.enter, *self.supervise, *map(str, argv)]

    def session(self, folder: Path) -> Session:
        """A run in which several programs share one ptrace-net, with `folder` as working directory."""
        prefix = (*self.enter, *self.supervise)
        return Session(prefix, folder, without_inet6=self.without_inet6, environment=environment())

    def popen(self, *argv: str | Path, **how: Any) -> subprocess.Popen[bytes]:
        """Start one program under this runner, in a session (setsid(2)) of its own."""
        return subprocess.Popen(self.command(*argv), env=environment(), start_new_session=True, **how)

    @contextmanager
    def program(self, *argv: str | Path, **how: Any) -> Iterator[subprocess.Popen[bytes]]:
        """Like `popen`, for a block: at its end the process is killed if it still runs."""
        with self.popen(*argv, **how) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *argv: str | Path, seconds: float = 20.0, **how: Any) -> subprocess.CompletedProcess[bytes]:
        """Run one program to its end, its output collected; nothing of it remains when a deadline passes."""
        settings = {"env": environment(), "capture_output": True, "start_new_session": True, **how}
        return subprocess.run(self.command(*argv), timeout=seconds, check=False, **settings)
