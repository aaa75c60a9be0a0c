"""`ptrace-net ps`: the supervisors of this user that run, what runs in them, since when, with how much
memory, and what they said last.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from collections.abc import Iterable
from typing import Any

import psutil

from ptrace_net.failure import Failure
from ptrace_net.lab.command import command
from ptrace_net.lab.entrance import Found, supervisors
from ptrace_net.lab.table import table
from ptrace_net.lab.visitor import Gone, ask

_HEAD = ("NAME", "PID", "NET", "ENGINE", "SINCE", "MEMORY", "PROGRAM")
_DAY = 86400


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="ptrace-net ps", description="Show the runs of this user.")
    parser.add_argument("--json", action="store_true", help="one JSON object for each, with its processes")
    return command(parser, argv, _show)


def _show(options: argparse.Namespace) -> int:
    runs = [run for found in supervisors() if (run := described(found)) is not None]
    if options.json:
        for run in runs:
            print(json.dumps(run))
        return 0
    width = os.get_terminal_size().columns if sys.stdout.isatty() else 0
    lines = [line for run in runs for line in _lines(run)]
    print(table((_HEAD, *lines), width))
    return 0


def described(found: Found) -> dict[str, Any] | None:
    """What is to be known of a run; None when it has ended meanwhile."""
    try:
        about = ask(found, "about")
    except Gone:
        return None
    except Failure:
        about = {"pid": found.pid, "name": found.name or None, "silent": True}
    try:
        supervisor = psutil.Process(found.pid)
        about["since"] = supervisor.create_time()
        about["memory"] = supervisor.memory_full_info().uss
    except psutil.Error:
        return None
    about["processes"] = [told for pid in about.get("processes", ()) if (told := _process(pid)) is not None]
    return about


def _process(pid: int) -> dict[str, Any] | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return {"pid": pid, "ppid": process.ppid(), "name": process.name(), "argv": process.cmdline()}
    except psutil.Error:
        return None


def _lines(run: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    what = "does not answer" if run.get("silent") else _program(run["argv"], len(run["processes"]))
    yield (
        run["name"] or "-", str(run["pid"]), run.get("net", "?"), run.get("engine", "?"),
        _since(run["since"]), f"{run['memory'] / (1 << 20):.1f}M", what,
    )  # fmt: skip
    for member in run.get("joined", ()):
        yield ("", str(member["root"]), "", "", "", "", f"joined: {shlex.join(member['argv'])}")
    for line in run.get("said", ()):
        yield ("", "", "", "", _since(line["at"]), "", f"said: {line['text']}")


def _program(argv: list[str], count: int) -> str:
    return f"{shlex.join(argv)}  ({count} process{'' if count == 1 else 'es'})"


def _since(moment: float) -> str:
    shape = "%H:%M:%S" if time.time() - moment < _DAY else "%Y-%m-%d"
    return time.strftime(shape, time.localtime(moment))
