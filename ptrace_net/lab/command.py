"""What the commands share: options, and how they fail."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable

from ptrace_net.failure import OWN_FAILURE, Failure, complain


def command(
    parser: argparse.ArgumentParser, argv: list[str], act: Callable[[argparse.Namespace], int]
) -> int:
    """The exit status of ``act(options)``; 125 for a usage error, and for a Failure, which is one line."""
    try:
        options = parser.parse_args(argv)
    except SystemExit as usage:
        return OWN_FAILURE if usage.code else 0
    try:
        status = act(options)
        sys.stdout.flush()
    except Failure as failure:
        complain(str(failure))
        return failure.status
    except BrokenPipeError:  # a pager was closed: keep the interpreter's exit from writing what is left
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status
