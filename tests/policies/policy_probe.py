"""Runs of programs under policies, and how they ended."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from support.build import compile_c

HERE = Path(__file__).parent
SECONDS = 30


class Ran(NamedTuple):
    """How a run ended: the lines of standard output, what ptrace-net said, the exit status."""

    lines: list[str]
    said: str
    status: int


Under = Callable[..., Ran]


def build(name: str, factory: pytest.TempPathFactory, *flags: str) -> Path:
    """The compiled c/NAME.c, made once for all workers."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "policy-programs"
    folder.mkdir(exist_ok=True)
    return compile_c(HERE / "c" / f"{name}.c", folder, *flags)


def execute(words: list[str], seconds: float = SECONDS) -> Ran:
    done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    return Ran(done.stdout.splitlines(), done.stderr, done.returncode)
