"""Waiting with a deadline: every wait of the test suite goes through `wait_until`."""

import time
from collections.abc import Callable
from typing import TypeVar

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
