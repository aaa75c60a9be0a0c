"""Running one command: bounded, in a session of its own, with a failure as an exception that says it."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path


class Failed(Exception):
    """A command that did not do what it should; the message says what was seen."""


def output(command: Sequence[str], environment: dict[str, str], folder: Path, seconds: float) -> str:
    """Standard output of a command in a session of its own, which is ended when it takes too long."""
    with subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise Failed(f"no end within {seconds:g} s") from None
    if process.returncode:
        said = err.strip().splitlines()
        raise Failed(f"exit status {process.returncode}" + (f": {said[-1]}" if said else ""))
    return out
