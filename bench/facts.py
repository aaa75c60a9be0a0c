"""What a reader must know of the machine to judge the figures; nothing that identifies it."""

import os
import platform
import subprocess
import sysconfig
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
    """Whether the hot modules of what is installed beside this interpreter are compiled."""
    return any(Path(sysconfig.get_path("platlib"), "ptrace_net").glob("reactor.*.so"))


def facts() -> dict[str, str]:
    """Name → value, in the order in which they are shown."""
    return {
        "processor": cpu_model(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "python": platform.python_version() + (", compiled" if is_compiled() else ""),
        "commit": commit(),
    }
