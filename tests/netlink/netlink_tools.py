"""A command line natively, in a namespace with the configuration of the model, and under ptrace-net."""

import subprocess

from netlink_net import Kernel


def ours(ptrace_net_command: list[str], script: str, *options: str, timeout: float = 60) -> str:
    """What a shell script prints under ptrace-net; fails where the script does."""
    done = subprocess.run(
        [*ptrace_net_command, "--net", "stack", *options, "--", "sh", "-ec", script],
        capture_output=True, text=True, timeout=timeout,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def natively(linux: Kernel, script: str) -> str:
    return linux.shell(script)
