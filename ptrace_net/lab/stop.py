"""`ptrace-net stop NAME|PID`: end the programs of a run, and with them the run.

SIGTERM to each, and to those that are there after the grace time SIGKILL. The exit status is 0 when SIGTERM
was enough, 1 when it was not, 125 when there is no such run or it does not end.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

import psutil

from ptrace_net.failure import Failure, complain
from ptrace_net.lab.command import command
from ptrace_net.lab.entrance import Found
from ptrace_net.lab.visitor import ask, wanted

GRACE = 10.0
_KILLED = 1
_LOOK_EVERY = 0.02
_LAST = 10.0  # seconds that everything may take to go after SIGKILL


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ptrace-net stop", description="End the programs of a run.")
    parser.add_argument("run", metavar="NAME|PID", help="as `ptrace-net ps` shows it")
    parser.add_argument(
        "--grace", type=float, default=GRACE, metavar="SECONDS",
        help=f"time between SIGTERM and SIGKILL (default: {GRACE:.0f})",
    )  # fmt: skip
    return command(parser, argv, lambda options: stop(wanted(options.run), options.grace))


def stop(found: Found, grace: float) -> int:
    """The exit status. Raises Failure."""
    try:
        supervisor = psutil.Process(found.pid)
    except psutil.NoSuchProcess:
        return 0
    _each(_members(found), psutil.Process.terminate)
    if _ended(supervisor, grace):
        return 0
    until = time.monotonic() + _LAST
    while time.monotonic() < until:
        _each(_members(found), psutil.Process.kill)
        if _ended(supervisor, 10 * _LOOK_EVERY):
            return _KILLED
    _each([supervisor], psutil.Process.kill)  # its guard ends what is below it
    if _ended(supervisor, _LAST):
        return _KILLED
    raise Failure(f"the supervisor {found.pid} does not end")


def _members(found: Found) -> list[psutil.Process]:
    """The processes of the run; those below its supervisor where that does not answer."""
    try:
        pids = ask(found, "about").get("processes", ())
    except Failure:
        pids = ()
    members = []
    for pid in pids:
        try:
            members.append(psutil.Process(pid))
        except psutil.NoSuchProcess:
            continue
    try:
        return members or psutil.Process(found.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _each(processes: Iterable[psutil.Process], act: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        try:
            act(process)  # psutil looks whether it is still the same process
        except psutil.NoSuchProcess:
            continue
        except psutil.AccessDenied:
            complain(f"process {process.pid} is another user's and stays")


def _ended(supervisor: psutil.Process, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if not supervisor.is_running() or supervisor.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(_LOOK_EVERY)
    return False
