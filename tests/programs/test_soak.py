"""Whatever programs of a network do and however they end, nothing of them stays with its supervisor."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.deadline import wait_until
from support.runner import PTRACE_NET, environment, named_network

SOAK = Path(__file__).with_name("soak.py")
OPENED_ONCE = 4  # listeners of ours and their paths, a socket of sock_diag: at the first need


def supervisor_of(name: str) -> int:
    told = subprocess.run([*PTRACE_NET, "ps", "--json"], env=environment(), capture_output=True, check=True)
    return next(row["pid"] for row in map(json.loads, told.stdout.splitlines()) if row.get("name") == name)


def sockets_of(name: str) -> list[str]:
    command = [*PTRACE_NET, "ss", "--json", name]
    told = subprocess.run(command, env=environment(), capture_output=True, check=True)
    return told.stdout.decode().splitlines()


def descriptors(pid: int) -> int:
    """How many there are but for pidfds, of which the supervisor keeps some for threads that may call again.
    """
    links = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            links.append(os.readlink(f"/proc/{pid}/fd/{name}"))
    return sum("pidfd" not in link for link in links)


LONG = pytest.param(240, marks=[pytest.mark.slow, pytest.mark.timeout(400)])


@pytest.mark.parametrize("seconds", [5, LONG])
def test_nothing_stays(seconds: int) -> None:
    with named_network() as joined:
        name = joined[-2]
        pid = supervisor_of(name)
        before = descriptors(pid)
        command = [*joined, sys.executable, str(SOAK), str(seconds)]
        runs = [subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE) for seed in range(2)]
        for run in runs:
            said, _ = run.communicate(timeout=seconds + 60)
            assert run.returncode == 0
            acts, kinds = map(int, said.split())
            assert acts > 20
            assert kinds == 7
        wait_until(lambda: not sockets_of(name), "no socket left")
        wait_until(lambda: descriptors(pid) <= before + OPENED_ONCE, "no descriptor left")
