"""What a reader must know of the machine to judge the figures; nothing that identifies it."""

import importlib.util
import os
import platform
import subprocess
from pathlib import Path

from bench.configurations import ROOT


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("model name", "Processor", "uarch"):
            return value.strip()
    return platform.machine()


def commit() -> str:
    """The checkout's commit, with + for local changes; "unknown" outside a checkout."""
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    describe = ["describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run([*git, *describe], capture_output=True, text=True, timeout=10)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def is_compiled() -> bool:
    """Whether the installed ptrace_net has its hot modules compiled."""
    found = importlib.util.find_spec("ptrace_net.reactor")
    return found is not None and not (found.origin or "").endswith(".py")


def facts() -> dict[str, str]:
    """Name → value, in the order in which they are shown."""
    return {
        "processor": cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version() + (", compiled" if is_compiled() else ""),
        "commit": commit(),
    }
