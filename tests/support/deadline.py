"""Waiting with a deadline, for a condition or for a line from a pipe."""

import select
import time
from collections.abc import Callable
from typing import IO, TypeVar

T = TypeVar("T")

INTERVAL = 0.02


def wait_until(poll: Callable[[], T], what: str, seconds: float = 10.0) -> T:
    """Call `poll` until it returns something true, and return that.

    Raises TimeoutError, naming `what`, when `seconds` have passed; `poll` runs at least once.
    """
    deadline = time.monotonic() + seconds
    while True:
        if value := poll():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(INTERVAL)


def read_line(stream: IO[bytes], seconds: float = 10.0) -> bytes:
    """The next line of a pipe whose writer flushes whole lines; TimeoutError when none comes."""
    ready, _, _ = select.select([stream], [], [], seconds)
    if not ready:
        raise TimeoutError(f"no line within {seconds} s")
    return stream.readline()
