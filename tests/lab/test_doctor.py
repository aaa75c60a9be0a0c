"""ptrace-net doctor: what it finds where something is missing, made to be so by seccomp filters.

What it says of a healthy machine is compared with what runs here.
"""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.runner import PTRACE_NET, environment

from ptrace_net.abi.arch import X86_64

DENY = [sys.executable, str(Path(__file__).with_name("seccomp_denials.py"))]
NUMBERS = X86_64.syscalls
SECONDS = 60


def doctor(*before: str, options: tuple[str, ...] = ("--json",)) -> subprocess.CompletedProcess[str]:
    command = [*before, *PTRACE_NET, "doctor", *options]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=SECONDS, env=environment()
    )


def found(*before: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and the findings by what was looked at."""
    done = doctor(*before)
    assert done.stderr == ""
    return done.returncode, {row["what"]: row for row in map(json.loads, done.stdout.splitlines())}


def denied(number: int, *calls: str) -> list[str]:
    return [*DENY, ",".join(str(NUMBERS[call]) for call in calls), str(number)]


def test_a_machine_on_which_the_tests_run() -> None:
    status, rows = found()
    assert status == 0
    for engine in ("ptrace", "notify"):
        command = [*PTRACE_NET, "--engine", engine, "--net", "host", "--", "true"]
        works = subprocess.run(command, capture_output=True, check=False).returncode == 0
        told = rows[f"a run with --engine {engine}"]
        assert (told["state"] == "ok") is works, told
    assert {row["state"] for row in rows.values()} <= {"ok", "limited", "missing", "note"}
    assert not [what for what, row in rows.items() if row["state"] == "missing" and not row["remedy"]]


def test_as_text() -> None:
    done = doctor(*denied(errno.EPERM, "ptrace"), options=())
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("missing ptrace: refused"))
    assert lines[at + 1].startswith("        => a seccomp filter denies it")
    assert lines[-1].startswith("Programs can be run (engines: notify); ")


CASES = [
    ("ptrace", errno.EPERM, "ptrace", "missing", "SYS_PTRACE"),
    ("pidfd_getfd", errno.EPERM, "descriptors of another process (pidfd_getfd)", "missing", "container"),
    ("process_vm_readv", errno.EPERM, "memory of another process", "missing", "container"),
    ("process_vm_readv", errno.EPERM, "memory of programs that join", "missing", "ptrace_scope"),
    ("memfd_create", errno.ENOSYS, "sealed memory files (memfd)", "missing", "memfd_create"),
    ("pidfd_open", errno.ENOSYS, "pidfds of threads", "missing", "--engine ptrace"),
    ("mkdir", errno.EROFS, "a folder for sockets", "missing", "/tmp"),
]


@pytest.mark.parametrize(("call", "number", "what", "state", "remedy"), CASES)
def test_what_is_refused_is_found(call: str, number: int, what: str, state: str, remedy: str) -> None:
    _, rows = found(*denied(number, call))
    assert rows[what]["state"] == state
    assert remedy in rows[what]["remedy"]


def test_without_seccomp_listeners() -> None:
    """An old kernel, or a container that denies seccomp(2)."""
    status, rows = found(*denied(errno.EINVAL, "seccomp"))
    assert rows["seccomp user notification"]["state"] == "missing"
    assert rows["a run with --engine notify"]["state"] == "missing"
    assert status == (0 if rows["a run with --engine ptrace"]["state"] == "ok" else 1)


def test_where_nothing_works() -> None:
    status, rows = found(*denied(errno.EPERM, "ptrace", "seccomp"))
    assert status == 1
    assert {rows[f"a run with --engine {name}"]["state"] for name in ("ptrace", "notify")} == {"missing"}


def test_inside_a_run() -> None:
    """Another supervisor listens there already."""
    status, rows = found(*PTRACE_NET, "--net", "none", "--engine", "notify", "--")
    assert status in (0, 1)
    row = rows["seccomp user notification"]
    assert (row["state"], row["told"]) == (
        "missing", "another supervisor listens to these processes already",
    )  # fmt: skip


BECOME = """
import ctypes, json, os, sys
from ptrace_net.doctor import command, network, system
os.setgroups([]), os.setresgid(65534, 65534, 65534), os.setresuid(65534, 65534, 65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # PR_SET_DUMPABLE, as after an exec
for check in (system.privileges, network.tap, network.low_ports): print(json.dumps(check()._asdict()))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user takes root")
def test_an_ordinary_user() -> None:
    """TAP devices and low ports are not for everybody. (The interpreter may be root's alone: no exec.)"""
    command = [sys.executable, "-c", BECOME]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment())
    privileges, tap, ports = map(json.loads, done.stdout.splitlines())
    assert privileges["state"] == "note"
    assert "no_new_privs" in privileges["told"]
    assert tap["state"] in ("limited", "missing")
    assert "/dev/net/tun" in tap["remedy"] or "ip tuntap add" in tap["remedy"]
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        assert ports["state"] == ("note" if int(file.read()) else "ok")
