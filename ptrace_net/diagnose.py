"""Why a run cannot start, in one line that names the remedy."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ptrace_net.tracer.spawn import SpawnError


def spawn_failed(error: SpawnError, program: str) -> str:
    reason = os.strerror(error.number)
    if error.step == "exec":
        return f"{program}: {_missing(program) if error.number == errno.ENOENT else reason}"
    if error.step == "seccomp" and error.number == errno.EBUSY:
        return "another supervisor listens to these processes already: use --engine ptrace, or end that one"
    if error.step == "seccomp":
        return f"the kernel refused the seccomp filter ({reason}): {_SECCOMP}"
    return f"ptrace is forbidden here ({reason}): {ptrace_remedy()}"


def _missing(program: str) -> str:
    """execvp(3) has found nothing; or a script whose interpreter, or a binary whose loader, is not there."""
    if "/" not in program:
        return "command not found"
    return "its interpreter is not there" if os.path.exists(program) else os.strerror(errno.ENOENT)


_SECCOMP = (
    "CONFIG_SECCOMP_FILTER must be on, and a container must allow seccomp(2) "
    "(for Docker: --security-opt seccomp=unconfined)"
)


def ptrace_remedy() -> str:
    """What keeps this process from tracing: Yama, a tracer of its own, or a container's filter."""
    scope = _first_line("/proc/sys/kernel/yama/ptrace_scope")
    if scope == "3":
        return "kernel.yama.ptrace_scope is 3; it can only be lowered by a reboot with another setting"
    if scope == "2" and os.geteuid() != 0:
        return "kernel.yama.ptrace_scope is 2: run as root, or `sysctl kernel.yama.ptrace_scope=1`"
    if _status("TracerPid") not in ("0", ""):
        tracer = _status("TracerPid")
        return f"it runs under a tracer itself (pid {tracer}), which takes its children: end that one first"
    if _status("Seccomp") == "2":
        return "a seccomp filter denies it; for Docker or Podman add --cap-add=SYS_PTRACE"
    return "a security module denies it; see the kernel's log"


def _status(key: str) -> str:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(key + ":"):
                return line.split(":")[1].strip()
    return ""


def _first_line(path: str) -> str:
    try:
        with open(path) as file:
            return file.readline().strip()
    except OSError:
        return ""
