"""Builds and runs one conformance program.

Every ``*.c`` beside this file is one program. It is compiled once per session, also when pytest-xdist
spreads the tests over workers (a lock file per program), for x86-64 and i386 where the machine runs
both. A run has its own empty working directory, /dev/null as standard input and a session of its own,
so that a program that hangs is ended together with its children.
"""

import contextlib
import importlib.util
import os
import platform
import signal
import socket
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
FLAGS = ("-Wall", "-Wextra", "-Werror", "-O1", "-pthread")
# The kernel's asm/ headers are the same for both; without gcc-multilib only x86-64's directory has them.
I386_FLAGS = ("-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")
MACHINE_FLAGS = {"x86_64": {"x86_64": ("-m64",), "i386": I386_FLAGS}}
# The last one is long, and no layout differs.
ONLY_ON = {"int80": "x86_64", "socketcall": "i386", "port_matrix": "x86_64"}
TIMEOUT = 30.0


class Program(NamedTuple):
    """One C file built for one architecture."""

    name: str
    arch: str

    def __str__(self) -> str:
        return f"{self.name}-{self.arch}"


class Outcome(NamedTuple):
    """What a run printed and how it ended; status is negative for a signal, None if it was cut off."""

    stdout: str
    stderr: str
    status: int | None


def programs() -> list[Program]:
    """Every program of this folder for every architecture that it is meant for, by name."""
    machine = platform.machine()
    arches = MACHINE_FLAGS.get(machine, {machine: ()})
    names = sorted(path.stem for path in HERE.glob("*.c"))
    return [Program(n, a) for n in names for a in arches if ONLY_ON.get(n, a) == a]


def has_ipv6_loopback() -> bool:
    """Whether the native side can be asked about ``::1`` at all."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def compile_program(program: Program, target: Path) -> None:
    """Compile ``program`` to ``target``, which appears only when it is complete."""
    machine_flags = MACHINE_FLAGS.get(platform.machine(), {}).get(program.arch, ())
    partial = target.with_suffix(".partial")
    command = ["gcc", *machine_flags, *FLAGS, f"{HERE / program.name}.c", "-o", str(partial)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    if made.returncode:
        pytest.fail(
            f"{program} does not compile (i386 needs libc6-dev-i386, lib32gcc-12-dev):\n{made.stderr}",
            pytrace=False,
        )
    partial.rename(target)


def package_parent() -> str:
    """The directory that ``ptrace_net`` is imported from: the checkout or an installed wheel's."""
    spec = importlib.util.find_spec("ptrace_net")
    assert spec is not None
    assert spec.origin is not None
    return str(Path(spec.origin).parents[1])


def execute(command: list[str], cwd: Path) -> Outcome:
    """Run ``command`` in ``cwd`` for at most TIMEOUT seconds, then end its whole session."""
    env = os.environ | {"PYTHONPATH": package_parent(), "LC_ALL": "C"}
    process = subprocess.Popen(
        command, cwd=cwd, env=env, text=True, errors="backslashreplace", start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    status: int | None = None
    try:
        stdout, stderr = process.communicate(timeout=TIMEOUT)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr = process.communicate()
    return Outcome(stdout, stderr, status)
