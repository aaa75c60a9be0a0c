"""Compile the test programs, once per test run even when several workers want them (fcntl.flock)."""

import fcntl
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

COMPILE_SECONDS = 120

# A 32-bit x86 program. /usr/include/asm belongs to gcc-multilib, which cross compilers replace: the native
# folder serves both word sizes, and comes last.
M32 = ("-m32", "-idirafter", "/usr/include/x86_64-linux-gnu")


Environment = dict[str, str]


def build_once(target: Path, command: Sequence[str | Path], environment: Environment | None = None) -> Path:
    """`target`, made by `command` unless it exists; the command writes to the path given as its word "{}"."""
    with open(target.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_suffix(".part")
            words = [str(unfinished) if word == "{}" else str(word) for word in command]
            made = subprocess.run(
                words, env={**os.environ, **(environment or {})}, capture_output=True, text=True,
                timeout=COMPILE_SECONDS, check=False,
            )  # fmt: skip
            if made.returncode:
                raise RuntimeError(f"{words}\n{made.stderr}")
            unfinished.rename(target)
    return target


def compile_c(source: Path, folder: Path, *flags: str) -> Path:
    """An executable in `folder`, named after the source and the first flag."""
    name = source.stem + "".join(flags[:1])
    options = ["-O1", "-Wall", "-Werror", "-pthread", *flags]
    return build_once(folder / name, ["gcc", *options, "-o", "{}", source])


def compile_go(source: Path, folder: Path) -> Path:
    """A static executable of one Go file that imports the standard library only."""
    static = {"CGO_ENABLED": "0", "GO111MODULE": "off", "GOFLAGS": ""}
    return build_once(folder / source.stem, ["go", "build", "-o", "{}", source], static)
