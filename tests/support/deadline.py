"""Waiting with a deadline: for a condition, a line from a pipe, the end of a program.

Only time in which this process could run counts. A virtual machine may be suspended for half a minute and its
clocks go on: nobody on it is late for that.
"""

import select
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import IO, Any, TypeVar

T = TypeVar("T")

INTERVAL = 0.02
TURN = 0.5  # seconds: the longest sleep between two looks at the clock


class Deadline:
    """``seconds`` from now on; of what passes between two questions, no more counts than two turns."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds
        self._asked = time.monotonic()

    def over(self) -> bool:
        now = time.monotonic()
        self.left -= min(now - self._asked, 2 * TURN)
        self._asked = now
        return self.left <= 0


def wait_until(poll: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Call `poll` until it returns something true, and return that.

    Raises TimeoutError, naming `what`, when `seconds` have passed; `poll` runs at least once.
    """
    deadline = Deadline(seconds)
    while True:
        if value := poll():
            return value
        if deadline.over():
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(INTERVAL)


def readable(stream: IO[bytes] | int, seconds: float) -> bool:
    """Whether there is something to be read, or the end, within `seconds`."""
    deadline = Deadline(seconds)
    while not select.select([stream], [], [], TURN)[0]:
        if deadline.over():
            return False
    return True


def read_line(stream: IO[bytes], seconds: float = 10.0) -> bytes:
    """The next line of a pipe whose writer flushes whole lines; TimeoutError when none comes."""
    if not readable(stream, seconds):
        raise TimeoutError(f"no line within {seconds} s")
    return stream.readline()


def communicate(process: subprocess.Popen[Any], seconds: float) -> tuple[Any, Any]:
    """Popen.communicate with such a deadline, without input."""
    deadline = Deadline(seconds)
    while True:
        try:
            return process.communicate(timeout=TURN)
        except subprocess.TimeoutExpired as expired:
            if deadline.over():
                expired.timeout = seconds
                raise


def run(
    command: Sequence[str], seconds: float, *, capture_output: bool = True, **how: Any
) -> subprocess.CompletedProcess[Any]:
    """subprocess.run with such a deadline, which the program does not outlive; with input the clock's."""
    if "input" in how:
        return subprocess.run(command, timeout=seconds, capture_output=capture_output, check=False, **how)
    if capture_output:
        how["stdout"] = how["stderr"] = subprocess.PIPE
    with subprocess.Popen(command, **how) as process:
        try:
            output, errors = communicate(process, seconds)
        except BaseException:
            process.kill()
            raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)
