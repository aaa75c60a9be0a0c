"""Fixtures that build and run the conformance programs: once per session, under pytest-xdist too."""

import fcntl
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .harness import Outcome, Program, compile_program, execute

Run = Callable[..., Outcome]


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Program], Path]:
    """A function from a program to its executable, compiled by whoever asks first."""
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def executable(program: Program) -> Path:
        target = folder / f"native-{program}"
        with open(f"{target}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not target.exists():
                compile_program(program, target)
        return target

    return executable


@pytest.fixture(scope="session")
def run(build: Callable[[Program], Path], tmp_path_factory: pytest.TempPathFactory) -> Run:
    """``run(program)`` natively, or ``run(program, options)`` under ptrace-net with these options."""

    def once(program: Program, options: tuple[str, ...] | None = None) -> Outcome:
        command = [str(build(program))]
        if options is not None:
            command = [sys.executable, "-m", "ptrace_net", *options, "--", *command]
        return execute(command, tmp_path_factory.mktemp("run"))

    return once


@pytest.fixture(scope="session")
def native(run: Run) -> Callable[[Program], Outcome]:
    """The native outcome of a program, taken once per session and worker."""
    return functools.cache(run)
