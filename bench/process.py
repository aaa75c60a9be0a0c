"""Running one command: bounded, in a session of its own, with a failure as an exception that says it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil

PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h


class Failed(Exception):
    """A command that did not do what it should; the message says what was seen."""


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """What is started in the block ends with it, daemons too: orphans become our children meanwhile."""
    libc, here = ctypes.CDLL(None), psutil.Process()
    before = here.children()
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield
    finally:
        for _ in range(10):  # the children of one that ends are seen in the next turn
            left = [child for child in here.children() if child not in before]
            for child in left:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
            psutil.wait_procs(left, timeout=1)
            if not left:
                break
        libc.prctl(PR_SET_CHILD_SUBREAPER, 0)


def output(command: Sequence[str], environment: dict[str, str], folder: Path, seconds: float) -> str:
    """Standard output of a command in a session of its own, which is ended when it takes too long.

    It is taken with files: processes that a command leaves behind would keep a pipe open.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            start_new_session=True,
        ) as process:
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                end(process)
                raise Failed(f"no end within {seconds:g} s") from None
        printed, said = (text(file) for file in (out, err))
    if process.returncode:
        lines = said.strip().splitlines()
        raise Failed(f"exit status {process.returncode}" + (f": {lines[-1]}" if lines else ""))
    return printed


def end(process: subprocess.Popen[bytes]) -> None:
    """End a session: with SIGTERM, so that tools can take their files away, and with SIGKILL."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(2)
        os.killpg(process.pid, signal.SIGKILL)


def text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
