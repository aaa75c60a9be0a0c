"""What the commands share: how they fail, and where they write."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

from ptrace_net.record.errors import RecordError

FAILED = 125
"""Exit status of ptrace-net's own failure."""


class Parser(argparse.ArgumentParser):
    """Usage errors have the status of every other failure."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(FAILED, f"{self.prog}: error: {message}\n")


def guarded(run: Callable[[], int]) -> int:
    """Run a command; its own failure is one line on standard error and status 125."""
    try:
        return run()
    except RecordError as error:
        print(f"ptrace-net: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def write_lines(lines: Iterable[str]) -> None:
    """Lines to standard output; bytes that are not UTF-8 come out as they came in."""
    out = sys.stdout
    for line in lines:
        out.write(line.encode("utf-8", "surrogateescape").decode("utf-8", "replace") + "\n")
    out.flush()


def write_file(path: str, data: str | bytes) -> None:
    """Write a file; ``-`` is standard output. Raises `RecordError`."""
    raw = data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data
    try:
        if path == "-":
            sys.stdout.flush()
            sys.stdout.buffer.write(raw)
            sys.stdout.buffer.flush()
            return
        with open(path, "wb") as file:
            file.write(raw)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise RecordError(f"{path}: {error.strerror}") from error
