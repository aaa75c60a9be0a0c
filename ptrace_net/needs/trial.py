"""One run of a program without some features, and whether it still does what it is for.

The check is a shell command that is tried until it succeeds, the program has ended, or the time is over; or
the program's own exit status. Every run has a folder and a port of its own, so that many can go on side by
side: ``{dir}`` and ``{port}`` in words and check, PTRACE_NET_DIR and PTRACE_NET_PORT in the environment.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from typing import NamedTuple

PAUSE, MERCY = 0.05, 3.0  # seconds between checks, and between SIGTERM and SIGKILL
halted = threading.Event()  # no more trials: those under way end


class Trial(NamedTuple):
    """What to run: ``options`` are those of ptrace-net, ``policy`` is the text of one more policy."""

    argv: tuple[str, ...]
    check: str | None  # None: the program ends with 0
    seconds: float
    options: tuple[str, ...] = ()
    policy: str = ""
    collect: str = ""  # the file that a collecting run writes


class Outcome(NamedTuple):
    """``said``: the end of what the program wrote, of a run that failed."""

    passed: bool
    seconds: float
    said: str = ""


def perform(trial: Trial) -> Outcome:
    """Run it to its end; nothing of it remains."""
    if halted.is_set():
        return Outcome(False, 0.0)
    folder = tempfile.mkdtemp(prefix="ptrace-net-needs-")
    try:
        return _perform(trial, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _perform(trial: Trial, folder: str) -> Outcome:
    port = str(_free_port())
    environment = {**os.environ, "PTRACE_NET_DIR": folder, "PTRACE_NET_PORT": port}
    begun = time.monotonic()
    with open(f"{folder}/output", "wb") as output:
        process = subprocess.Popen(
            _words(trial, folder, port), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            env={**environment, "PTRACE_NET_OUTPUT": f"{folder}/output"}, start_new_session=True,
        )  # fmt: skip
        try:
            passed = _passes(trial, process, folder, port, environment)
        finally:
            _end(process)
    said = "" if passed else _tail(f"{folder}/output")
    return Outcome(passed, time.monotonic() - begun, said)


def _words(trial: Trial, folder: str, port: str) -> list[str]:
    argv = [_filled(word, folder, port) for word in trial.argv]
    with open(f"{folder}/without.toml", "w", encoding="utf-8") as file:
        file.write(trial.policy)
    options = [*trial.options, "--policy", f"{folder}/without.toml"]
    if trial.collect:
        options = ["needs", "--collect", trial.collect, *options]
    return [sys.executable, "-m", "ptrace_net", *options, "--", *argv]


def _filled(text: str, folder: str, port: str) -> str:
    return text.replace("{dir}", folder).replace("{port}", port)


def _passes(
    trial: Trial, process: subprocess.Popen[bytes], folder: str, port: str, environment: dict[str, str]
) -> bool:
    until = time.monotonic() + trial.seconds
    while not halted.is_set():
        status = process.poll()
        left = until - time.monotonic()
        if trial.check is None:
            if status is not None:
                return status == 0
        elif left > 0 and _checked(_filled(trial.check, folder, port), status, left, environment):
            return True
        if left <= 0 or (status is not None and trial.check is not None):
            return False
        time.sleep(PAUSE)
    return False


def _checked(check: str, status: int | None, seconds: float, environment: dict[str, str]) -> bool:
    told = {**environment, "PTRACE_NET_STATUS": "" if status is None else str(status)}
    shell = subprocess.Popen(
        ["sh", "-c", check], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**told, "PTRACE_NET_OUTPUT": f"{environment['PTRACE_NET_DIR']}/output"}, start_new_session=True,
    )  # fmt: skip
    try:
        return shell.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        _kill_group(shell.pid, signal.SIGKILL)
        shell.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask, then insist: the programs end with their supervisor."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(MERCY)
    _kill_group(process.pid, signal.SIGKILL)
    process.wait()


def _kill_group(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _free_port() -> int:
    """A port that is free for TCP and UDP now."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagram:
            stream.bind(("127.0.0.1", 0))
            port: int = stream.getsockname()[1]
            with suppress(OSError):
                datagram.bind(("127.0.0.1", port))
                return port


def _tail(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read()[-2000:].decode(errors="replace")
    except OSError:
        return ""
