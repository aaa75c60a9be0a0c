"""Shared by all tests: which ptrace_net is under test, the command that runs it, and C programs.

The suite runs twice: against the checkout (`ptrace_net` found through the working directory) and against the
installed wheel (from another working directory). Child processes must find the same one, wherever they are
started, so the checkout's root goes into PYTHONPATH in the first case only.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import ptrace_net

ROOT = Path(__file__).resolve().parent.parent
IN_TREE = Path(ptrace_net.__file__).resolve().is_relative_to(ROOT / "ptrace_net")

# gcc-multilib, which brings /usr/include/asm, conflicts with Debian's cross compilers: take the native folder
# last instead. x86's asm headers serve both word sizes.
M32 = ("-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")

if IN_TREE:
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def pytest_report_header() -> str:
    """Say in the first lines of a run what is being tested."""
    return f"ptrace_net: {'the checkout' if IN_TREE else 'installed'} ({Path(ptrace_net.__file__).parent})"


@pytest.fixture(scope="session")
def ptrace_net_command() -> list[str]:
    """The argument vector that starts the ptrace-net under test; append options, ``--`` and a program."""
    return [sys.executable, "-m", "ptrace_net"]


@pytest.fixture(scope="session")
def compile_c(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``compile_c(source, *flags, compiler="gcc")`` → the path of the program; compiled once per session.

    `M32` stands for the flags of a 32-bit x86 program: ``compile_c(source, *M32)``. Warnings are errors.
    A missing compiler fails the test: `make check` installs what tests/**/packages.txt name.
    """
    folder = tmp_path_factory.mktemp("programs")
    made: dict[tuple[object, ...], Path] = {}

    def compile_once(source: Path, *flags: str, compiler: str = "gcc") -> Path:
        key = (source, flags, compiler)
        if key not in made:
            target = folder / f"{source.stem}-{len(made)}"
            options = ["-Wall", "-Werror", "-O1", "-pthread", "-o", str(target)]
            subprocess.run([compiler, *options, str(source), *flags], check=True, timeout=60)
            made[key] = target
        return made[key]

    return compile_once


@pytest.fixture
def needs() -> Callable[..., None]:
    """``needs("nginx", "curl")`` skips the test when a program is missing, and names it."""

    def check(*programs: str) -> None:
        missing = [name for name in programs if shutil.which(name) is None]
        if missing:
            pytest.skip(f"not installed: {', '.join(missing)}")

    return check
