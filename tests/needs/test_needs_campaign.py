"""Runs spread over the workers of a Dask scheduler, and fault campaigns as tests under pytest-xdist."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SECONDS = 110
SERVER = (
    "import socket\n"
    "server = socket.socket()\n"
    "try: server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
    "except OSError: pass\n"
    "server.bind(('127.0.0.1', 0)); server.listen()\n"
)


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers of their own processes, on this machine."""
    distributed = pytest.importorskip("distributed", reason="an optional extra: ptrace-net[campaign]")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_runs_on_the_workers_of_a_scheduler(
    scheduler: str, ptrace_net_command: list[str], tmp_path: Path
) -> None:
    told = tmp_path / "told.json"
    done = subprocess.run(
        [
            *ptrace_net_command,
            "needs",
            "--check-exit",
            "--scheduler",
            scheduler,
            "--json",
            "-o",
            str(told),
            "--",
            sys.executable,
            "-c",
            SERVER,
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    whole = json.loads(told.read_text())
    assert {"bind", "listen", "socket"} <= {each["key"][0] for each in whole["essential"]}
    assert "setsockopt" in {each["key"][0] for each in whole["tolerated"]}


def test_no_scheduler_there(ptrace_net_command: list[str]) -> None:
    pytest.importorskip("distributed", reason="an optional extra: ptrace-net[campaign]")
    done = subprocess.run(
        [*ptrace_net_command, "needs", "--check-exit", "--scheduler", "tcp://127.0.0.1:1", "--", "true"],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 125
    assert "no scheduler at tcp://127.0.0.1:1" in done.stderr


CAMPAIGN = '''
import subprocess, sys
import pytest

CLIENT = """
import socket
one, other = socket.socketpair()
one.sendall(b"x" * 1000)
got = b""
while len(got) < 1000: got += other.recv(1000)
"""

@pytest.mark.parametrize("seed", range(6))
def test_survives_short_reads(seed):
    rule = ["--seed", str(seed), "--inject", "recvfrom:short=7:probability=50%"]
    done = subprocess.run([sys.executable, "-m", "ptrace_net", *rule, "--", sys.executable, "-c", CLIENT])
    assert done.returncode == 0
'''


@pytest.mark.slow
def test_a_fault_campaign_is_a_test_run(tmp_path: Path) -> None:
    """As docs/needs.md has it: seeds are parameters, pytest-xdist spreads them."""
    (tmp_path / "test_campaign.py").write_text(CAMPAIGN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
        cwd=tmp_path,
    )
    assert "6 passed" in done.stdout
